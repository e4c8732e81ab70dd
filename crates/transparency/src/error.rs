//! Why something is not believed, or can't be made.

use crate::NodeId;

/// Every way in which this crate refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A hash is not 32 bytes in canonical base64.
    #[error("a hash is not 32 bytes in base64")]
    HashMalformed,
    /// A size is above [`crate::SIZE_MAX`], an index is not below its size, or an old size above
    /// the new one.
    #[error("position {position} does not lie in a tree of {size} leaves")]
    PositionOutOfRange {
        /// The index, or the old size.
        position: u64,
        /// The size of the tree.
        size: u64,
    },
    /// A proof needs the hash of a subtree that is not at hand.
    #[error("the hash of subtree {} of level {} is missing", .0.index, .0.level)]
    NodeMissing(NodeId),
    /// The stored right edge of a tree is not one of that size.
    #[error("the stored edge of the tree is damaged")]
    FrontierMalformed,
    /// The leaf does not lead to the root.
    #[error("leaf {index} is not proven to be in the tree of {size} leaves")]
    InclusionUnproven {
        /// Which leaf.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The newer tree is not proven to begin with the older one.
    #[error("the tree of {new_size} leaves is not proven to begin with the one of {old_size}")]
    ConsistencyUnproven {
        /// The size of the older tree.
        old_size: u64,
        /// The size of the newer tree.
        new_size: u64,
    },
    /// A text is no signed note.
    #[error("this is no signed note: {reason}")]
    NoteMalformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A verifier key is malformed.
    #[error("this is no verifier key: {reason}")]
    KeyMalformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No key that is believed has signed the note.
    #[error("nobody who is believed has signed this note")]
    SignatureMissing,
    /// A signature in a believed key's name does not verify.
    #[error("the signature of {name} does not verify")]
    SignatureInvalid {
        /// The key's name.
        name: String,
    },
    /// The text of a note is no checkpoint.
    #[error("this is no checkpoint: {reason}")]
    CheckpointMalformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A request to a witness is malformed.
    #[error("this is no request to a witness: {reason}")]
    RequestMalformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A leaf, or a line of an exported log, is not in its form.
    #[error("this is no entry of a log: {reason}")]
    EntryMalformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A text is no restore record, or says what cannot be.
    #[error("this is no restore record: {reason}")]
    RestoreRecordMalformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A text is no erasure record, or one of another log.
    #[error("this is no erasure record: {reason}")]
    ErasureRecordMalformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A restore is not why a log does not fit a checkpoint.
    #[error("the restore does not explain the checkpoint: {reason}")]
    RestoreUnexplained {
        /// Why not.
        reason: &'static str,
    },
    /// OpenSSL failed on its own account.
    #[error("OpenSSL failed")]
    CryptoFailed,
}

impl Error {
    /// Every code that [`Error::code`] returns.
    pub const ALL_CODES: &'static [&'static str] = &[
        "transparency.hash_malformed",
        "transparency.position_out_of_range",
        "transparency.node_missing",
        "transparency.frontier_malformed",
        "transparency.inclusion_unproven",
        "transparency.consistency_unproven",
        "transparency.note_malformed",
        "transparency.key_malformed",
        "transparency.signature_missing",
        "transparency.signature_invalid",
        "transparency.checkpoint_malformed",
        "transparency.request_malformed",
        "transparency.entry_malformed",
        "transparency.restore_record_malformed",
        "transparency.restore_unexplained",
        "transparency.erasure_record_malformed",
        "transparency.crypto_failed",
    ];

    /// The stable machine code, listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::HashMalformed => "transparency.hash_malformed",
            Self::PositionOutOfRange { .. } => "transparency.position_out_of_range",
            Self::NodeMissing(_) => "transparency.node_missing",
            Self::FrontierMalformed => "transparency.frontier_malformed",
            Self::InclusionUnproven { .. } => "transparency.inclusion_unproven",
            Self::ConsistencyUnproven { .. } => "transparency.consistency_unproven",
            Self::NoteMalformed { .. } => "transparency.note_malformed",
            Self::KeyMalformed { .. } => "transparency.key_malformed",
            Self::SignatureMissing => "transparency.signature_missing",
            Self::SignatureInvalid { .. } => "transparency.signature_invalid",
            Self::CheckpointMalformed { .. } => "transparency.checkpoint_malformed",
            Self::RequestMalformed { .. } => "transparency.request_malformed",
            Self::EntryMalformed { .. } => "transparency.entry_malformed",
            Self::RestoreRecordMalformed { .. } => "transparency.restore_record_malformed",
            Self::RestoreUnexplained { .. } => "transparency.restore_unexplained",
            Self::ErasureRecordMalformed { .. } => "transparency.erasure_record_malformed",
            Self::CryptoFailed => "transparency.crypto_failed",
        }
    }
}

impl From<openssl::error::ErrorStack> for Error {
    fn from(_: openssl::error::ErrorStack) -> Self {
        Self::CryptoFailed
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
