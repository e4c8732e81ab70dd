//! What the log says, over its own signature, of having taken out what is personal.
//!
//! It is a signed note of the log's key. Its text, each line ended by a newline:
//!
//! ```text
//! cardea erasure record 1
//! ORIGIN
//! at UNIX_SECONDS
//! entries COUNT DIGEST
//! ```
//!
//! or `look-ups` in the place of `entries`. `DIGEST` (base64) is the SHA-256 of `cardea erased
//! entries 1`, a byte 0, and for each entry, in the order of their places, its place as 8 bytes and
//! its leaf's hash; of look-ups that of `cardea erased look-ups 1`, a byte 0, and for each report
//! its id and its digest as the log has it, each after its length as 4 bytes. So a record speaks
//! for these entries of this log and for no other that comes to stand at their places, after a
//! restore for instance, and for these look-ups as they were reported and not as somebody made them
//! look.

use std::fmt;

use crate::hash::digest;
use crate::{Checkpoint, Error, Hash, Note, VerifierKey, decimal};

const FIRST_LINE: &str = "cardea erasure record 1";
const ENTRIES_DOMAIN: &[u8] = b"cardea erased entries 1\0";
const LOOK_UPS_DOMAIN: &[u8] = b"cardea erased look-ups 1\0";

/// What was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErasedWhat<'a> {
    /// The personal parts of entries: their places, in their order, and the hashes of their leaves.
    Entries(&'a [(u64, Hash)]),
    /// Reports of look-ups, each with its digest, in the order in which the event names them.
    LookUps(&'a [(String, String)]),
}

/// An erasure, in the log's own words. Nothing of it is believed before [`ErasureRecord::verify`].
///
/// ```
/// use cardea_transparency::{
///     ErasedWhat, ErasureRecord, Hash, KeyName, NoteSigner, SignatureKind,
/// };
/// # let key = openssl::pkey::PKey::generate_ed25519().unwrap();
/// let log = NoteSigner::new(KeyName::new("id.example/log")?, SignatureKind::Ed25519, key)?;
/// let erased = [(7, Hash([1; 32])), (9, Hash([2; 32]))];
/// let record = ErasureRecord::new("id.example/log", 1_795_996_800, ErasedWhat::Entries(&erased))?;
/// let mut note = record.to_note()?;
/// note.add(log.sign(&note, 0)?)?;
///
/// let read = ErasureRecord::verify(&note, log.verifier())?;
/// assert!(read.covers(ErasedWhat::Entries(&erased)));
/// assert!(!read.covers(ErasedWhat::Entries(&erased[1..])));
/// # Ok::<(), cardea_transparency::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasureRecord {
    origin: String,
    at: u64,
    are_look_ups: bool,
    count: u64,
    digest: Hash,
}

impl ErasureRecord {
    /// A record of a log, at `at` (Unix seconds).
    ///
    /// # Errors
    /// [`Error::CheckpointMalformed`] where no log has this name; [`Error::ErasureRecordMalformed`]
    /// where the entries are not in the order of their places.
    pub fn new(origin: &str, at: u64, what: ErasedWhat<'_>) -> Result<Self, Error> {
        // A log's name is one that a checkpoint can have.
        Checkpoint::new(origin, 0, Hash::EMPTY_ROOT)?;
        if !what.is_in_order() {
            return malformed("its entries are not in their order");
        }
        Ok(Self {
            origin: origin.to_owned(),
            at,
            are_look_ups: matches!(what, ErasedWhat::LookUps(_)),
            count: what.count(),
            digest: what.digest(),
        })
    }

    /// Reads the text of a note.
    ///
    /// # Errors
    /// [`Error::ErasureRecordMalformed`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let lines: Vec<_> = text.split('\n').take(6).collect();
        let [FIRST_LINE, origin, at, erased, ""] = lines.as_slice() else {
            return malformed("it does not have its four lines");
        };
        let Some(at) = at.strip_prefix("at ").and_then(decimal::parse) else {
            return malformed("its time is missing");
        };
        let parts: Vec<_> = erased.split(' ').take(4).collect();
        let (are_look_ups, count, digest) = match parts.as_slice() {
            ["entries", count, digest] => (false, count, digest),
            ["look-ups", count, digest] => (true, count, digest),
            _ => return malformed("it does not say what was erased"),
        };
        let (Some(count), Ok(digest)) = (decimal::parse(count), Hash::from_base64(digest)) else {
            return malformed("its count or its digest is none");
        };
        Ok(Self {
            origin: (*origin).to_owned(),
            at,
            are_look_ups,
            count,
            digest,
        })
    }

    /// The note to be signed by the log.
    ///
    /// # Errors
    /// None that a record can have; see [`Note::new`].
    pub fn to_note(&self) -> Result<Note, Error> {
        Note::new(self.to_string())
    }

    /// Reads a record that this log's key has signed.
    ///
    /// # Errors
    /// [`Error::SignatureMissing`], [`Error::SignatureInvalid`], those of
    /// [`ErasureRecord::parse`], and [`Error::ErasureRecordMalformed`] where it names another log
    /// than the key does.
    pub fn verify(note: &Note, log_key: &VerifierKey) -> Result<Self, Error> {
        note.verify(std::slice::from_ref(log_key))?;
        let record = Self::parse(note.text())?;
        if record.origin != log_key.name().as_str() {
            return malformed("it is of another log than its key");
        }
        Ok(record)
    }

    /// Whether it is of exactly this.
    #[must_use]
    pub fn covers(&self, what: ErasedWhat<'_>) -> bool {
        self.are_look_ups == matches!(what, ErasedWhat::LookUps(_))
            && self.count == what.count()
            && what.is_in_order()
            && self.digest == what.digest()
    }

    /// When it was signed; Unix seconds by the server's clock.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.at
    }
}

impl ErasedWhat<'_> {
    fn count(self) -> u64 {
        let count = match self {
            Self::Entries(entries) => entries.len(),
            Self::LookUps(reports) => reports.len(),
        };
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    fn is_in_order(self) -> bool {
        match self {
            Self::Entries(entries) => entries.is_sorted_by(|one, other| one.0 < other.0),
            Self::LookUps(_) => true,
        }
    }

    fn digest(self) -> Hash {
        let mut bytes;
        match self {
            Self::Entries(entries) => {
                bytes = ENTRIES_DOMAIN.to_vec();
                for (place, leaf) in entries {
                    bytes.extend(place.to_be_bytes());
                    bytes.extend(leaf.0);
                }
            }
            Self::LookUps(reports) => {
                bytes = LOOK_UPS_DOMAIN.to_vec();
                for text in reports.iter().flat_map(|(id, digest)| [id, digest]) {
                    // None comes near 4 GiB.
                    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                    bytes.extend(length.to_be_bytes());
                    bytes.extend(text.as_bytes());
                }
            }
        }
        digest(&[&bytes])
    }
}

/// The note's text.
impl fmt::Display for ErasureRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            origin,
            at,
            count,
            digest,
            ..
        } = self;
        let what = if self.are_look_ups {
            "look-ups"
        } else {
            "entries"
        };
        writeln!(formatter, "{FIRST_LINE}\n{origin}\nat {at}")?;
        writeln!(formatter, "{what} {count} {digest}")
    }
}

fn malformed<T>(reason: &'static str) -> Result<T, Error> {
    Err(Error::ErasureRecordMalformed { reason })
}

#[cfg(test)]
mod tests;
