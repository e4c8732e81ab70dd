//! Restores of a log: why it is not what was kept, in its own signed words.

use cardea_assertion::{RESTORES_SHOWN_MAX, RestoreShown};
use cardea_transparency::{
    Checkpoint, Hash, Note, PROOF_HASHES_MAX, RestoreRecord, VerifierKey, verify_consistency,
};

use super::invalid;
use crate::Error;

/// A restore, its signatures verified, and the proof from what the log went on from.
pub(super) struct Restored {
    record: RestoreRecord,
    proof: Vec<Hash>,
}

/// A restore that explains why a log does not follow.
pub(super) struct Explained {
    pub(super) why: String,
}

/// Reads restores, each note's signatures checked by `check`, which gives the log's key.
///
/// # Errors
/// [`Error::Log`].
pub(super) fn verify(
    shown: &[RestoreShown],
    check: impl Fn(&Note) -> Result<VerifierKey, Error>,
) -> Result<Vec<Restored>, Error> {
    let malformed = |_| invalid("a restore record is none");
    if shown.len() > RESTORES_SHOWN_MAX {
        return Err(invalid("it tells of too many restores"));
    }
    let mut restored: Vec<Restored> = Vec::new();
    for RestoreShown { record, proof } in shown {
        if proof.len() > PROOF_HASHES_MAX {
            return Err(invalid("the proof of a restore is too long"));
        }
        let note = Note::parse(record.as_bytes()).map_err(malformed)?;
        // One that lacks a witness's signature excuses nothing, and keeps nobody out.
        let Ok(key) = check(&note) else { continue };
        let proof: Result<Vec<Hash>, _> = proof.iter().map(|it| Hash::from_base64(it)).collect();
        restored.push(Restored {
            record: RestoreRecord::verify(&note, &key).map_err(malformed)?,
            proof: proof.map_err(malformed)?,
        });
    }
    restored.sort_by_key(|it| it.record.at());
    Ok(restored)
}

/// When the newest of them was; 0 without any.
pub(super) fn newest(restored: &[Restored]) -> u64 {
    restored.last().map_or(0, |it| it.record.at())
}

/// Whether restores since `restored_at` explain why the log does not follow from what was seen:
/// one after the other, and the log goes on from the last of them.
pub(super) fn explain(
    restored: &[Restored],
    seen: &Checkpoint,
    restored_at: u64,
    new: &Checkpoint,
) -> Option<Explained> {
    let mut seen = seen.clone();
    let mut last = None;
    let since = restored.iter().filter(|it| it.record.at() > restored_at);
    for restore in since {
        // It was seen before: the server had not told of this restore by then.
        if restore.record.explains(&seen, 0).is_ok() {
            seen = restore.record.after().clone();
            last = Some(restore);
        }
    }
    let last = last?;
    let (old, proof) = (last.record.after(), &last.proof);
    let goes_on = verify_consistency(old.size(), &old.root(), new.size(), &new.root(), proof);
    goes_on.ok().map(|()| Explained {
        why: last.record.why().to_owned(),
    })
}
