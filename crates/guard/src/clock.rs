//! The one place of this program that reads the clock.
//!
//! A clock that is set back would bring what has expired to life again (attack H15). So time only
//! goes forward while the program runs: a set-back clock is overruled by the monotonic one until
//! it has caught up.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What time it is.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970.
    fn unix_milliseconds(&self) -> i64;

    /// Seconds since 1970.
    fn unix_seconds(&self) -> i64 {
        self.unix_milliseconds().div_euclid(1000)
    }
}

/// The machine's clock, never going back while the program runs.
#[derive(Debug, Default)]
pub struct SystemClock {
    /// The highest time given so far, and when that was by the monotonic clock.
    highest: Mutex<Option<(i64, Instant)>>,
}

impl SystemClock {
    fn advance(&self, wall: i64, now: Instant) -> i64 {
        let mut highest = self.highest.lock().unwrap_or_else(PoisonError::into_inner);
        let least = highest.map(|(time, at)| {
            let passed = milliseconds(now.saturating_duration_since(at));
            time.saturating_add(passed)
        });
        match least {
            Some(least) if least > wall => least,
            _ => {
                *highest = Some((wall, now));
                wall
            }
        }
    }
}

impl Clock for SystemClock {
    fn unix_milliseconds(&self) -> i64 {
        self.advance(wall_clock(), Instant::now())
    }
}

fn wall_clock() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "this module is the program's clock"
    )]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, milliseconds)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::SystemClock;

    /// Attack H15.
    #[test]
    fn a_clock_set_back_revives_nothing() {
        let clock = SystemClock::default();
        let start = Instant::now();
        assert_eq!(clock.advance(1_000_000, start), 1_000_000);
        let later = start + Duration::from_secs(5);
        assert_eq!(clock.advance(10, later), 1_005_000);
        assert_eq!(clock.advance(2_000_000, later), 2_000_000);
    }
}
