//! Why the witness does not do what it was asked, and what is wrong with an exported log.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Every way in which this crate refuses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file can't be read.
    #[error("can't read {}", file.display())]
    FileUnreadable {
        /// Which file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The configuration says something that can't be followed.
    #[error("{}:{line}: {key}: {reason}", file.display())]
    ConfigInvalid {
        /// Which file.
        file: PathBuf,
        /// The line, counted from one; zero for the whole file.
        line: usize,
        /// The key, with the names of its tables.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The witness's private key can't be used, or not be made.
    #[error("the key {} can't be used: {reason}", file.display())]
    KeyUnusable {
        /// Its file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The port is taken, or can't be listened on.
    #[error("can't listen on {address}")]
    ListenFailed {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Nobody has said that this log begins, or its state was lost.
    #[error("nothing is known of the log {origin}: {} does not exist", file.display())]
    StateMissing {
        /// The log.
        origin: String,
        /// Where its state should be.
        file: PathBuf,
    },
    /// The log has begun already.
    #[error("the log {origin} has begun already: {} exists", file.display())]
    StateExists {
        /// The log.
        origin: String,
        /// Its state.
        file: PathBuf,
    },
    /// What is known of a log was not written by this witness, or is damaged.
    #[error("{} is not this witness's: {reason}", file.display())]
    StateDamaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What is known of a log can't be stored, so nothing is signed.
    #[error("can't store {}", file.display())]
    StateUnwritable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A write broke off: which of two states is on the disk, only a restart can tell.
    #[error("what is known of the log {origin} is uncertain since a write broke off")]
    StateUncertain {
        /// The log.
        origin: String,
    },
    /// Another process has the folder.
    #[error("another process uses {}", folder.display())]
    StateLocked {
        /// The folder.
        folder: PathBuf,
    },
    /// A request is not in the protocol's form.
    #[error("the request is refused: {0}")]
    RequestMalformed(cardea_transparency::Error),
    /// A request did not arrive whole in its time.
    #[error("the request did not arrive whole")]
    RequestUnfinished,
    /// A request is longer than any may be.
    #[error("the request is too long")]
    RequestTooLarge,
    /// As many requests are at work as are allowed.
    #[error("too many requests are at work")]
    Busy,
    /// The log is none of those that this witness watches.
    #[error("the log {origin} is not watched here")]
    LogUnknown {
        /// As the checkpoint names it.
        origin: String,
    },
    /// The checkpoint is not signed by the log.
    #[error("the checkpoint is not signed by the log: {0}")]
    CheckpointUnsigned(cardea_transparency::Error),
    /// The log reckons from another size than the one cosigned last.
    #[error("the log reckons from {old_size} leaves, and {known} were cosigned last")]
    SizeConflict {
        /// What the request says.
        old_size: u64,
        /// What this witness cosigned last.
        known: u64,
    },
    /// The log shows another tree of the size that was cosigned.
    #[error("the log shows another tree of {size} leaves than the one that was cosigned")]
    RootConflict {
        /// The size.
        size: u64,
    },
    /// The new tree is not proven to begin with the one that was cosigned last.
    #[error("the tree is not proven to have only grown: {0}")]
    GrowthUnproven(cardea_transparency::Error),
    /// A restore record is none, or is not why the log does not fit what was cosigned.
    #[error("the restore record is not taken: {0}")]
    RestoreRefused(cardea_transparency::Error),
    /// OpenSSL did not sign.
    #[error("can't sign: {0}")]
    SigningFailed(cardea_transparency::Error),
    /// A file of an exported log is not in its form.
    #[error("{}:{line}: {reason}", file.display())]
    ExportMalformed {
        /// The file.
        file: PathBuf,
        /// The line of an entry, counted from one; zero for the whole file.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The checkpoint is not signed by the log's key, or a signature does not verify.
    #[error("the checkpoint is refused: {0}")]
    CheckpointRefused(cardea_transparency::Error),
    /// A witness that is demanded did not cosign.
    #[error("the witness {name} has not cosigned the checkpoint")]
    CosignatureMissing {
        /// The name of its key.
        name: String,
    },
    /// An entry is not what its leaf was made for.
    #[error("entry {index} was changed")]
    EntryAltered {
        /// Which, counted from zero.
        index: u64,
    },
    /// An entry stands at another place than its own.
    #[error("at place {index} stands entry {found}")]
    EntryMisplaced {
        /// The place, counted from zero.
        index: u64,
        /// What the entry says of itself.
        found: u64,
    },
    /// An entry's proof does not lead to the checkpoint's root.
    #[error("entry {index} is not proven to be in the log: {source}")]
    EntryUnproven {
        /// Which, counted from zero.
        index: u64,
        /// What is wrong with the proof.
        source: cardea_transparency::Error,
    },
    /// An entry of a person's own log is about somebody else.
    #[error("entry {index} is not about the person whose file this is")]
    EntryForeign {
        /// Which, counted from zero.
        index: u64,
    },
    /// Fewer entries than the checkpoint covers.
    #[error("the entries end before {index}, and the checkpoint covers {size}")]
    EntriesMissing {
        /// The first that is missing.
        index: u64,
        /// How many there should be.
        size: u64,
    },
    /// More entries than the checkpoint covers.
    #[error("entry {index} is not covered by the checkpoint")]
    EntriesExcess {
        /// The first beyond.
        index: u64,
    },
    /// A personal part is gone, and no entry says that it was erased.
    #[error("the personal part of entry {index} is gone, and no erasure is on record for it")]
    ErasureUnrecorded {
        /// Which, counted from zero.
        index: u64,
    },
    /// A personal part is gone, and the log's key has not signed what is said of it.
    #[error("the personal part of entry {index} is gone, and the log's key has signed no erasure")]
    ErasureUnsigned {
        /// Which, counted from zero.
        index: u64,
    },
    /// The leaves give another root than the checkpoint's.
    #[error("the {size} leaves give another root than the checkpoint's")]
    RootMismatch {
        /// How many leaves.
        size: u64,
    },
    /// The log does not begin with the tree of a checkpoint that was kept from earlier.
    #[error("the log does not begin with the {size} leaves of an earlier checkpoint")]
    HistoryContradicted {
        /// The earlier checkpoint's size.
        size: u64,
    },
}

impl Error {
    /// Every code that [`Error::code`] returns.
    pub const ALL_CODES: &'static [&'static str] = &[
        "witness.file_unreadable",
        "witness.config_invalid",
        "witness.key_unusable",
        "witness.listen_failed",
        "witness.state_missing",
        "witness.state_exists",
        "witness.state_damaged",
        "witness.state_unwritable",
        "witness.state_uncertain",
        "witness.state_locked",
        "witness.request_malformed",
        "witness.request_unfinished",
        "witness.request_too_large",
        "witness.busy",
        "witness.log_unknown",
        "witness.checkpoint_unsigned",
        "witness.size_conflict",
        "witness.root_conflict",
        "witness.growth_unproven",
        "witness.restore_refused",
        "witness.signing_failed",
        "witness.export_malformed",
        "witness.checkpoint_refused",
        "witness.cosignature_missing",
        "witness.entry_altered",
        "witness.entry_misplaced",
        "witness.entry_unproven",
        "witness.entry_foreign",
        "witness.entries_missing",
        "witness.entries_excess",
        "witness.erasure_unrecorded",
        "witness.erasure_unsigned",
        "witness.root_mismatch",
        "witness.history_contradicted",
    ];

    /// The stable machine code, listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FileUnreadable { .. } => "witness.file_unreadable",
            Self::ConfigInvalid { .. } => "witness.config_invalid",
            Self::KeyUnusable { .. } => "witness.key_unusable",
            Self::ListenFailed { .. } => "witness.listen_failed",
            Self::StateMissing { .. } => "witness.state_missing",
            Self::StateExists { .. } => "witness.state_exists",
            Self::StateDamaged { .. } => "witness.state_damaged",
            Self::StateUnwritable { .. } => "witness.state_unwritable",
            Self::StateUncertain { .. } => "witness.state_uncertain",
            Self::StateLocked { .. } => "witness.state_locked",
            Self::RequestMalformed(_) => "witness.request_malformed",
            Self::RequestUnfinished => "witness.request_unfinished",
            Self::RequestTooLarge => "witness.request_too_large",
            Self::Busy => "witness.busy",
            Self::LogUnknown { .. } => "witness.log_unknown",
            Self::CheckpointUnsigned(_) => "witness.checkpoint_unsigned",
            Self::SizeConflict { .. } => "witness.size_conflict",
            Self::RootConflict { .. } => "witness.root_conflict",
            Self::GrowthUnproven(_) => "witness.growth_unproven",
            Self::RestoreRefused(_) => "witness.restore_refused",
            Self::SigningFailed(_) => "witness.signing_failed",
            Self::ExportMalformed { .. } => "witness.export_malformed",
            Self::CheckpointRefused(_) => "witness.checkpoint_refused",
            Self::CosignatureMissing { .. } => "witness.cosignature_missing",
            Self::EntryAltered { .. } => "witness.entry_altered",
            Self::EntryMisplaced { .. } => "witness.entry_misplaced",
            Self::EntryUnproven { .. } => "witness.entry_unproven",
            Self::EntryForeign { .. } => "witness.entry_foreign",
            Self::EntriesMissing { .. } => "witness.entries_missing",
            Self::EntriesExcess { .. } => "witness.entries_excess",
            Self::ErasureUnrecorded { .. } => "witness.erasure_unrecorded",
            Self::ErasureUnsigned { .. } => "witness.erasure_unsigned",
            Self::RootMismatch { .. } => "witness.root_mismatch",
            Self::HistoryContradicted { .. } => "witness.history_contradicted",
        }
    }

    /// The place of the first entry that is wrong, where one can be named.
    #[must_use]
    pub fn first_bad_index(&self) -> Option<u64> {
        match self {
            Self::EntryAltered { index }
            | Self::EntryMisplaced { index, .. }
            | Self::EntryUnproven { index, .. }
            | Self::EntryForeign { index }
            | Self::EntriesMissing { index, .. }
            | Self::EntriesExcess { index }
            | Self::ErasureUnrecorded { index }
            | Self::ErasureUnsigned { index } => Some(*index),
            // Only entries have lines: line 1 is entry 0.
            Self::ExportMalformed { line, .. } => line.checked_sub(1),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn every_code_is_explained() {
        let listed = include_str!("../../../docs/errors.md");
        for code in Error::ALL_CODES {
            assert!(listed.contains(&format!("| `{code}` |")), "{code}");
        }
    }
}
