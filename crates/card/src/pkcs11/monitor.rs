//! Watching PKCS#11 slots.
//!
//! C_WaitForSlotEvent may block, but many modules do not implement it, and where they do it can
//! only be cancelled by finalising the module. So this monitor looks twice a second.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Pkcs11Module;
use crate::{CancelHandle, Error, Reader, ReaderMonitor, WaitOutcome};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Watches the slots of one module.
pub(crate) struct Pkcs11Monitor {
    module: Pkcs11Module,
    seen: Vec<Reader>,
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
            cancel,
            cancelled,
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
            let left = limit.map_or(PAUSE, |limit| limit.saturating_sub(began.elapsed()));
            if left.is_zero() {
                return Ok(WaitOutcome::TimedOut);
            }
            match self.cancelled.recv_timeout(left.min(PAUSE)) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(WaitOutcome::Cancelled),
            }
        }
    }

    fn cancel_handle(&self) -> CancelHandle {
        let cancel = Arc::clone(&self.cancel);
        CancelHandle::new(move || {
            cancel.lock().unwrap_or_else(PoisonError::into_inner).take();
        })
    }
}
