//! The one place of this program that reads the clock.
//!
//! A clock that is set back would bring what has expired to life again: codes, challenges,
//! revocation lists, sessions (attack H15). So time only goes forward while the program runs: a
//! set-back clock is overruled by the monotonic one until it has caught up. A clock that was wrong
//! and far ahead keeps the program ahead until its next start; what expires early is asked for
//! again, what expires late is not.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Instant;

use cardea_provider::Clock;
use time::{Duration, OffsetDateTime};

/// How far the machine's clock may move against the monotonic one: not by itself.
const SET: Duration = Duration::seconds(30);
/// A clock that was set and stays so for this long is believed: somebody would have put it right.
const BELIEVED_AFTER: Duration = Duration::days(1);
/// How far the machine's clock may be behind before an operator is told.
const TOLERANCE: Duration = Duration::seconds(2);

/// The time that everything in this process goes by.
static TIME: Mutex<ForwardTime> = Mutex::new(ForwardTime {
    highest: None,
    is_behind: false,
});

/// What is known of settings of the clock.
static SETTINGS: Mutex<Settings> = Mutex::new(Settings {
    believed: None,
    doubted: None,
});

/// The machine's clock, in UTC, never going back while the program runs.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub(crate) struct SystemClock;

/// The highest time given so far, and when that was by the monotonic clock.
#[derive(Debug)]
struct ForwardTime {
    highest: Option<(OffsetDateTime, Instant)>,
    is_behind: bool,
}

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        let mut time = TIME.lock().unwrap_or_else(PoisonError::into_inner);
        time.advance(wall_clock(), Instant::now())
    }

    fn was_set_by(&self) -> Duration {
        let behind = Self::behind();
        if behind > TOLERANCE {
            return -behind;
        }
        let mut settings = SETTINGS.lock().unwrap_or_else(PoisonError::into_inner);
        settings.was_set_by(wall_clock(), since_boot())
    }
}

/// When the machine was started by its clock: that moves where the clock is set, and not while the
/// machine sleeps.
#[derive(Debug)]
struct Settings {
    /// The moment that is taken for the right one.
    believed: Option<OffsetDateTime>,
    /// Another one, and how long the machine ran when it was seen first.
    doubted: Option<(OffsetDateTime, Duration)>,
}

impl Settings {
    fn was_set_by(&mut self, wall: OffsetDateTime, since_boot: Duration) -> Duration {
        let started = wall - since_boot;
        let believed = *self.believed.get_or_insert(started);
        let by = started - believed;
        if by.abs() <= SET {
            self.doubted = None;
            return by;
        }
        match self.doubted {
            Some((doubted, since)) if (started - doubted).abs() <= SET => {
                if since_boot - since < BELIEVED_AFTER {
                    return by;
                }
                self.believed = Some(started);
                self.doubted = None;
                Duration::ZERO
            }
            _ => {
                self.doubted = Some((started, since_boot));
                by
            }
        }
    }
}

/// How long the machine has been running, asleep or not.
fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let nanos = i32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(time.tv_sec, nanos)
}

impl SystemClock {
    /// How far the machine's clock is behind, once after each time that it was set back.
    pub(crate) fn newly_behind() -> Option<Duration> {
        let mut time = TIME.lock().unwrap_or_else(PoisonError::into_inner);
        time.newly_behind(wall_clock(), Instant::now())
    }
}

/// Where the machine's clock stood against the monotonic one when it was first looked at.
static START: LazyLock<(OffsetDateTime, Instant)> =
    LazyLock::new(|| (wall_clock(), Instant::now()));

impl SystemClock {
    /// How far the machine's clock is behind the time that this program goes by.
    pub(crate) fn behind() -> Duration {
        let wall = wall_clock();
        (Self.now() - wall).max(Duration::ZERO)
    }

    /// Whether the machine's clock was set back, and has not caught up.
    pub(crate) fn is_set_back() -> bool {
        Self::behind() > TOLERANCE
    }

    /// How far the machine's clock has moved against the monotonic one since the first look: a step
    /// shows here, in either direction.
    pub(crate) fn drift() -> Duration {
        let (wall, at) = *START;
        (wall_clock() - wall) - at.elapsed()
    }
}

impl ForwardTime {
    fn advance(&mut self, wall: OffsetDateTime, now: Instant) -> OffsetDateTime {
        let least = self
            .highest
            .map(|(highest, at)| highest + now.saturating_duration_since(at));
        match least {
            Some(least) if least > wall => least,
            _ => {
                self.highest = Some((wall, now));
                wall
            }
        }
    }

    fn newly_behind(&mut self, wall: OffsetDateTime, now: Instant) -> Option<Duration> {
        let behind = self.advance(wall, now) - wall;
        let was_behind = std::mem::replace(&mut self.is_behind, behind > TOLERANCE);
        (self.is_behind && !was_behind).then_some(behind)
    }
}

fn wall_clock() -> OffsetDateTime {
    #[expect(
        clippy::disallowed_methods,
        reason = "this module is the program's clock"
    )]
    OffsetDateTime::now_utc()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use time::OffsetDateTime;
    use time::ext::NumericalDuration;

    use super::{ForwardTime, Settings};

    const NOON: OffsetDateTime = time::macros::datetime!(2026-03-02 12:00 UTC);

    fn time() -> ForwardTime {
        ForwardTime {
            highest: None,
            is_behind: false,
        }
    }

    /// Attack H15.
    #[test]
    fn a_clock_set_back_revives_nothing() {
        let mut time = time();
        let start = Instant::now();
        assert_eq!(time.advance(NOON, start), NOON);
        let later = start + Duration::from_secs(5);
        assert_eq!(time.advance(NOON - 1.hours(), later), NOON + 5.seconds());
        // It goes on at the monotonic clock's pace until the other has caught up.
        let later = start + Duration::from_secs(9);
        assert_eq!(time.advance(NOON - 1.hours(), later), NOON + 9.seconds());
        assert_eq!(
            time.advance(NOON + 10.seconds(), later),
            NOON + 10.seconds()
        );
    }

    #[test]
    fn a_clock_set_forward_is_followed() {
        // As after the machine was asleep, which the monotonic clock does not count.
        let mut time = time();
        let start = Instant::now();
        time.advance(NOON, start);
        assert_eq!(time.advance(NOON + 8.hours(), start), NOON + 8.hours());
    }

    /// Attack H15: ten years ahead, then a day behind: what ended meanwhile has ended.
    #[test]
    fn a_clock_that_was_years_ahead_is_not_followed_back() {
        let mut time = time();
        let start = Instant::now();
        time.advance(NOON, start);
        let ahead = NOON + 3_650.days();
        assert_eq!(time.advance(ahead, start), ahead);
        let mut last = ahead;
        for second in 1..=10 {
            let now = start + Duration::from_secs(second);
            let given = time.advance(NOON - 1.days(), now);
            assert!(given > last, "{given} after {last}");
            last = given;
        }
        assert_eq!(last, ahead + 10.seconds());
    }

    /// Attacks H15 and H19: what was set is doubted for a day, and sleep is no setting.
    #[test]
    fn a_clock_that_was_set_is_believed_after_a_day() {
        let mut settings = Settings {
            believed: None,
            doubted: None,
        };
        for (seconds, machine, expected) in [
            (0, 100, 0),
            (3_600, 3_700, 0),
            // Slowly put right.
            (3_620, 3_710, 10),
            // Three hours ahead, and back.
            (14_420, 3_720, 10_800),
            (14_421, 3_721, 10_800),
            (3_622, 3_722, 0),
            // Set back for good.
            (0, 3_723, -3_623),
            (86_398, 90_121, -3_623),
            (86_400, 90_123, 0),
            (86_401, 90_124, 0),
            // Doubted anew where it was set once more meanwhile.
            (90_000, 90_124, 3_599),
            (172_800, 172_924, 3_599),
            (186_400, 172_925, 17_198),
            (186_400 + 86_399, 172_925 + 86_399, 17_198),
            (186_400 + 86_400, 172_925 + 86_400, 0),
        ] {
            let given = settings.was_set_by(NOON + seconds.seconds(), machine.seconds());
            assert_eq!(given.whole_seconds(), expected, "{seconds}");
        }
    }

    #[test]
    fn the_operator_is_told_once_each_time() {
        let mut time = time();
        let start = Instant::now();
        assert_eq!(time.newly_behind(NOON, start), None);
        assert_eq!(time.newly_behind(NOON - 1.seconds(), start), None);
        assert_eq!(time.newly_behind(NOON - 1.hours(), start), Some(1.hours()));
        assert_eq!(time.newly_behind(NOON - 1.hours(), start), None);
        assert_eq!(time.newly_behind(NOON, start), None);
        assert_eq!(time.newly_behind(NOON - 1.hours(), start), Some(1.hours()));
    }
}
