//! What happens to the tamper-evident log itself.

use std::collections::BTreeMap;

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
    /// The same, for the time of their kind was over; nobody asked for it.
    PersonalDataAged {
        /// The group of their kinds, as the configuration has it; `released` of what was held back.
        retention: &'static str,
        /// Which entries.
        places: Vec<u64>,
    },
    /// The time of these entries is over, and an incident that nobody has closed needs them.
    ErasureHeld {
        /// Which entries.
        places: Vec<u64>,
    },
    /// A person's records were erased on request; it does not say whose.
    PersonErased {
        /// Who.
        by: Author,
        /// Rows that went, by their tables.
        rows: BTreeMap<&'static str, u64>,
        /// Why it was done although an incident is open that concerns the person.
        #[serde(skip_serializing_if = "Option::is_none")]
        in_spite_of_incidents: Option<String>,
    },
}

impl LedgerEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::KeyMade { .. } => "ledger.key_made",
            Self::KeyReencrypted { .. } => "ledger.key_reencrypted",
            Self::HistoryAccepted { .. } => "ledger.history_accepted",
            Self::PersonalDataErased { .. } | Self::PersonalDataAged { .. } => {
                cardea_ledger::ERASURE_KIND
            }
            Self::ErasureHeld { .. } => "ledger.erasure_held",
            Self::PersonErased { .. } => "ledger.person_erased",
        }
    }
}

impl From<LedgerEvent> for EventKind {
    fn from(event: LedgerEvent) -> Self {
        Self::Ledger(event)
    }
}
