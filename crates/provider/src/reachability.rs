//! Since when the agents could have reached us: silence before that is our own, not theirs.

use std::sync::{Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

/// The sweep runs every few seconds. A longer gap between two that succeeded means that we were
/// paused or without our database, so that no agent's answer could have been taken.
const SWEEP_GAP_MAX: Duration = Duration::seconds(10);

/// What the sweep remembers of our own outages.
#[derive(Debug)]
pub(crate) struct Reachability(Mutex<Moments>);

#[derive(Clone, Copy, Debug)]
struct Moments {
    since: OffsetDateTime,
    swept_at: OffsetDateTime,
}

impl Reachability {
    pub(crate) fn since_start(now: OffsetDateTime) -> Self {
        Self(Mutex::new(Moments {
            since: now,
            swept_at: now,
        }))
    }

    /// Since when the agents could have reached us, as far as is known at `now`. An outage that no
    /// sweep has noticed yet counts as well.
    pub(crate) fn since(&self, now: OffsetDateTime) -> OffsetDateTime {
        self.moments().since(now)
    }

    /// Notes that a sweep begun at `now` succeeded. Returns how long none had, if that was an
    /// outage: from now on the agents have time to come back.
    pub(crate) fn note_sweep(&self, now: OffsetDateTime) -> Option<Duration> {
        let mut moments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gap = now - moments.swept_at;
        *moments = Moments {
            since: moments.since(now),
            swept_at: now,
        };
        (gap > SWEEP_GAP_MAX).then_some(gap)
    }

    fn moments(&self) -> Moments {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Moments {
    fn since(&self, now: OffsetDateTime) -> OffsetDateTime {
        if now - self.swept_at > SWEEP_GAP_MAX {
            now
        } else {
            // A clock that was set back must not put the moment into the future.
            self.since.min(now)
        }
    }
}
