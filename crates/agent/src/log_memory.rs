//! What this workstation remembers of an issuer's log: the last checkpoint that it was shown.
//!
//! Whoever runs the issuer has its database and its key, and could write another history and sign
//! that. So each login is shown the log's newest checkpoint, and goes on only where the log has
//! grown from the one that is kept here, or a signed restore record says why it has not. The log's
//! key is the one of the enrolment; where that names none, the one that was seen first.

mod evidence;
mod kept;
mod known_log;
mod refusal;
mod restored;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cardea_assertion::LogShown;
use cardea_jose::sha256_base64url;
use cardea_transparency::{
    AddCheckpoint, Checkpoint, Hash, Note, SignatureKind, VerifierKey, verify_consistency,
};

use self::kept::Kept;
pub use self::known_log::KnownLog;
pub use self::refusal::LogRefusal;
use self::restored::{Explained, explain};
use crate::Error;
use crate::enrolment::Enrolment;

/// The memory of one issuer's log.
#[derive(Debug)]
pub(crate) struct LogMemory {
    enrolment: Arc<Enrolment>,
    file: PathBuf,
    state_dir: PathBuf,
    /// Held from reading to writing.
    writing: Mutex<()>,
}

/// What a server shows, its signatures verified.
struct Shown {
    key: VerifierKey,
    request: AddCheckpoint,
    /// With the signatures of known keys alone.
    note: Note,
    restored: Vec<restored::Restored>,
}

/// What came of a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The log goes on from what is kept, or nothing was kept that it could go on from.
    GoesOn,
    /// The log was put back, and says so: the person is told.
    Restored {
        /// What the issuer's operator says of it.
        why: String,
    },
}

impl LogMemory {
    /// Remembers in a file of the state folder.
    pub(crate) fn new(enrolment: Arc<Enrolment>, state_dir: &Path) -> Self {
        let digest = sha256_base64url(enrolment.issuer.as_str().as_bytes());
        Self {
            enrolment,
            file: state_dir.join(format!("log-{digest}.json")),
            state_dir: state_dir.to_owned(),
            writing: Mutex::new(()),
        }
    }

    /// Size and root of what is kept; those of an empty log where nothing is.
    ///
    /// # Errors
    /// [`Error::StateUnusable`], [`Error::FileUnreadable`], [`Error::FileUnsafe`]: to begin anew
    /// would let a rewritten log in.
    pub(crate) fn newest(&self) -> Result<(u64, String), Error> {
        let kept = self.load()?;
        let newest = kept.map_or((0, Hash::EMPTY_ROOT), |kept| {
            (kept.checkpoint().size(), kept.checkpoint().root())
        });
        Ok((newest.0, newest.1.to_base64()))
    }

    /// Takes note that the server shows nothing of its log.
    ///
    /// # Errors
    /// [`LogRefusal::NotShown`] where it did before, or the enrolment names its log; as for
    /// [`LogMemory::newest`].
    pub(crate) fn take_nothing(&self) -> Result<Outcome, Error> {
        match self.load()? {
            Some(kept) => Err(self.refused(LogRefusal::NotShown.into(), &kept, "")),
            // Whoever signed the enrolment says that there is a log, also to who never saw it.
            None if self.enrolment.log.is_some() => Err(LogRefusal::NotShown.into()),
            None => Ok(Outcome::GoesOn),
        }
    }

    /// Takes what a server shows of its log, and keeps its checkpoint where that is newer.
    ///
    /// # Errors
    /// [`LogRefusal::Invalid`], [`LogRefusal::KeyChanged`], [`LogRefusal::NotCosigned`],
    /// [`LogRefusal::Rewritten`]; as for [`LogMemory::newest`], and [`Error::StateUnusable`] where
    /// it cannot be kept.
    pub(crate) fn take(&self, text: &str) -> Result<Outcome, Error> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = self.load()?;
        let shown = self.verify(text, kept.as_ref());
        let Some(kept) = kept else {
            self.keep(&shown?, None)?;
            return Ok(Outcome::GoesOn);
        };
        let taken = shown.and_then(|shown| Ok((self.follows(&shown, &kept)?, shown)));
        let (outcome, shown) = taken.map_err(|error| self.refused(error, &kept, text))?;
        self.keep(&shown, Some((&kept, &outcome)))?;
        Ok(outcome)
    }

    /// Whether the log goes on from what is kept.
    fn follows(&self, shown: &Shown, kept: &Kept) -> Result<Outcome, Error> {
        let (old, new) = (kept.checkpoint(), shown.request.checkpoint());
        let proof = shown.request.proof();
        let is_asked_for = shown.request.old_size() == old.size();
        let grown = verify_consistency(old.size(), &old.root(), new.size(), &new.root(), proof);
        if is_asked_for && grown.is_ok() {
            return Ok(Outcome::GoesOn);
        }
        match explain(&shown.restored, old, kept.restored_at(), new) {
            Some(Explained { why }) => Ok(Outcome::Restored { why }),
            None => Err(LogRefusal::Rewritten {
                kept: old.size(),
                shown: new.size(),
            }
            .into()),
        }
    }

    fn verify(&self, text: &str, kept: Option<&Kept>) -> Result<Shown, Error> {
        let shown: LogShown = serde_json::from_str(text).map_err(|_| invalid("it is no JSON"))?;
        let malformed = |_| invalid("its key or its checkpoint is none");
        let key = VerifierKey::parse(&shown.key).map_err(malformed)?;
        let request = AddCheckpoint::parse(shown.checkpoint.as_bytes()).map_err(malformed)?;
        let known = self.enrolment.log.as_ref();
        let expected = known.map(|it| &it.key).or(kept.map(Kept::key));
        if key.kind() != SignatureKind::Ed25519 || expected.is_some_and(|it| *it != key) {
            return Err(LogRefusal::KeyChanged.into());
        }
        let note = self.check_signatures(request.note(), &key)?;
        if request.checkpoint().origin() != key.name().as_str() {
            return Err(invalid("its checkpoint is of another log than its key"));
        }
        let restored = restored::verify(&shown.restores, |note| {
            self.check_signatures(note, &key)?;
            Ok(key.clone())
        })?;
        Ok(Shown {
            key,
            request,
            note,
            restored,
        })
    }

    /// Whether the log has signed a note, and enough of the witnesses that the enrolment names; the
    /// note with their signatures alone.
    fn check_signatures(&self, note: &Note, key: &VerifierKey) -> Result<Note, Error> {
        let log = std::slice::from_ref(key);
        note.verify(log)
            .map_err(|_| invalid("its note is not signed by its key"))?;
        let Some(known) = &self.enrolment.log else {
            return Ok(note.only(log));
        };
        let cosigned = note.verify(&known.witnesses).map_or(0, |it| it.len());
        if cosigned < known.quorum {
            return Err(LogRefusal::NotCosigned {
                cosigned,
                quorum: known.quorum,
            }
            .into());
        }
        let mut keys = known.witnesses.clone();
        keys.push(key.clone());
        Ok(note.only(&keys))
    }

    fn load(&self) -> Result<Option<Kept>, Error> {
        let issuer = self.enrolment.issuer.as_str();
        let Some(kept) = Kept::load(&self.file, issuer)? else {
            return Ok(None);
        };
        // Whoever enrolled anew has compared fingerprints: her document goes before what a server
        // said once. What it said stays as evidence.
        let known = self.enrolment.log.as_ref();
        if known.is_some_and(|it| it.key != *kept.key()) {
            evidence::keep(
                &self.state_dir,
                issuer,
                &kept,
                (&LogRefusal::KeyChanged.into(), ""),
            );
            return Ok(None);
        }
        Ok(Some(kept))
    }

    /// The time of the newest restore that was ever told of goes on being kept: an old record
    /// excuses nothing after it, however the log has grown since.
    fn keep(&self, shown: &Shown, before: Option<(&Kept, &Outcome)>) -> Result<(), Error> {
        let told = restored::newest(&shown.restored);
        let known = before.map_or(0, |(kept, _)| kept.restored_at());
        let now = match before {
            None | Some((_, Outcome::Restored { .. })) => None,
            // Another program of this user may have kept more meanwhile.
            Some((_, Outcome::GoesOn)) => self.load()?,
        };
        let restored_at = told
            .max(known)
            .max(now.as_ref().map_or(0, Kept::restored_at));
        let issuer = self.enrolment.issuer.as_str();
        let newer = match &now {
            Some(now) if now.checkpoint().size() >= shown.request.checkpoint().size() => {
                if restored_at == now.restored_at() {
                    return Ok(());
                }
                Kept::new(issuer, now.key(), now.note(), restored_at)?
            }
            _ => Kept::new(issuer, &shown.key, &shown.note, restored_at)?,
        };
        newer.store(&self.file)
    }

    /// Keeps both notes as evidence of what was refused.
    fn refused(&self, error: Error, kept: &Kept, shown: &str) -> Error {
        let issuer = self.enrolment.issuer.as_str();
        evidence::keep(&self.state_dir, issuer, kept, (&error, shown));
        error
    }
}

/// A checkpoint out of a note that was verified.
fn checkpoint_of(note: &Note) -> Result<Checkpoint, Error> {
    Checkpoint::parse(note.text()).map_err(|_| invalid("its note is no checkpoint"))
}

fn invalid(reason: &'static str) -> Error {
    LogRefusal::Invalid { reason }.into()
}

#[cfg(test)]
mod tests;
