//! What a log asks of a witness (C2SP tlog-witness, `add-checkpoint`): the size that the witness
//! knows, a proof that the tree only grew since, and the new checkpoint.

use std::fmt;

use crate::decimal;
use crate::{Checkpoint, Error, Hash, NOTE_BYTES_MAX, Note, PROOF_HASHES_MAX};

/// The longest request that is read.
pub const ADD_CHECKPOINT_BYTES_MAX: usize = NOTE_BYTES_MAX + 4 * 1024;
/// The type of an answer that says which size the witness knows.
pub const SIZE_CONTENT_TYPE: &str = "text/x.tlog.size";

/// A request to cosign a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    old_size: u64,
    proof: Vec<Hash>,
    note: Note,
    checkpoint: Checkpoint,
}

impl AddCheckpoint {
    /// Puts a request together; the note's text has to be a checkpoint.
    ///
    /// # Errors
    /// [`Error::CheckpointMalformed`]; [`Error::RequestMalformed`]: the old size is above the
    /// checkpoint's, or the proof has more hashes than any needs.
    pub fn new(old_size: u64, proof: Vec<Hash>, note: Note) -> Result<Self, Error> {
        let checkpoint = Checkpoint::parse(note.text())?;
        if old_size > checkpoint.size() {
            return malformed("the old size is above the checkpoint's");
        }
        if proof.len() > PROOF_HASHES_MAX {
            return malformed("the proof has too many lines");
        }
        Ok(Self {
            old_size,
            proof,
            note,
            checkpoint,
        })
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// [`Error::RequestMalformed`], [`Error::NoteMalformed`], [`Error::CheckpointMalformed`].
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        if body.len() > ADD_CHECKPOINT_BYTES_MAX {
            return malformed("it is too long");
        }
        let Ok(body) = std::str::from_utf8(body) else {
            return malformed("it is not UTF-8");
        };
        let Some((head, note)) = body.split_once("\n\n") else {
            return malformed("no empty line separates proof and checkpoint");
        };
        let mut lines = head.split('\n');
        let old_size = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .and_then(decimal::parse);
        let Some(old_size) = old_size else {
            return malformed("its first line is not `old` and a size");
        };
        let proof: Result<Vec<Hash>, Error> = lines
            .take(PROOF_HASHES_MAX + 1)
            .map(Hash::from_base64)
            .collect();
        let Ok(proof) = proof else {
            return malformed("a line of the proof is no hash");
        };
        Self::new(old_size, proof, Note::parse(note.as_bytes())?)
    }

    /// The size that the log believes the witness to know.
    #[must_use]
    pub fn old_size(&self) -> u64 {
        self.old_size
    }

    /// The proof from the old size to the checkpoint's.
    #[must_use]
    pub fn proof(&self) -> &[Hash] {
        &self.proof
    }

    /// The checkpoint with its signatures.
    #[must_use]
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// What the note says.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

/// The body of the request.
impl fmt::Display for AddCheckpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "old {}", self.old_size)?;
        for hash in &self.proof {
            writeln!(formatter, "{hash}")?;
        }
        write!(formatter, "\n{}", self.note)
    }
}

fn malformed<T>(reason: &'static str) -> Result<T, Error> {
    Err(Error::RequestMalformed { reason })
}

#[cfg(test)]
mod tests;
