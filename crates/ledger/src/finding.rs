//! What can be wrong with a log.

use cardea_transparency::Unexplained;

/// The first thing that is wrong, with where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// The row that says how far the tree has grown is gone.
    #[error("the state of the tree is gone")]
    StateMissing,
    /// A row was changed since it got its place, or its leaf was.
    #[error("the event {id} at place {index} is not what its leaf was made of")]
    EntryChanged {
        /// The place.
        index: u64,
        /// The event's id as it stands there.
        id: String,
    },
    /// A row stands at another one's place.
    #[error("the event {id} stands at place {index}, and its leaf at place {belongs}")]
    EntryMoved {
        /// Where it stands.
        index: u64,
        /// Where its leaf is.
        belongs: u64,
        /// The event's id.
        id: String,
    },
    /// A row is gone that nothing but an attack takes away.
    #[error("the event of place {index} is gone, and may not be forgotten")]
    EntryRemoved {
        /// The place.
        index: u64,
    },
    /// Two rows have one place.
    #[error("several events stand at place {index}")]
    EntryDoubled {
        /// The place.
        index: u64,
    },
    /// Rows have places behind the end of the tree.
    #[error("{count} events have places behind the end of the tree, of {size} leaves")]
    EntriesBeyond {
        /// How many.
        count: u64,
        /// Where the tree ends.
        size: u64,
    },
    /// Leaves or subtrees stand behind the end of the tree: it cannot grow over them.
    #[error("{count} leaves and subtrees stand behind the end of the tree, of {size} leaves")]
    LeavesBeyond {
        /// How many.
        count: u64,
        /// Where the tree ends.
        size: u64,
    },
    /// A row says that it gets no place, and is none of those.
    #[error("the event {id} was kept out of the tree, at place {place}")]
    EntryOutside {
        /// The event's id.
        id: String,
        /// Where it says that it stands.
        place: i64,
    },
    /// Leaves are gone from the middle.
    #[error("the leaf of place {index} is gone")]
    LeafMissing {
        /// The place.
        index: u64,
    },
    /// Leaves are gone from the end: something signed, or the state, knows of more.
    #[error("the log ends at {found} leaves, and must have {expected}")]
    Truncated {
        /// Leaves that there are.
        found: u64,
        /// Leaves that there must be.
        expected: u64,
    },
    /// A stored subtree is not the one over its leaves, or is gone.
    #[error("the stored subtree {index} of level {level} is not the one over its leaves")]
    NodeWrong {
        /// Its level.
        level: u8,
        /// Its place among those of its level.
        index: u64,
    },
    /// The state is not that of a tree over the leaves.
    #[error("the stored edge of the tree is not that of its leaves")]
    StateWrong,
    /// A checkpoint does not bear the log's signature, or is no checkpoint.
    #[error("the checkpoint of {size} leaves is not signed by the log's key")]
    CheckpointUnsigned {
        /// Its size.
        size: u64,
    },
    /// The end of the log bears no signature: the newest checkpoint does not reach it.
    #[error("the log has {size} leaves, and only {signed} of them are signed")]
    TailUnsigned {
        /// What the newest checkpoint covers.
        signed: u64,
        /// Leaves that there are.
        size: u64,
    },
    /// A signed checkpoint is of another tree.
    #[error("the leaves are not those that the checkpoint of {size} leaves was signed for")]
    CheckpointContradicted {
        /// Its size.
        size: u64,
    },
    /// Events' personal parts are gone, and no erasure on record says so.
    #[error("the personal part of place {index} is gone, and no erasure is on record for it")]
    ErasureUnrecorded {
        /// The place.
        index: u64,
    },
    /// An event says that a personal part was erased, and the log's key has not signed that.
    #[error("the personal part of place {index} is gone, and the log's key has signed no erasure")]
    ErasureUnsigned {
        /// The place.
        index: u64,
    },
}

impl Finding {
    /// Every code, as listed in `docs/errors.md`.
    pub const ALL_CODES: &[&str] = &[
        "ledger.state_missing",
        "ledger.entry_changed",
        "ledger.entry_moved",
        "ledger.entry_removed",
        "ledger.entry_doubled",
        "ledger.entries_beyond",
        "ledger.leaves_beyond",
        "ledger.entry_outside",
        "ledger.leaf_missing",
        "ledger.truncated",
        "ledger.node_wrong",
        "ledger.state_wrong",
        "ledger.checkpoint_unsigned",
        "ledger.tail_unsigned",
        "ledger.checkpoint_contradicted",
        "ledger.erasure_unrecorded",
        "ledger.erasure_unsigned",
    ];

    /// The stable machine code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::StateMissing => "ledger.state_missing",
            Self::EntryChanged { .. } => "ledger.entry_changed",
            Self::EntryMoved { .. } => "ledger.entry_moved",
            Self::EntryRemoved { .. } => "ledger.entry_removed",
            Self::EntryDoubled { .. } => "ledger.entry_doubled",
            Self::EntriesBeyond { .. } => "ledger.entries_beyond",
            Self::LeavesBeyond { .. } => "ledger.leaves_beyond",
            Self::EntryOutside { .. } => "ledger.entry_outside",
            Self::LeafMissing { .. } => "ledger.leaf_missing",
            Self::Truncated { .. } => "ledger.truncated",
            Self::NodeWrong { .. } => "ledger.node_wrong",
            Self::StateWrong => "ledger.state_wrong",
            Self::CheckpointUnsigned { .. } => "ledger.checkpoint_unsigned",
            Self::TailUnsigned { .. } => "ledger.tail_unsigned",
            Self::CheckpointContradicted { .. } => "ledger.checkpoint_contradicted",
            Self::ErasureUnrecorded { .. } => "ledger.erasure_unrecorded",
            Self::ErasureUnsigned { .. } => "ledger.erasure_unsigned",
        }
    }
}

impl From<Unexplained> for Finding {
    fn from(unexplained: Unexplained) -> Self {
        match unexplained {
            Unexplained::Unrecorded(index) => Self::ErasureUnrecorded { index },
            Unexplained::Unsigned(index) => Self::ErasureUnsigned { index },
        }
    }
}
