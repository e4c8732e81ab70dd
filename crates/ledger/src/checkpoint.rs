//! How far the tree has grown, signed.

use cardea_transparency::{Checkpoint, Hash, Note, NoteSignature, NoteSigner, VerifierKey};

use crate::Error;

/// Who signs checkpoints: a key in memory, or one in a token.
pub trait CheckpointSigner: Send + Sync {
    /// The name of the log.
    fn origin(&self) -> &str;

    /// The public half, under the log's name.
    fn verifier(&self) -> &VerifierKey;

    /// Signs the text of a note.
    ///
    /// # Errors
    /// [`Error::SigningFailed`].
    fn sign(&self, note: &Note) -> Result<NoteSignature, Error>;
}

impl CheckpointSigner for NoteSigner {
    fn origin(&self) -> &str {
        self.verifier().name().as_str()
    }

    fn verifier(&self) -> &VerifierKey {
        Self::verifier(self)
    }

    fn sign(&self, note: &Note) -> Result<NoteSignature, Error> {
        Self::sign(self, note, 0).map_err(|source| Error::SigningFailed {
            reason: source.to_string(),
        })
    }
}

/// What a checkpoint of ours says, its signature verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// Leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The whole note.
    pub note: Note,
}

impl SignedCheckpoint {
    /// Signs a new one.
    ///
    /// # Errors
    /// [`Error::SigningFailed`], [`Error::Transparency`].
    pub fn sign(signer: &dyn CheckpointSigner, size: u64, root: Hash) -> Result<Self, Error> {
        let checkpoint = Checkpoint::new(signer.origin(), size, root)?;
        let mut note = checkpoint.to_note()?;
        let signature = signer.sign(&note)?;
        note.add(signature)?;
        Ok(Self { size, root, note })
    }

    /// Reads one that must have been signed by this key, for this log.
    ///
    /// # Errors
    /// [`Error::Transparency`], [`Error::CheckpointForeign`].
    pub fn read(text: &str, origin: &str, key: &VerifierKey) -> Result<Self, Error> {
        let note = Note::parse(text.as_bytes())?;
        note.verify(std::slice::from_ref(key))?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin() != origin {
            return Err(Error::CheckpointForeign);
        }
        Ok(Self {
            size: checkpoint.size(),
            root: checkpoint.root(),
            note,
        })
    }
}
