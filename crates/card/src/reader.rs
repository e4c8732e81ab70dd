//! Readers: what is plugged in, what is inserted, and waiting for that to change.

use std::sync::Arc;
use std::time::Duration;

use crate::Error;

/// A card reader (or, with PKCS#11, a slot) as it was when asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// The name that opens it.
    pub name: String,
    /// What is in it.
    pub card: CardPresence,
    /// Insertions and removals that the reader has seen. It tells a card that was swapped between
    /// two looks, where "present" would not.
    pub event_count: u32,
}

impl Reader {
    /// Whether a card that can be talked to is inserted.
    pub fn has_card(&self) -> bool {
        matches!(self.card, CardPresence::Present { .. })
    }

    /// Whether this insertion is the latest of this reader, whether or not its card is there still.
    pub fn is_of(&self, insertion: &Insertion) -> bool {
        (self.name.as_str(), self.event_count) == (insertion.reader(), insertion.event_count)
    }

    /// The identity of this insertion: what may be remembered about the card is remembered under
    /// this, and forgotten when it changes.
    pub fn insertion(&self) -> Option<Insertion> {
        self.has_card().then(|| Insertion {
            reader: self.name.clone(),
            event_count: self.event_count,
        })
    }
}

/// What is in a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CardPresence {
    /// Nothing.
    Absent,
    /// A card.
    Present {
        /// Its answer to reset; empty with PKCS#11.
        atr: Vec<u8>,
        /// Whether another program holds it exclusively: opening it would fail with
        /// [`Error::Busy`].
        exclusive: bool,
    },
    /// A card that does not answer: upside down, dirty, broken.
    Mute,
}

/// One insertion of one card into one reader.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Insertion {
    reader: String,
    event_count: u32,
}

impl Insertion {
    /// An insertion as a monitor sees it.
    pub fn new(reader: impl Into<String>, event_count: u32) -> Self {
        Self {
            reader: reader.into(),
            event_count,
        }
    }

    /// The reader's name.
    pub fn reader(&self) -> &str {
        &self.reader
    }
}

/// Watches all readers. It blocks a thread: give it one of its own.
pub trait ReaderMonitor: Send {
    /// The readers now, without waiting. An empty list is not an error.
    ///
    /// # Errors
    /// [`Error::ReaderServiceUnavailable`], [`Error::ReaderFault`] or [`Error::ModuleFault`]. The
    /// next call tries again from the start.
    fn readers(&mut self) -> Result<Vec<Reader>, Error>;

    /// Blocks until something differs from what the last call of either method returned.
    ///
    /// `None` waits without limit.
    ///
    /// # Errors
    /// As for [`ReaderMonitor::readers`]. An error comes at once, so pause before the next try.
    fn wait_for_change(&mut self, limit: Option<Duration>) -> Result<WaitOutcome, Error>;

    /// A handle that ends a wait from another thread.
    fn cancel_handle(&self) -> CancelHandle;
}

/// How a wait ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitOutcome {
    /// The readers as they are now.
    Changed(Vec<Reader>),
    /// Nothing changed within the limit.
    TimedOut,
    /// [`CancelHandle::cancel`] was called. The monitor cannot be used for waiting again.
    Cancelled,
}

/// Ends the wait of a [`ReaderMonitor`], now or at its next wait.
#[derive(Clone)]
pub struct CancelHandle(Arc<dyn Fn() + Send + Sync>);

impl CancelHandle {
    /// A handle that calls `cancel`.
    pub fn new(cancel: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(cancel))
    }

    /// Ends the wait. Calling it twice does nothing more.
    pub fn cancel(&self) {
        (self.0)();
    }
}

impl std::fmt::Debug for CancelHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CancelHandle")
    }
}
