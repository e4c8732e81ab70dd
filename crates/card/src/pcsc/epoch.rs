//! What event counters cannot tell: that they began anew, or that nobody counted.
//!
//! A service that was restarted counts insertions from zero again, so a card that was exchanged
//! meanwhile could pass for the one before. Nor is anything counted while the machine sleeps.
//! Either begins a new epoch, which is a part of every insertion: what was learned about a card
//! before is then about another insertion, because nobody can prove that it is the same.

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// The epoch of this process. It may come round after 65 536 restarts.
static EPOCH: AtomicU16 = AtomicU16::new(0);

/// More sleep than this between two looks counts: the two clocks are not read at one instant.
const SLEEP_MIN: Duration = Duration::from_secs(1);

/// An epoch that somebody has lived in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch(u16);

impl Epoch {
    pub(super) fn now() -> Self {
        Self(EPOCH.load(Ordering::SeqCst))
    }

    /// Ends this epoch, unless it has ended already: several may notice one restart.
    pub(super) fn end(self) {
        let next = self.0.wrapping_add(1);
        let _ = EPOCH.compare_exchange(self.0, next, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// The counter of a reader, made different from the same counter of any other epoch. The
    /// service's counters have 16 bits.
    pub(super) fn count(self, event_count: u32) -> u32 {
        u32::from(self.0) << 16 | (event_count & 0xFFFF)
    }
}

/// How long the machine has slept since it started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asleep(Duration);

impl Asleep {
    pub(super) fn now() -> Self {
        Self(platform::asleep())
    }

    /// Whether the machine has slept since; from now on "since" means now.
    pub(super) fn has_slept(&mut self) -> bool {
        self.has_slept_at(Self::now())
    }

    fn has_slept_at(&mut self, now: Self) -> bool {
        let slept = now.0.saturating_sub(self.0) >= SLEEP_MIN;
        *self = now;
        slept
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    /// `CLOCK_BOOTTIME` goes on while the machine sleeps, `CLOCK_MONOTONIC` does not.
    pub(super) fn asleep() -> Duration {
        let [awake, all] = [ClockId::Monotonic, ClockId::Boottime]
            .map(|clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default());
        all.saturating_sub(awake)
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::time::Duration;

    /// Other systems' services announce the sleep as a removal.
    pub(super) fn asleep() -> Duration {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_differs_in_every_epoch_and_from_itself_in_none() {
        let (one, two) = (Epoch(1), Epoch(2));
        assert_eq!(one.count(7), one.count(7));
        assert_ne!(one.count(7), one.count(8));
        assert_ne!(one.count(7), two.count(7));
    }

    #[test]
    fn one_restart_that_two_notice_ends_one_epoch() {
        let lived_in = Epoch::now();
        lived_in.end();
        let after = Epoch::now();
        lived_in.end();
        assert_ne!(after, lived_in);
        assert_eq!(Epoch::now(), after);
    }

    #[test]
    fn sleep_is_noticed_once_and_a_moment_between_two_clocks_is_none() {
        let mut asleep = Asleep(Duration::from_secs(100));
        let at = |millis| Asleep(Duration::from_millis(millis));
        for (now, slept) in [
            (100_000, false),
            (100_020, false),
            (103_000, true),
            (103_000, false),
            (102_990, false),
            (104_500, true),
        ] {
            assert_eq!(asleep.has_slept_at(at(now)), slept, "{now}");
        }
        assert!(!Asleep::now().has_slept());
    }
}
