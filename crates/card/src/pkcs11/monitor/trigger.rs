//! What makes the slots worth a look: something happened at a PC/SC reader.

use std::time::Duration;

use crate::CancelHandle;

#[cfg_attr(
    not(feature = "pcsc"),
    expect(dead_code, reason = "without PC/SC nothing is ever waited for")
)]
pub(super) enum Triggered {
    /// Something happened.
    Changed,
    /// Nothing happened within the time.
    TimeOver,
    Cancelled,
    /// The PC/SC service cannot be reached: nothing was waited for.
    Unavailable,
}

#[cfg(feature = "pcsc")]
pub(super) struct Trigger(crate::pcsc::PcscMonitor);

#[cfg(feature = "pcsc")]
impl Trigger {
    pub(super) fn new() -> Self {
        Self(crate::pcsc::PcscMonitor::new())
    }

    /// Whether every one of these slots is a PC/SC reader, so that nothing else needs a look.
    pub(super) fn tells_of_all(&mut self, slots: &[String]) -> bool {
        slots.is_empty() || {
            let readers = self.0.last_seen();
            slots
                .iter()
                .all(|slot| readers.iter().any(|reader| reader.name == *slot))
        }
    }

    pub(super) fn wait(&mut self, limit: Option<Duration>) -> Triggered {
        use crate::{ReaderMonitor as _, WaitOutcome};
        match self.0.wait_for_change(limit) {
            Ok(WaitOutcome::Changed(_)) => Triggered::Changed,
            Ok(WaitOutcome::TimedOut) => Triggered::TimeOver,
            Ok(WaitOutcome::Cancelled) => Triggered::Cancelled,
            Err(_) => Triggered::Unavailable,
        }
    }

    pub(super) fn cancel_handle(&self) -> CancelHandle {
        use crate::ReaderMonitor as _;
        self.0.cancel_handle()
    }
}

#[cfg(not(feature = "pcsc"))]
pub(super) struct Trigger;

#[cfg(not(feature = "pcsc"))]
impl Trigger {
    pub(super) fn new() -> Self {
        Self
    }

    pub(super) fn tells_of_all(&mut self, _: &[String]) -> bool {
        false
    }

    pub(super) fn wait(&mut self, _: Option<Duration>) -> Triggered {
        Triggered::Unavailable
    }

    pub(super) fn cancel_handle(&self) -> CancelHandle {
        CancelHandle::new(|| {})
    }
}
