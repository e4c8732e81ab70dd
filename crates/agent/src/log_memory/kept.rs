//! What is kept of a log, in a file of the state folder.

use std::path::Path;

use cardea_transparency::{Checkpoint, Note, VerifierKey};
use serde::{Deserialize, Serialize};

use super::checkpoint_of;
use crate::Error;
use crate::protected_file::{self, Protection};

/// The last checkpoint that was shown, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    issuer: String,
    key: VerifierKey,
    note: Note,
    checkpoint: Checkpoint,
    restored_at: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    issuer: String,
    key: String,
    note: String,
    /// When the newest restore was that the server had told of by then: an older record excuses
    /// nothing any more.
    #[serde(default)]
    restored_at: u64,
}

impl Kept {
    pub(super) fn new(
        issuer: &str,
        key: &VerifierKey,
        note: &Note,
        restored_at: u64,
    ) -> Result<Self, Error> {
        Ok(Self {
            issuer: issuer.to_owned(),
            key: key.clone(),
            note: note.clone(),
            checkpoint: checkpoint_of(note)?,
            restored_at,
        })
    }

    /// Reads the file; none where there is none.
    ///
    /// # Errors
    /// [`Error::StateUnusable`] where it holds something else; as [`protected_file::read`].
    pub(super) fn load(file: &Path, issuer: &str) -> Result<Option<Self>, Error> {
        if !file.try_exists().unwrap_or(true) {
            return Ok(None);
        }
        let bytes = protected_file::read(file, Protection::ReadByOwner)?;
        let kept = Self::parse(&bytes).filter(|kept| kept.issuer == issuer);
        kept.map(Some).ok_or_else(|| Error::StateUnusable {
            path: file.to_owned(),
            reason: "it does not hold the checkpoint of a log; delete it only if you know why"
                .to_owned(),
        })
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let content: Content = serde_json::from_slice(bytes).ok()?;
        let key = VerifierKey::parse(&content.key).ok()?;
        let note = Note::parse(content.note.as_bytes()).ok()?;
        Self::new(&content.issuer, &key, &note, content.restored_at).ok()
    }

    /// Writes the file: on the disk before this returns, whole or not at all.
    ///
    /// # Errors
    /// [`Error::StateUnusable`].
    pub(super) fn store(&self, file: &Path) -> Result<(), Error> {
        let content = Content {
            issuer: self.issuer.clone(),
            key: self.key.to_string(),
            note: self.note.to_string(),
            restored_at: self.restored_at,
        };
        let bytes = serde_json::to_vec(&content).map_err(|_| Error::Internal {
            reason: "a checkpoint could not be written as JSON",
        })?;
        protected_file::replace(file, &bytes)
    }

    pub(super) fn key(&self) -> &VerifierKey {
        &self.key
    }

    pub(super) fn note(&self) -> &Note {
        &self.note
    }

    pub(super) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    pub(super) fn restored_at(&self) -> u64 {
        self.restored_at
    }
}
