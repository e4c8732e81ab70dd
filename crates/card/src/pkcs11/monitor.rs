//! Watching PKCS#11 slots.
//!
//! C_WaitForSlotEvent can only be cancelled by finalising the module, and modules lack it, or hold
//! their one lock while they wait. But nearly every card of a module sits in a PC/SC reader, and
//! that is watched without polling: a change there is what makes this monitor look at the slots.
//! Slots that are no PC/SC reader (tokens in software, readers with a driver of their own) are
//! looked at every few seconds, and so is everything where the PC/SC service cannot be reached.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Pkcs11Module;
use crate::{CancelHandle, Error, Reader, ReaderMonitor, WaitOutcome};

mod trigger;

use trigger::{Trigger, Triggered};

/// Pause between two looks at slots that nothing else tells about.
const PAUSE: Duration = Duration::from_secs(5);
/// Looks after a change, beside the one at once: a module may take a moment to know a card.
const SETTLING: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_millis(800),
    Duration::from_secs(2),
];

/// Watches the slots of one module.
pub(crate) struct Pkcs11Monitor {
    module: Pkcs11Module,
    seen: Vec<Reader>,
    trigger: Trigger,
    /// The looks of [`SETTLING`] that are still to come.
    settling: std::slice::Iter<'static, Duration>,
    /// The sender is dropped to cancel.
    cancel: Arc<Mutex<Option<mpsc::Sender<()>>>>,
    cancelled: mpsc::Receiver<()>,
}

impl Pkcs11Monitor {
    pub(crate) fn new(module: Pkcs11Module) -> Self {
        let (cancel, cancelled) = mpsc::channel();
        let cancel = Arc::new(Mutex::new(Some(cancel)));
        Self {
            module,
            seen: Vec::new(),
            trigger: Trigger::new(),
            settling: [].iter(),
            cancel,
            cancelled,
        }
    }

    /// How long nothing needs to be looked at, unless something happens at a PC/SC reader.
    fn rest(&mut self) -> Option<Duration> {
        match self.settling.next() {
            Some(pause) => Some(*pause),
            None if self.trigger.tells_of_all(&self.module.slot_descriptions()) => None,
            None => Some(PAUSE),
        }
    }

    /// Waits for the next look; `false` means that it was cancelled.
    fn wait_for_next_look(&mut self, left: Option<Duration>) -> bool {
        let rest = [self.rest(), left].into_iter().flatten().min();
        match self.trigger.wait(rest) {
            Triggered::Changed => {
                self.settling = SETTLING.iter();
                true
            }
            Triggered::TimeOver => true,
            Triggered::Cancelled => false,
            Triggered::Unavailable => {
                let pause = rest.unwrap_or(PAUSE).min(PAUSE);
                let cancelled = self.cancelled.recv_timeout(pause);
                cancelled != Err(RecvTimeoutError::Disconnected)
            }
        }
    }
}

impl ReaderMonitor for Pkcs11Monitor {
    fn readers(&mut self) -> Result<Vec<Reader>, Error> {
        self.seen = self.module.readers()?;
        Ok(self.seen.clone())
    }

    fn wait_for_change(&mut self, limit: Option<Duration>) -> Result<WaitOutcome, Error> {
        let began = Instant::now();
        loop {
            let now = self.module.readers()?;
            if now != self.seen {
                self.seen.clone_from(&now);
                return Ok(WaitOutcome::Changed(now));
            }
            let left = limit.map(|limit| limit.saturating_sub(began.elapsed()));
            if left == Some(Duration::ZERO) {
                return Ok(WaitOutcome::TimedOut);
            }
            if !self.wait_for_next_look(left) {
                return Ok(WaitOutcome::Cancelled);
            }
        }
    }

    fn cancel_handle(&self) -> CancelHandle {
        let cancel = Arc::clone(&self.cancel);
        let trigger = self.trigger.cancel_handle();
        CancelHandle::new(move || {
            cancel.lock().unwrap_or_else(PoisonError::into_inner).take();
            trigger.cancel();
        })
    }
}
