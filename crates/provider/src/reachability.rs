//! Since when the agents could have reached us: silence before that is our own, not theirs.

use std::sync::{Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

/// The sweep runs every few seconds. A longer gap between two that succeeded means that we were
/// paused or without our database, so that no agent's answer could have been taken.
const SWEEP_GAP_MAX: Duration = Duration::seconds(10);
/// With a short grace period a shorter gap counts, or an outage that no gap shows would use it up.
/// Never less: a sweep that is late because much is going on is no outage.
const SWEEP_GAP_LEAST: Duration = Duration::seconds(4);

/// What the sweep remembers of our own outages.
#[derive(Debug)]
pub(crate) struct Reachability {
    gap_max: Duration,
    moments: Mutex<Moments>,
}

#[derive(Clone, Copy, Debug)]
struct Moments {
    since: OffsetDateTime,
    swept_at: OffsetDateTime,
}

impl Reachability {
    pub(crate) fn since_start(now: OffsetDateTime, grace: Duration) -> Self {
        Self {
            gap_max: (grace / 3_i32).clamp(SWEEP_GAP_LEAST, SWEEP_GAP_MAX),
            moments: Mutex::new(Moments {
                since: now,
                swept_at: now,
            }),
        }
    }

    /// Since when the agents could have reached us, as far as is known at `now`. An outage that no
    /// sweep has noticed yet counts as well.
    pub(crate) fn since(&self, now: OffsetDateTime) -> OffsetDateTime {
        self.moments().since(now, self.gap_max)
    }

    /// Notes that a sweep begun at `now` succeeded. Returns how long none had, if that was an
    /// outage: from now on the agents have time to come back.
    pub(crate) fn note_sweep(&self, now: OffsetDateTime) -> Option<Duration> {
        let mut moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        let gap = now - moments.swept_at;
        *moments = Moments {
            since: moments.since(now, self.gap_max),
            swept_at: now,
        };
        (gap > self.gap_max).then_some(gap)
    }

    fn moments(&self) -> Moments {
        *self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Moments {
    fn since(&self, now: OffsetDateTime, gap_max: Duration) -> OffsetDateTime {
        if now - self.swept_at > gap_max {
            now
        } else {
            // A clock that was set back must not put the moment into the future.
            self.since.min(now)
        }
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::Reachability;

    #[test]
    fn a_gap_counts_that_the_grace_period_would_not_outlast() {
        let start = OffsetDateTime::UNIX_EPOCH;
        for (grace, unnoticed, outage) in [(30, 10, 11), (300, 10, 11), (15, 5, 6), (3, 4, 5)] {
            let at = |seconds| start + Duration::seconds(seconds);
            let reachability = Reachability::since_start(start, Duration::seconds(grace));
            assert_eq!(reachability.note_sweep(at(unnoticed)), None, "{grace}");
            assert_eq!(reachability.since(at(unnoticed)), start);
            let back = at(unnoticed + outage);
            assert_eq!(reachability.since(back), back, "no sweep has noticed it");
            let gap = reachability.note_sweep(back);
            assert_eq!(gap, Some(Duration::seconds(outage)));
            assert_eq!(reachability.since(back + Duration::SECOND), back);
        }
    }
}
