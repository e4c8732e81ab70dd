//! The Merkle tree under Cardea's log, its signed checkpoints, and the proofs about both.
//!
//! Everything here is a pure function of bytes: no file, no socket, no clock, no random source.
//! Storage fetches the hashes that a proof asks for, and whoever signs says what time it is.
//!
//! Followed are RFC 9162 (hashing and proofs, the same as RFC 6962's) and C2SP's signed-note,
//! tlog-checkpoint, tlog-cosignature (`cosignature/v1`) and tlog-witness.
//!
//! ```
//! use std::collections::HashMap;
//! use cardea_transparency::{
//!     Frontier, NodeId, Hash, consistency_proof, inclusion_nodes, inclusion_proof, leaf_hash,
//!     verify_consistency, verify_inclusion,
//! };
//!
//! let mut kept: HashMap<NodeId, Hash> = HashMap::new();
//! let mut tree = Frontier::default();
//! for leaf in 0..5_u8 {
//!     kept.extend(tree.append(leaf_hash(&[leaf])));
//! }
//! let (old, old_root) = (tree.size(), tree.root());
//! kept.extend(tree.append(leaf_hash(b"one more")));
//!
//! let asked_for = inclusion_nodes(3, tree.size())?;
//! assert_eq!(asked_for.len(), 3, "one query fetches them");
//! let proof = inclusion_proof(3, tree.size(), &kept)?;
//! verify_inclusion(&leaf_hash(&[3]), 3, tree.size(), &proof, &tree.root())?;
//!
//! let proof = consistency_proof(old, tree.size(), &kept)?;
//! verify_consistency(old, &old_root, tree.size(), &tree.root(), &proof)?;
//! # Ok::<(), cardea_transparency::Error>(())
//! ```

mod add_checkpoint;
mod checkpoint;
mod cosignature;
mod decimal;
mod entry;
mod erasure;
mod error;
mod exported_entry;
mod frontier;
mod hash;
mod key;
mod node;
mod note;
mod proof;
mod restore_record;
mod verify;

pub use add_checkpoint::{ADD_CHECKPOINT_BYTES_MAX, AddCheckpoint, SIZE_CONTENT_TYPE};
pub use checkpoint::{Checkpoint, ORIGIN_BYTES_MAX};
pub use entry::{Flags, LEAF_BYTES, Leaf, PersonalPart, PublicPart, SALT_BYTES, Salt};
pub use erasure::{
    ERASURE_KIND, ERASURE_PLACES_MAX, ErasedWhat, ErasureRecord, Erasures, SIGNED_ERASURES_KIND,
    Unexplained, exported_erasure, is_exported_erasure, named_places,
};
pub use error::Error;
pub use exported_entry::{EXPORTED_ENTRY_BYTES_MAX, ExportedEntry, Rest};
pub use frontier::Frontier;
pub use hash::{Hash, leaf_hash, node_hash};
pub use key::{KEY_NAME_BYTES_MAX, KeyName, NoteSigner, SignatureKind, VerifierKey};
pub use node::{NodeId, Nodes, PROOF_HASHES_MAX, SIZE_MAX};
pub use note::{NOTE_BYTES_MAX, Note, NoteSignature, SIGNATURES_MAX, Verified};
pub use proof::{consistency_nodes, consistency_proof, inclusion_nodes, inclusion_proof};
pub use restore_record::RestoreRecord;
pub use verify::{verify_consistency, verify_inclusion};
