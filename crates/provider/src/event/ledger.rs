//! What happens to the tamper-evident log itself.

use serde::Serialize;

use super::EventKind;
use crate::Author;

/// The log got a key, or people's data were taken out of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum LedgerEvent {
    /// The key was made that signs the log's checkpoints.
    KeyMade {
        /// Its public half, in the form of C2SP signed-note.
        verifier_key: String,
    },
    /// The key was encrypted anew.
    KeyReencrypted {
        /// Who.
        by: Author,
        /// By which key.
        encryption_key_id: String,
    },
    /// A node that had signed more, or something else, goes on from what stands in the database.
    HistoryAccepted {
        /// Who.
        by: Author,
        /// The size of what it had signed last; none where that could not be read.
        size_before: Option<u64>,
        /// The size of the tree that stands there.
        size: u64,
    },
    /// What is personal in these entries was erased; it does not say whose it was.
    PersonalDataErased {
        /// Who.
        by: Author,
        /// Which entries, by their places in the log.
        places: Vec<u64>,
    },
}

impl LedgerEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::KeyMade { .. } => "ledger.key_made",
            Self::KeyReencrypted { .. } => "ledger.key_reencrypted",
            Self::HistoryAccepted { .. } => "ledger.history_accepted",
            Self::PersonalDataErased { .. } => cardea_ledger::ERASURE_KIND,
        }
    }
}

impl From<LedgerEvent> for EventKind {
    fn from(event: LedgerEvent) -> Self {
        Self::Ledger(event)
    }
}
