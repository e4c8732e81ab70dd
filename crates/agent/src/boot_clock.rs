//! Time since the machine started, counted while it sleeps, too.
//!
//! A typed PIN must not outlast its limit by the hours that a laptop spent closed, which the usual
//! monotonic clock leaves out.

use std::time::Duration;

/// A moment, as time since the machine started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SinceBoot(Duration);

impl SinceBoot {
    /// This moment.
    pub(crate) fn now() -> Self {
        Self(platform::now())
    }

    /// The moment that long after the machine started.
    #[cfg(test)]
    pub(crate) fn at(passed: Duration) -> Self {
        Self(passed)
    }

    /// How long ago the machine had started.
    pub(crate) fn passed(self) -> Duration {
        self.0
    }

    /// The time that passed since an earlier moment.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment that long after this one.
    pub(crate) fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }

    /// Resolves at this moment; when the machine slept over it, within [`LOOK_EVERY`] of waking.
    pub(crate) async fn reached(self) {
        loop {
            let left = self.since(Self::now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK_EVERY)).await;
        }
    }
}

/// The usual clock stands still while the machine sleeps: how often the other one is looked at.
/// Only while something waits for a moment, that is, while a PIN counts.
const LOOK_EVERY: Duration = Duration::from_secs(30);

#[cfg(target_os = "linux")]
mod platform {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    /// `CLOCK_BOOTTIME` (clock_gettime(2)).
    pub(super) fn now() -> Duration {
        Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
    }
}

/// Elsewhere the usual monotonic clock has to do.
#[cfg(not(target_os = "linux"))]
mod platform {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    static FIRST: OnceLock<Instant> = OnceLock::new();

    pub(super) fn now() -> Duration {
        FIRST.get_or_init(Instant::now).elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_moment_is_reached_when_it_has_come_and_not_before() {
        let moment = SinceBoot::now().after(Duration::from_millis(30));
        moment.reached().await;
        assert!(SinceBoot::now() >= moment);
        // What has passed already is reached at once.
        SinceBoot::at(Duration::ZERO).reached().await;
    }

    #[test]
    fn time_before_a_moment_counts_as_none() {
        let (early, late) = (
            SinceBoot::at(Duration::from_secs(1)),
            SinceBoot::at(Duration::from_secs(5)),
        );
        assert_eq!(late.since(early), Duration::from_secs(4));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
