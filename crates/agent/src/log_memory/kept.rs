//! What is kept of a log, in a file of the state folder.

use std::path::Path;

use cardea_transparency::{Checkpoint, Note, VerifierKey};
use serde::{Deserialize, Serialize};

use super::checkpoint_of;
use super::freshness::{Freshness, Seen};
use crate::Error;
use crate::protected_file::{self, Protection};

/// The last checkpoint that was shown, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    issuer: String,
    key: VerifierKey,
    note: Note,
    checkpoint: Checkpoint,
    /// The newest one that was shown beside it, which witnesses had not cosigned by then.
    newest: Option<(Note, Checkpoint)>,
    pub(super) restored_at: u64,
    pub(super) freshness: Freshness,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<String>,
    #[serde(default, skip_serializing_if = "Freshness::is_empty")]
    freshness: Freshness,
}

impl Kept {
    /// What is kept of a note and of the newest one beside it, which may be the same.
    pub(super) fn new(
        issuer: &str,
        key: &VerifierKey,
        note: &Note,
        newest: &Note,
    ) -> Result<Self, Error> {
        let newest = match newest.text() == note.text() {
            true => None,
            false => Some((newest.clone(), checkpoint_of(newest)?)),
        };
        Ok(Self {
            issuer: issuer.to_owned(),
            key: key.clone(),
            note: note.clone(),
            checkpoint: checkpoint_of(note)?,
            newest,
            restored_at: 0,
            freshness: Freshness::default(),
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
            reason: "it does not hold the checkpoint of this issuer's log".to_owned(),
        })
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let content: Content = serde_json::from_slice(bytes).ok()?;
        let key = VerifierKey::parse(&content.key).ok()?;
        let note = Note::parse(content.note.as_bytes()).ok()?;
        let newest = match &content.newest {
            None => note.clone(),
            Some(newest) => Note::parse(newest.as_bytes()).ok()?,
        };
        let kept = Self::new(&content.issuer, &key, &note, &newest).ok()?;
        Some(Self {
            restored_at: content.restored_at,
            freshness: content.freshness,
            ..kept
        })
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
            newest: self.newest.as_ref().map(|(note, _)| note.to_string()),
            freshness: self.freshness,
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

    /// The newest checkpoint that was shown, cosigned or not.
    pub(super) fn newest(&self) -> &Checkpoint {
        let newest = self.newest.as_ref();
        newest.map_or(&self.checkpoint, |(_, checkpoint)| checkpoint)
    }

    pub(super) fn newest_note(&self) -> &Note {
        self.newest.as_ref().map_or(&self.note, |(note, _)| note)
    }

    /// How far it goes.
    pub(super) fn seen(&self) -> Seen {
        Seen {
            newest: self.newest().size(),
            cosigned: self.checkpoint.size(),
            cosigned_at: None,
            shows_newest: false,
        }
    }

    /// Of each the newer one.
    pub(super) fn or_newer(self, other: &Self) -> Result<Self, Error> {
        let is_newer = |own: &Checkpoint, other: &Checkpoint| own.size() >= other.size();
        let note = match is_newer(&self.checkpoint, &other.checkpoint) {
            true => self.note(),
            false => other.note(),
        };
        let newest = match is_newer(self.newest(), other.newest()) {
            true => self.newest_note(),
            false => other.newest_note(),
        };
        let newer = Self::new(&self.issuer, &self.key, note, newest)?;
        let freshness = self.freshness.or(other.freshness, newer.seen());
        Ok(Self {
            restored_at: self.restored_at.max(other.restored_at),
            freshness,
            ..newer
        })
    }
}
