//! Whether an exported log (docs/ledger.md) is what its checkpoint says, without server and
//! database: with nothing but the files, and the keys of the log and of witnesses.

mod entries;
mod later_erasures;
pub mod own;
mod report;

use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use cardea_transparency::{
    Checkpoint, Hash, NOTE_BYTES_MAX, Note, SignatureKind, Unexplained, VerifierKey,
};

use crate::Error;
use entries::Entries;
use later_erasures::LaterErasures;

pub use entries::Counts;
pub use report::Report;

const CHECKPOINT: &str = "checkpoint";
const ENTRIES: &str = "entries.jsonl";
const LATER_ERASURES: &str = "erasures.jsonl";

/// What has to hold.
#[derive(Clone, Debug)]
pub struct Demand {
    /// The folder that was exported.
    pub folder: PathBuf,
    /// The log's own key: the one that is known from elsewhere, not one that came with the export.
    pub log_key: VerifierKey,
    /// Who has to have cosigned, all of them.
    pub witness_keys: Vec<VerifierKey>,
    /// Checkpoints of the same log that were kept from earlier: the log has to begin with each.
    pub known: Vec<PathBuf>,
}

/// What was found, up to the first thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What the log says of itself, once its signature has verified.
    pub head: Option<Checkpoint>,
    /// Which witnesses cosigned, and when (seconds since 1970).
    pub witnesses: Vec<(String, u64)>,
    /// What became of the entries, of those that were read.
    pub entries: Counts,
}

/// Checks all of it: first who signed, then each entry in its order, then the tree over them.
/// What was found stands in `findings`, also where something is wrong.
///
/// # Errors
/// [`Error::FileUnreadable`], [`Error::ExportMalformed`], [`Error::CheckpointRefused`],
/// [`Error::CosignatureMissing`], [`Error::EntryAltered`], [`Error::EntryMisplaced`],
/// [`Error::EntriesMissing`], [`Error::EntriesExcess`], [`Error::RootMismatch`],
/// [`Error::HistoryContradicted`], [`Error::ErasureUnrecorded`], [`Error::ErasureUnsigned`].
pub fn run(demand: &Demand, findings: &mut Findings) -> Result<(), Error> {
    let head = check_head(demand, findings)?;
    let mut known = Vec::new();
    for file in &demand.known {
        known.push(earlier(file, demand, &head)?);
    }
    known.sort_unstable_by_key(|(size, _)| *size);
    let entries = Entries::open(&demand.folder.join(ENTRIES))?;
    let later = LaterErasures::read(&demand.folder.join(LATER_ERASURES))?;
    let counts = &mut findings.entries;
    let read = entries.check(head.size(), &known, &demand.log_key, &later, counts)?;
    if read.root != head.root() {
        return Err(Error::RootMismatch { size: head.size() });
    }
    counts.erased_unsigned = read.erasures.map_err(|it| match it {
        Unexplained::Unrecorded(index) => Error::ErasureUnrecorded { index },
        Unexplained::Unsigned(index) => Error::ErasureUnsigned { index },
    })?;
    Ok(())
}

/// The checkpoint, signed by the log and by every witness that is demanded.
fn check_head(demand: &Demand, findings: &mut Findings) -> Result<Checkpoint, Error> {
    let (note, head) = read_checkpoint(&demand.folder.join(CHECKPOINT))?;
    verify(&note, &demand.log_key)?;
    let name = demand.log_key.name().to_string();
    if head.origin() != name {
        return Err(Error::ExportMalformed {
            file: demand.folder.join(CHECKPOINT),
            line: 0,
            reason: format!("it is of the log {}, and the key of {name}", head.origin()),
        });
    }
    findings.head = Some(head.clone());
    findings.witnesses = cosignatures(&note, &demand.witness_keys)?;
    Ok(head)
}

/// When each of these witnesses cosigned: all of them have to.
fn cosignatures(note: &Note, keys: &[VerifierKey]) -> Result<Vec<(String, u64)>, Error> {
    let mut seen = HashSet::new();
    let mut witnesses = Vec::new();
    for key in keys {
        // One that is named twice is one pair of eyes.
        if !seen.insert(key.to_string()) {
            continue;
        }
        let missing = || Error::CosignatureMissing {
            name: key.name().to_string(),
        };
        // A log's key in the place of a witness's would be no second pair of eyes.
        if key.kind() != SignatureKind::Cosignature {
            return Err(missing());
        }
        let verified = note.verify(std::slice::from_ref(key));
        let timestamp = match verified {
            Ok(verified) => verified.iter().find_map(|it| it.timestamp),
            Err(cardea_transparency::Error::SignatureMissing) => None,
            Err(error) => return Err(Error::CheckpointRefused(error)),
        };
        let timestamp = timestamp.ok_or_else(missing)?;
        witnesses.push((key.name().to_string(), timestamp));
    }
    Ok(witnesses)
}

/// Size and root of a checkpoint from earlier, which has to be of the same log.
fn earlier(file: &Path, demand: &Demand, head: &Checkpoint) -> Result<(u64, Hash), Error> {
    let (note, checkpoint) = read_checkpoint(file)?;
    verify(&note, &demand.log_key)?;
    if checkpoint.origin() != head.origin() {
        return Err(Error::ExportMalformed {
            file: file.to_path_buf(),
            line: 0,
            reason: "it is a checkpoint of another log".to_owned(),
        });
    }
    let (size, root) = (checkpoint.size(), checkpoint.root());
    if size > head.size() {
        return Err(Error::HistoryContradicted { size });
    }
    Ok((size, root))
}

fn verify(note: &Note, key: &VerifierKey) -> Result<(), Error> {
    let verified = note.verify(std::slice::from_ref(key));
    verified.map(|_| ()).map_err(Error::CheckpointRefused)
}

fn read_checkpoint(file: &Path) -> Result<(Note, Checkpoint), Error> {
    let malformed = |error: cardea_transparency::Error| Error::ExportMalformed {
        file: file.to_path_buf(),
        line: 0,
        reason: error.to_string(),
    };
    let unreadable = |source| Error::FileUnreadable {
        file: file.to_path_buf(),
        source,
    };
    // One byte more than any note has, so that a longer one is refused as too long.
    let bound = u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(unreadable)?;
    let read = opened.take(bound.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(unreadable)?;
    let note = Note::parse(&bytes).map_err(malformed)?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(malformed)?;
    Ok((note, checkpoint))
}
