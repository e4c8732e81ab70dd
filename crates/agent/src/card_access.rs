//! The seam between the agent and the cards: real backends, or cards in the same process in tests.

use std::time::Duration;

use cardea_card::{Card, Error, Insertion, ReaderMonitor};

use crate::config::Backend;

/// Watches readers and opens cards.
pub trait CardAccess: Send + Sync + 'static {
    /// A new monitor of all readers.
    ///
    /// # Errors
    /// As [`cardea_card::Backend::monitor`].
    fn monitor(&self) -> Result<Box<dyn ReaderMonitor>, Error>;

    /// Opens the card of one insertion, never one that took its place.
    ///
    /// # Errors
    /// As [`cardea_card::Backend::open_insertion`].
    fn open_insertion(&self, insertion: &Insertion) -> Result<Box<dyn Card>, Error>;

    /// How long one conversation with a card may take: a slow card, and a busy reader before it.
    fn call_limit(&self) -> Duration {
        Duration::from_secs(15)
    }
}

impl CardAccess for cardea_card::Backend {
    fn monitor(&self) -> Result<Box<dyn ReaderMonitor>, Error> {
        Self::monitor(self)
    }

    fn open_insertion(&self, insertion: &Insertion) -> Result<Box<dyn Card>, Error> {
        Self::open_insertion(self, insertion)
    }
}

impl From<&Backend> for cardea_card::Backend {
    fn from(backend: &Backend) -> Self {
        match backend {
            Backend::Automatic => Self::Automatic {
                modules: cardea_card::known_modules(),
            },
            Backend::Pcsc => Self::Pcsc,
            Backend::Pkcs11 { module } => Self::Pkcs11 {
                module: module.clone(),
            },
        }
    }
}
