//! The log's key, once it is open, for whoever signs beside the sequencer.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::CheckpointSigner;

/// A place for the log's key: it never changes, and may open long after the start.
#[derive(Clone, Default)]
pub struct LogSigner(Arc<OnceLock<Arc<dyn CheckpointSigner>>>);

impl LogSigner {
    /// The key is open. A second time says nothing new.
    pub fn open(&self, signer: Arc<dyn CheckpointSigner>) {
        let _ = self.0.set(signer);
    }

    /// The key; none before it is open.
    #[must_use]
    pub fn get(&self) -> Option<&Arc<dyn CheckpointSigner>> {
        self.0.get()
    }
}

impl fmt::Debug for LogSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_open = self.0.get().is_some();
        write!(formatter, "LogSigner(open: {is_open})")
    }
}
