//! What this workstation remembers of an issuer's log: the last checkpoints that it was shown, the
//! newest that witnesses have cosigned, and the newest of all.
//!
//! Whoever runs the issuer has its database and its key, and could write another history and sign
//! that. So each login is shown the log's newest checkpoints, and goes on only where the log has
//! grown from those that are kept here, or a signed restore record says why it has not. The log's
//! key is the one of the enrolment; where that names none, the one that was seen first.

mod alone;
mod evidence;
mod freshness;
mod kept;
mod known_log;
mod refusal;
mod restored;
mod shown;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cardea_jose::sha256_base64url;
use cardea_transparency::{AddCheckpoint, Checkpoint, Hash, Note, verify_consistency};

use self::freshness::{Doubt, Freshness, Seen};
use self::kept::Kept;
pub use self::known_log::KnownLog;
pub use self::refusal::{LogRefusal, WatchDiffers};
use self::restored::{Explained, explain};
use self::shown::{Shown, ShownNewest};
use crate::Error;
use crate::clock::workstation_seconds;
use crate::enrolment::Enrolment;
use crate::error::with_sources;

/// The memory of one issuer's log.
#[derive(Debug)]
pub(crate) struct LogMemory {
    enrolment: Arc<Enrolment>,
    file: PathBuf,
    state_dir: PathBuf,
    /// Held from reading to writing.
    writing: Mutex<()>,
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
    /// The log goes on, and is not as new as it ought to be: the person is told.
    Doubtful(LogRefusal),
}

/// What was taken of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) outcome: Outcome,
    /// Entries of the newest checkpoint that was shown: whatever happens from now on comes behind
    /// them.
    pub(crate) size: u64,
}

/// What is asked of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// Size and root of the newest that is kept of what witnesses have cosigned; those of an empty
    /// log where nothing is.
    pub(crate) cosigned: (u64, String),
    /// The same of the newest of all.
    pub(crate) newest: (u64, String),
    /// How many witnesses must have cosigned what is shown.
    pub(crate) quorum: u32,
    /// The ids of their keys.
    pub(crate) witnesses: Vec<String>,
}

/// What is shown, and what it is beside what is kept.
struct Judged {
    shown: Shown,
    outcome: Outcome,
    seen: Seen,
    /// The newest note to be kept.
    newest: Note,
    freshness: Freshness,
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

    /// What is asked, of what is kept.
    ///
    /// # Errors
    /// [`LogRefusal::MemoryUnusable`].
    pub(crate) fn question(&self) -> Result<Question, Error> {
        let kept = self.load()?;
        let of = |it: Option<&Checkpoint>| match it {
            None => (0, Hash::EMPTY_ROOT.to_base64()),
            Some(it) => (it.size(), it.root().to_base64()),
        };
        let known = self.enrolment.log.as_ref();
        Ok(Question {
            cosigned: of(kept.as_ref().map(Kept::checkpoint)),
            newest: of(kept.as_ref().map(Kept::newest)),
            quorum: u32::try_from(self.quorum()).unwrap_or(u32::MAX),
            witnesses: known.map_or_else(Vec::new, KnownLog::witness_ids),
        })
    }

    /// Takes note that the server shows nothing of its log.
    ///
    /// # Errors
    /// [`LogRefusal::NotShown`] where it did before, or the enrolment names its log; as for
    /// [`LogMemory::question`].
    pub(crate) fn take_nothing(&self) -> Result<Taken, Error> {
        let kept = self.load()?;
        let outcome = self.judge_nothing(kept.as_ref());
        let outcome = outcome.map_err(|error| self.refused(error, kept.as_ref(), ""))?;
        Ok(Taken { outcome, size: 0 })
    }

    /// Takes what a server shows of its log, and keeps its checkpoints where they are newer.
    ///
    /// # Errors
    /// [`LogRefusal`]; as for [`LogMemory::question`], and [`Error::StateUnusable`] where it cannot
    /// be kept.
    pub(crate) fn take(&self, text: &str) -> Result<Taken, Error> {
        self.take_at(text, workstation_seconds())
    }

    fn take_at(&self, text: &str, now: i64) -> Result<Taken, Error> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let _alone = alone::with(&self.file);
        let kept = self.load()?;
        let judged = self.judge(text, kept.as_ref(), now);
        let judged = judged.map_err(|error| self.refused(error, kept.as_ref(), text))?;
        if let (Outcome::Doubtful(why), Some(kept)) = (&judged.outcome, &kept) {
            let issuer = self.enrolment.issuer.as_str();
            evidence::keep(&self.state_dir, issuer, kept, (&why.clone().into(), text));
        }
        self.keep(&judged, kept.as_ref())?;
        Ok(Taken {
            size: judged.seen.newest,
            outcome: judged.outcome,
        })
    }

    /// What would come of it, were it taken; an empty text shows nothing.
    ///
    /// # Errors
    /// As for [`LogMemory::take`].
    pub(crate) fn examine(&self, text: &str) -> Result<Outcome, Error> {
        let kept = self.load()?;
        match text {
            "" => self.judge_nothing(kept.as_ref()),
            text => self
                .judge(text, kept.as_ref(), workstation_seconds())
                .map(|judged| judged.outcome),
        }
    }

    /// Takes note that a login went through behind so many entries: the log owes one more.
    ///
    /// # Errors
    /// As for [`LogMemory::take`].
    pub(crate) fn note_sign_in(&self, shown: u64) -> Result<(), Error> {
        self.note_sign_in_at(shown, workstation_seconds())
    }

    fn note_sign_in_at(&self, shown: u64, now: i64) -> Result<(), Error> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let _alone = alone::with(&self.file);
        let Some(mut kept) = self.load()? else {
            return Ok(());
        };
        let before = kept.freshness;
        let seen = kept.seen();
        kept.freshness.owe_sign_in(shown, seen, now);
        match kept.freshness == before {
            true => Ok(()),
            false => kept.store(&self.file),
        }
    }

    fn judge_nothing(&self, kept: Option<&Kept>) -> Result<Outcome, Error> {
        // Whoever signed the enrolment says that there is a log, also to who never saw it.
        match kept.is_some() || self.enrolment.log.is_some() {
            true => Err(LogRefusal::NotShown.into()),
            false => Ok(Outcome::GoesOn),
        }
    }

    fn judge(&self, text: &str, kept: Option<&Kept>, now: i64) -> Result<Judged, Error> {
        let shown = Shown::verify(text, self.enrolment.log.as_ref(), kept.map(Kept::key))?;
        let mut freshness = kept.map_or_else(Freshness::default, |kept| kept.freshness);
        let mut newest = shown.newest_note().clone();
        let mut seen = Seen {
            newest: checkpoint_of(&newest)?.size(),
            cosigned: shown.request.checkpoint().size(),
            cosigned_at: shown.cosigned_at,
            shows_newest: shown.shows_newest,
        };
        let mut outcome = Outcome::GoesOn;
        if let Some(kept) = kept {
            let cosigned = follows(&shown, kept, kept.checkpoint(), &shown.request)?;
            let latest = match (&shown.newest, kept.newest() == kept.checkpoint()) {
                (Some(ShownNewest { request, .. }), _) => {
                    follows(&shown, kept, kept.newest(), request)?
                }
                (None, true) => None,
                // A server of before shows the one alone, which proves nothing about the other.
                (None, false) => {
                    let old = kept.newest();
                    if !is_proven_by_size(old, shown.request.checkpoint())? {
                        newest = kept.newest_note().clone();
                        seen.newest = seen.newest.min(old.size().saturating_sub(1));
                        freshness.owe_newest(old.size(), now);
                    }
                    None
                }
            };
            if let Some(Explained { why }) = latest.or(cosigned) {
                outcome = Outcome::Restored { why };
                newest = shown.newest_note().clone();
                freshness.forgive();
            }
        }
        let doubt = freshness.look(seen, now);
        match doubt {
            Some(Doubt { why, is_grave }) if is_grave && self.quorum() > 0 => {
                return Err(why.into());
            }
            Some(Doubt { why, .. }) if outcome == Outcome::GoesOn => {
                outcome = Outcome::Doubtful(why);
            }
            _ => {}
        }
        Ok(Judged {
            shown,
            outcome,
            seen,
            newest,
            freshness,
        })
    }

    /// How many witnesses must have cosigned what is believed.
    fn quorum(&self) -> usize {
        self.enrolment.log.as_ref().map_or(0, |it| it.quorum)
    }

    fn load(&self) -> Result<Option<Kept>, Error> {
        let issuer = self.enrolment.issuer.as_str();
        let kept = Kept::load(&self.file, issuer).map_err(|error| LogRefusal::MemoryUnusable {
            file: self.file.clone(),
            reason: with_sources(&error),
        })?;
        let Some(kept) = kept else {
            return Ok(None);
        };
        // Whoever enrolled anew has compared fingerprints: her document goes before what a server
        // said once. What it said stays as evidence.
        let known = self.enrolment.log.as_ref();
        if known.is_some_and(|it| it.key != *kept.key()) {
            let why = LogRefusal::KeyChanged.into();
            evidence::keep(&self.state_dir, issuer, &kept, (&why, ""));
            return Ok(None);
        }
        Ok(Some(kept))
    }

    /// The time of the newest restore that was ever told of goes on being kept: an old record
    /// excuses nothing after it, however the log has grown since.
    fn keep(&self, judged: &Judged, before: Option<&Kept>) -> Result<(), Error> {
        let shown = &judged.shown;
        let issuer = self.enrolment.issuer.as_str();
        let mut newer = Kept::new(issuer, &shown.key, &shown.note, &judged.newest)?;
        newer.restored_at =
            restored::newest(&shown.restored).max(before.map_or(0, |it| it.restored_at));
        newer.freshness = judged.freshness;
        if !matches!(judged.outcome, Outcome::Restored { .. }) {
            // Where files know no locks, another program may have kept more meanwhile.
            if let Some(now) = self.load()? {
                newer = newer.or_newer(&now)?;
                if newer == now {
                    return Ok(());
                }
            }
        }
        newer.store(&self.file)
    }

    /// Keeps both notes as evidence of what was refused, where the log is to blame.
    fn refused(&self, error: Error, kept: Option<&Kept>, shown: &str) -> Error {
        if let Some(kept) = kept {
            let issuer = self.enrolment.issuer.as_str();
            evidence::keep(&self.state_dir, issuer, kept, (&error, shown));
        }
        error
    }
}

/// Whether a log goes on from what was seen; where a restore explains why it does not, that.
fn follows(
    shown: &Shown,
    kept: &Kept,
    old: &Checkpoint,
    request: &AddCheckpoint,
) -> Result<Option<Explained>, Error> {
    let new = request.checkpoint();
    let is_asked_for = request.old_size() == old.size();
    let proof = request.proof();
    let grown = verify_consistency(old.size(), &old.root(), new.size(), &new.root(), proof);
    if is_asked_for && grown.is_ok() {
        return Ok(None);
    }
    let head = shown.request.checkpoint();
    match explain(&shown.restored, old, kept.restored_at, head) {
        Some(explained) => Ok(Some(explained)),
        None => Err(rewritten(old, new)),
    }
}

/// Whether two are of one size, and then one and the same.
fn is_proven_by_size(old: &Checkpoint, new: &Checkpoint) -> Result<bool, Error> {
    match (old.size() == new.size(), old.root() == new.root()) {
        (true, true) => Ok(true),
        (true, false) => Err(rewritten(old, new)),
        (false, _) => Ok(false),
    }
}

fn rewritten(old: &Checkpoint, new: &Checkpoint) -> Error {
    let refusal = LogRefusal::Rewritten {
        kept: old.size(),
        shown: new.size(),
    };
    refusal.into()
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
