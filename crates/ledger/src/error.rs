//! Why the log cannot be carried on, or looked at.

/// A failure of the log's own machinery; what is wrong with the log's content is a
/// [`Finding`](crate::Finding).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database did not do what was asked.
    #[error("the database did not carry out what the log asked of it")]
    Storage(#[from] cardea_storage::Error),
    /// A note, a key or a proof is not what it should be.
    #[error("a note, key or proof of the log is not what it should be")]
    Transparency(#[from] cardea_transparency::Error),
    /// There is no randomness for a salt.
    #[error("no random bytes for an event's salt")]
    RandomUnavailable {
        /// What OpenSSL said.
        #[source]
        source: openssl::error::ErrorStack,
    },
    /// What was stored of the tree does not fit together, so that nothing may be built on it.
    #[error("the stored tree is damaged: {what}")]
    TreeDamaged {
        /// What does not fit.
        what: &'static str,
    },
    /// What is stored is not what was signed, so that nothing more is signed.
    #[error("the log is not what was signed before: {what}")]
    HistoryChanged {
        /// What does not agree.
        what: &'static str,
    },
    /// There is a log, and its key is gone: none is made in its place.
    #[error("the log's key is not in the database, and the log has begun: no other is made")]
    KeyMissing,
    /// What this node signed last cannot be read or written, outside of the database.
    #[error("what this node signed last cannot be kept outside of the database")]
    LastSignedUnusable {
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The key did not sign.
    #[error("the log's key does not sign: {reason}")]
    SigningFailed {
        /// Why.
        reason: String,
    },
    /// A checkpoint is of another log, or of another kind of log.
    #[error("the checkpoint is not of this log")]
    CheckpointForeign,
    /// There is nothing signed yet.
    #[error("the log has no checkpoint yet")]
    CheckpointMissing,
    /// The exported files cannot be written.
    #[error("the log cannot be exported")]
    ExportFailed {
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Every code of this crate's failures, as listed in `docs/errors.md`.
    pub const ALL_CODES: &[&str] = &[
        "ledger.random_unavailable",
        "ledger.tree_damaged",
        "ledger.history_changed",
        "ledger.key_missing",
        "ledger.last_signed_unusable",
        "ledger.signing_failed",
        "ledger.checkpoint_foreign",
        "ledger.checkpoint_missing",
        "ledger.export_failed",
    ];

    /// The stable machine code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Storage(source) => source.code(),
            Self::Transparency(source) => source.code(),
            Self::RandomUnavailable { .. } => "ledger.random_unavailable",
            Self::TreeDamaged { .. } => "ledger.tree_damaged",
            Self::HistoryChanged { .. } => "ledger.history_changed",
            Self::KeyMissing => "ledger.key_missing",
            Self::LastSignedUnusable { .. } => "ledger.last_signed_unusable",
            Self::SigningFailed { .. } => "ledger.signing_failed",
            Self::CheckpointForeign => "ledger.checkpoint_foreign",
            Self::CheckpointMissing => "ledger.checkpoint_missing",
            Self::ExportFailed { .. } => "ledger.export_failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;
    use crate::Finding;

    #[test]
    fn every_code_has_a_row_in_the_error_list() {
        let list = include_str!("../../../docs/errors.md");
        for code in Error::ALL_CODES.iter().chain(Finding::ALL_CODES) {
            assert!(list.contains(&format!("| `{code}` |")), "{code}");
        }
    }
}
