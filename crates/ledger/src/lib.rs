//! The tamper-evident log over the events of `cardea-storage`.
//!
//! An event's row is written in the transaction of what it tells of ([`append`]), with the salt
//! that fixes its leaf. Afterwards a [`Sequencer`], one at a time whatever nodes there are, gives
//! rows their places in a Merkle tree, batch by batch, and signs how far it has grown. [`verify()`]
//! walks over all of it and names the first thing that is wrong; [`export`] writes the files by
//! which others do the same; a [`SignedErasure`] takes a person's data out of the rows and leaves
//! the tree as it is.
//!
//! What it deliberately does not do: decide what is an event, see the clock, or hold keys: who
//! signs comes as a [`CheckpointSigner`]. Hashing, proofs and notes are `cardea-transparency`'s
//! (RFC 6962, RFC 9162, C2SP signed-note and tlog-checkpoint); the SQL is `cardea-storage`'s.

mod append;
mod appended;
mod checkpoint;
mod entry;
mod erase;
mod error;
mod export;
mod finding;
mod history;
mod proof;
mod restored;
mod sequencer;
mod signed_erasures;
mod signer;
mod tree;
mod verify;

pub use append::append;
pub use appended::{Appended, Fate, LOOKED_FOR_AT_ONCE_MAX, look_for};
pub use cardea_transparency::{
    ERASURE_KIND, ERASURE_PLACES_MAX, ErasedWhat, KeyName, NoteSigner, SIGNED_ERASURES_KIND,
    SignatureKind, VerifierKey,
};
pub use checkpoint::{CheckpointSigner, SignedCheckpoint};
pub use erase::{Batch, SignedErasure, sign_batch, sign_erasure};
pub use error::Error;
pub use export::{Exported, export};
pub use finding::Finding;
pub use history::LastSigned;
pub use proof::{PROVEN_AT_ONCE_MAX, ProvenEntry, consistency, inclusion, inclusions};
pub use restored::{RESTORE_KIND, restore_records};
pub use sequencer::{Outcome, Sequencer};
pub use signed_erasures::{are_erasures_signed, erasures_signed_from, is_erasure_signed};
pub use signer::LogSigner;
pub use verify::{Known, Verified, verify};
