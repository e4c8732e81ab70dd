//! What a log says, over its own signature, of having been put back to an earlier state.
//!
//! After a restore the log is shorter than what witnesses and agents have seen of it, and looks to
//! them like one that was cut off. A restore record names both ends: what the log had signed last,
//! and the checkpoint that it goes on from. It explains the checkpoints between the two and nothing
//! else: what was signed up to the second must be found in the log as ever.
//!
//! It is a signed note of the log's key. Its text, each line ended by a newline:
//!
//! ```text
//! cardea restore record 1
//! ORIGIN
//! before SIZE ROOT
//! after SIZE ROOT
//! at UNIX_SECONDS
//! why TEXT
//! ```
//!
//! Where the disk is lost, and nobody knows any more how far the log had been signed, the third
//! line is `before unknown`. Such a record explains whatever is larger than the checkpoint that the
//! log goes on from, and was seen before the restore. It says no more than its signer could say
//! anyway: whoever has the key can sign a checkpoint of any size.
//!
//! No such text is a checkpoint, whose third line is a hash. Whoever takes a record asks for three
//! things: that it [explains](RestoreRecord::explains) what she has seen; that the log now is
//! proven to begin with [`RestoreRecord::after`]; and, where witnesses are known to her, that they
//! have signed the record as well.

use std::fmt;

use crate::{Checkpoint, Error, Hash, Note, NoteSigner, VerifierKey, decimal};

const FIRST_LINE: &str = "cardea restore record 1";
const UNKNOWN: &str = "before unknown";
const WHY_BYTES_MAX: usize = 256;

/// A restore, in the log's own words. Nothing of it is believed before [`RestoreRecord::verify`].
///
/// ```
/// use cardea_transparency::{Checkpoint, Hash, KeyName, NoteSigner, RestoreRecord, SignatureKind};
/// # let key = openssl::pkey::PKey::generate_ed25519().unwrap();
/// let log = NoteSigner::new(KeyName::new("id.example/log")?, SignatureKind::Ed25519, key)?;
/// let at = |size, byte| Checkpoint::new("id.example/log", size, Hash([byte; 32]));
/// let record = RestoreRecord::new(&at(90, 9)?, &at(40, 4)?, 1_795_996_800, "the disk is gone")?;
/// let note = record.sign(&log)?;
///
/// let read = RestoreRecord::verify(&note, log.verifier())?;
/// assert_eq!(read, record);
/// read.explains(&at(70, 7)?, 1_795_990_000)?;
/// // The log says that it never signed as much.
/// assert!(read.explains(&at(91, 9)?, 1_795_990_000).is_err());
///
/// let lost = RestoreRecord::of_lost_log(&at(40, 4)?, 1_795_996_800, "the disk is gone")?;
/// lost.explains(&at(91, 9)?, 1_795_990_000)?;
/// # Ok::<(), cardea_transparency::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreRecord {
    /// None where nobody knows.
    before: Option<Checkpoint>,
    after: Checkpoint,
    at: u64,
    why: String,
}

impl RestoreRecord {
    /// A record of a log that had signed `before` last and goes on from `after`, restored at `at`
    /// (Unix seconds), with a line that says why.
    ///
    /// # Errors
    /// [`Error::RestoreRecordMalformed`]: the two are of different logs or have further lines, the
    /// log went on from more than it had, or from something else of the same size, or `why` is no
    /// line.
    pub fn new(before: &Checkpoint, after: &Checkpoint, at: u64, why: &str) -> Result<Self, Error> {
        if before.origin() != after.origin() {
            malformed("its checkpoints are of two logs")
        } else if !before.extensions().is_empty() {
            malformed("its checkpoints have further lines")
        } else if after.size() > before.size() {
            malformed("it goes on from more than was signed before")
        } else if after.size() == before.size() && after.root() != before.root() {
            malformed("it goes on from another tree of the same size")
        } else {
            Ok(Self {
                before: Some(before.clone()),
                ..Self::of_lost_log(after, at, why)?
            })
        }
    }

    /// A record of a log of which nobody knows any more what it had signed last: the disk is lost,
    /// and what was kept elsewhere is older.
    ///
    /// # Errors
    /// As [`RestoreRecord::new`].
    pub fn of_lost_log(after: &Checkpoint, at: u64, why: &str) -> Result<Self, Error> {
        if !after.extensions().is_empty() {
            malformed("its checkpoints have further lines")
        } else if why.is_empty() || why.len() > WHY_BYTES_MAX || why.chars().any(char::is_control) {
            malformed("its reason is empty, too long, or no line")
        } else {
            Ok(Self {
                before: None,
                after: after.clone(),
                at,
                why: why.to_owned(),
            })
        }
    }

    /// Reads the text of a note.
    ///
    /// # Errors
    /// [`Error::RestoreRecordMalformed`], [`Error::CheckpointMalformed`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let lines: Vec<_> = text.split('\n').take(8).collect();
        let [FIRST_LINE, origin, before, after, at, why, ""] = lines.as_slice() else {
            return malformed("it does not have its six lines");
        };
        let at = at.strip_prefix("at ").and_then(decimal::parse);
        let (Some(at), Some(why)) = (at, why.strip_prefix("why ")) else {
            return malformed("its time or its reason is missing");
        };
        let after = parse_end(origin, "after ", after)?;
        if *before == UNKNOWN {
            return Self::of_lost_log(&after, at, why);
        }
        Self::new(&parse_end(origin, "before ", before)?, &after, at, why)
    }

    /// The note to be signed, by the log and then by its witnesses.
    ///
    /// # Errors
    /// None that a record can have; see [`Note::new`].
    pub fn to_note(&self) -> Result<Note, Error> {
        Note::new(self.to_string())
    }

    /// Signs it with the log's key.
    ///
    /// # Errors
    /// [`Error::CryptoFailed`].
    pub fn sign(&self, log: &NoteSigner) -> Result<Note, Error> {
        let mut note = self.to_note()?;
        note.add(log.sign(&note, self.at)?)?;
        Ok(note)
    }

    /// Reads a record that this log's key has signed. Witnesses' signatures under it are
    /// [`Note::verify`]'s business.
    ///
    /// # Errors
    /// [`Error::SignatureMissing`], [`Error::SignatureInvalid`], those of
    /// [`RestoreRecord::parse`], and [`Error::RestoreRecordMalformed`] where it names another log
    /// than the key does.
    pub fn verify(note: &Note, log_key: &VerifierKey) -> Result<Self, Error> {
        note.verify(std::slice::from_ref(log_key))?;
        let record = Self::parse(note.text())?;
        if record.origin() != log_key.name().as_str() {
            return malformed("it is of another log than its key");
        }
        Ok(record)
    }

    /// Whether this restore is why a log does not fit a checkpoint of it that somebody has seen,
    /// and when (Unix seconds; of when it was kept, or of its cosignature). Who has seen it after
    /// the restore has seen the log that went on: that one was not put back by this restore, and an
    /// old record excuses nothing that is cut off later.
    ///
    /// # Errors
    /// [`Error::RestoreUnexplained`].
    pub fn explains(&self, seen: &Checkpoint, seen_at: u64) -> Result<(), Error> {
        let reason = if seen.origin() != self.origin() {
            "the checkpoint is of another log"
        } else if seen.size() <= self.after.size() {
            "the log went on from a state that must still hold this checkpoint"
        } else if self.before().is_some_and(|it| seen.size() > it.size()) {
            "the log says that it had not signed as much"
        } else if self
            .before()
            .is_some_and(|it| is_another_of_its_size(seen, it))
        {
            "the log says that it had signed another tree of this size"
        } else if seen_at > self.at {
            "the checkpoint was seen after the restore"
        } else {
            return Ok(());
        };
        Err(Error::RestoreUnexplained { reason })
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.after.origin()
    }

    /// What the log had signed last; none where nobody knows any more.
    #[must_use]
    pub fn before(&self) -> Option<&Checkpoint> {
        self.before.as_ref()
    }

    /// What the log goes on from: its later checkpoints are proven to begin with this one.
    #[must_use]
    pub fn after(&self) -> &Checkpoint {
        &self.after
    }

    /// When it was restored; Unix seconds by the server's clock.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Why, as the operator says.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }
}

/// The note's text.
impl fmt::Display for RestoreRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = (&self.before, &self.after);
        writeln!(formatter, "{FIRST_LINE}\n{}", self.origin())?;
        match before {
            Some(before) => writeln!(formatter, "before {} {}", before.size(), before.root())?,
            None => writeln!(formatter, "{UNKNOWN}")?,
        }
        writeln!(formatter, "after {} {}", after.size(), after.root())?;
        writeln!(formatter, "at {}\nwhy {}", self.at, self.why)
    }
}

fn is_another_of_its_size(seen: &Checkpoint, before: &Checkpoint) -> bool {
    seen.size() == before.size() && seen.root() != before.root()
}

fn parse_end(origin: &str, name: &str, line: &str) -> Result<Checkpoint, Error> {
    let Some((size, root)) = line.strip_prefix(name).and_then(|it| it.split_once(' ')) else {
        return malformed("a checkpoint is missing");
    };
    let Some(size) = decimal::parse(size) else {
        return malformed("a size is no number");
    };
    Checkpoint::new(origin, size, Hash::from_base64(root)?)
}

fn malformed<T>(reason: &'static str) -> Result<T, Error> {
    Err(Error::RestoreRecordMalformed { reason })
}

#[cfg(test)]
mod tests;
