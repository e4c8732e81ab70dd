//! Taking up a log again that was put back to an earlier state, because its keeper has shown a
//! signed restore record to this witness's keeper: nothing else makes the witness go back.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use cardea_transparency::{Checkpoint, NOTE_BYTES_MAX, Note, RestoreRecord, VerifierKey};

use crate::state::{Known, StateFolder};
use crate::{Config, Error, key_file};

/// How far ahead of the witness's clock the server's may have been at the restore.
const AHEAD_SECONDS_MAX: u64 = 300;

/// Reads a restore record, goes back to what the log goes on from, and gives the record back with
/// the witness's cosignature, for the agents that want it. What was cosigned before is put by in
/// the state folder, and stays evidence. The server must be stopped: it has the folder.
///
/// # Errors
/// [`Error::FileUnreadable`], [`Error::RestoreRefused`] where the record is none, is of a log or a
/// key that is not watched, of a time to come, or does not explain what was cosigned;
/// [`Error::LogUnknown`], [`Error::KeyUnusable`], [`Error::StateLocked`], [`Error::StateMissing`],
/// [`Error::StateDamaged`], [`Error::StateUnwritable`], [`Error::StateUncertain`].
pub fn accept_restore(config: &Config, file: &Path, unix_seconds: u64) -> Result<Note, Error> {
    let mut note = read(file)?;
    let record = RestoreRecord::parse(note.text()).map_err(Error::RestoreRefused)?;
    let origin = record.origin();
    let log = config.log(origin).ok_or_else(|| Error::LogUnknown {
        origin: origin.to_owned(),
    })?;
    // One of the log's keys has to be enough: a log that changes its key has two for a while.
    let is_signed = |key: &VerifierKey| RestoreRecord::verify(&note, key).is_ok();
    if !log.keys.iter().any(is_signed) {
        let missing = cardea_transparency::Error::SignatureMissing;
        return Err(Error::RestoreRefused(missing));
    }
    let signer = key_file::read(config)?;
    let folder = StateFolder::take(&config.state_folder)?;
    let known = folder.read(origin, signer.verifier())?;
    let timestamp = unix_seconds.max(known.timestamp);
    // It would explain whatever is cut off until then, and agents would believe no other before.
    if record.at() > timestamp.saturating_add(AHEAD_SECONDS_MAX) {
        let reason = "the record is of a time that is still to come";
        let unexplained = cardea_transparency::Error::RestoreUnexplained { reason };
        return Err(Error::RestoreRefused(unexplained));
    }
    let cosigned = signer
        .sign(&note, timestamp)
        .and_then(|signature| note.add(signature));
    cosigned.map_err(Error::SigningFailed)?;
    if goes_back(&record, &known)? {
        let mut state = record.after().to_note().map_err(Error::RestoreRefused)?;
        let signed = signer
            .sign(&state, timestamp)
            .and_then(|signature| state.add(signature));
        signed.map_err(Error::SigningFailed)?;
        folder.put_by(origin, unix_seconds)?;
        folder.write(origin, &state)?;
    }
    Ok(note)
}

/// Whether the witness has seen more than the log goes on from; then the record must explain it.
fn goes_back(record: &RestoreRecord, known: &Known) -> Result<bool, Error> {
    let seen = Checkpoint::new(record.origin(), known.size, known.root);
    let seen = seen.map_err(Error::RestoreRefused)?;
    if known.size <= record.after().size() {
        return Ok(false);
    }
    let explained = record.explains(&seen, known.timestamp);
    explained.map_err(Error::RestoreRefused)?;
    Ok(true)
}

fn read(file: &Path) -> Result<Note, Error> {
    let mut bytes = Vec::new();
    let bound = u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX);
    let opened = File::open(file);
    let read = opened.and_then(|opened| opened.take(bound).read_to_end(&mut bytes));
    read.map_err(|source| Error::FileUnreadable {
        file: file.to_owned(),
        source,
    })?;
    Note::parse(&bytes).map_err(Error::RestoreRefused)
}
