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
    /// Others watch the log from now on, or nobody does.
    WatchChanged {
        /// The verifier keys of its witnesses.
        witnesses: Vec<String>,
        /// How many of them must cosign.
        quorum: u32,
        /// Whether the operator does without any, where a service for real cards must not.
        waived: bool,
    },
    /// Enough of them have cosigned a checkpoint for the first time.
    WatchBegun {
        /// The verifier keys of the log's witnesses.
        witnesses: Vec<String>,
        /// How many of them had to cosign.
        quorum: u32,
        /// The checkpoint's entries.
        size: u64,
        /// Its root.
        root: String,
    },
    /// What is personal in these entries was erased; it does not say whose it was.
    PersonalDataErased {
        /// Who.
        by: Author,
        /// Which entries, by their places in the log.
        places: Vec<u64>,
        /// The same over the signature of the log's key: anybody can write into the database.
        record: String,
    },
    /// The same, for the time of their kind was over; nobody asked for it.
    PersonalDataAged {
        /// The group of their kinds, as the configuration has it; `released` of what was held back.
        retention: &'static str,
        /// Which entries.
        places: Vec<u64>,
        /// The same over the signature of the log's key.
        record: String,
    },
    /// From here on the log's key signs what is erased: an erasure without its signature is not
    /// believed behind this.
    ErasuresSigned {
        /// A signed record of no erasure.
        record: String,
    },
    /// Events that this node had committed are not in the log as it wrote them: somebody took them
    /// out, changed them or kept them from their places before these were signed.
    EventsMissed {
        /// Those that are gone, by their ids.
        gone: Vec<String>,
        /// Those in whose place something else stands.
        altered: Vec<String>,
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
            Self::WatchChanged { .. } => "ledger.watch_changed",
            Self::WatchBegun { .. } => "ledger.watch_begun",
            Self::PersonalDataErased { .. } | Self::PersonalDataAged { .. } => {
                cardea_ledger::ERASURE_KIND
            }
            Self::ErasuresSigned { .. } => cardea_ledger::SIGNED_ERASURES_KIND,
            Self::EventsMissed { .. } => "ledger.events_missed",
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
