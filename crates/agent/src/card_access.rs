//! The seam between the agent and the cards: real backends, or cards in the same process in tests.

use std::time::Duration;

use cardea_card::{Card, Error, Insertion, ReaderMonitor};

use crate::Error as AgentError;
use crate::config::Backend;
use crate::protected_program;

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

impl Backend {
    /// The way to the cards, once it is sure that nobody else could have put a module there that
    /// runs in the agent and is given the PIN (attack D16).
    ///
    /// # Errors
    /// [`AgentError::FileUnsafe`]; [`AgentError::FileUnreadable`] where a named module is missing.
    pub fn open(&self) -> Result<cardea_card::Backend, AgentError> {
        let backend = match self {
            Self::Automatic => {
                let modules = cardea_card::known_modules();
                for module in &modules {
                    protected_program::check(module)?;
                }
                cardea_card::Backend::Automatic { modules }
            }
            Self::Pcsc => cardea_card::Backend::Pcsc,
            Self::Pkcs11 { module } => {
                protected_program::check(module)?;
                cardea_card::Backend::Pkcs11 {
                    module: module.clone(),
                }
            }
        };
        Ok(backend)
    }
}
