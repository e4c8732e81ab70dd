//! What an agent is shown of the log at a login: the newest checkpoint, and that the log begins
//! with the one that the agent keeps, or why it does not (docs/ledger.md).

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use cardea_assertion::{LogShown, NewestShown, RESTORES_SHOWN_MAX, RestoreShown};
use cardea_ledger::{RESTORE_KIND, consistency, restore_records};
use cardea_storage::ledger::{Checkpoint, list_details_behind, newest_checkpoint, newest_cosigned};
use cardea_storage::{Store, Transaction};
use cardea_transparency::{
    AddCheckpoint, Hash, NOTE_BYTES_MAX, Note, RestoreRecord, VerifierKey, verify_consistency,
};

use super::LogKeeper;
use super::key::find_verifier;
use crate::error::Error;

/// Events of restores that are looked at.
const RESTORES_MAX: u32 = 64;

/// The checkpoint that an agent keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its size.
    pub(crate) size: u64,
    /// Its root.
    pub(crate) root: Hash,
}

/// What an agent asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The newest that it keeps of what witnesses have cosigned; of all, where it keeps but one.
    pub(crate) cosigned: Known,
    /// The newest of all that it keeps, where it asks for both.
    pub(crate) newest: Option<Known>,
    /// How many witnesses must have cosigned what it believes, where it says so.
    pub(crate) quorum: Option<u32>,
    /// The ids of the keys of which so many must have, where it says so.
    pub(crate) witnesses: Vec<String>,
}

/// A restore of the log, and the note that says so.
pub(super) struct KnownRestore {
    record: RestoreRecord,
    note: String,
}

impl LogKeeper {
    /// What an agent is shown; none where nothing is signed yet.
    ///
    /// # Errors
    /// Those of the database and of the log.
    pub(crate) async fn show(&self, asked: Asked) -> Result<Option<LogShown>, Error> {
        let Some(key) = self.find_key().await? else {
            return Ok(None);
        };
        let shown = self.find_shown(key, asked).await;
        shown.map_err(|source| Error::LedgerUnavailable { source })
    }

    /// Reads the restores before somebody logs in: it is a look at every event, and each answer
    /// names the newest. A failure is tried again at the next look.
    pub(super) async fn learn_restores(&self) {
        if self.restores.initialized() {
            return;
        }
        let Ok(Some(key)) = self.find_key().await else {
            return;
        };
        if let Err(error) = self.list_restores(key).await
            && !self.store.has_failed()
        {
            let code = error.code();
            tracing::warn!(code, %error, "the log's restores are not read for now");
        }
    }

    async fn find_key(&self) -> Result<Option<&VerifierKey>, Error> {
        if let Some(key) = self.verifier.get() {
            return Ok(Some(key));
        }
        let found = find_verifier(&self.store, &self.origin).await?;
        Ok(found.map(|key| self.verifier.get_or_init(|| key)))
    }

    async fn find_shown(
        &self,
        key: &VerifierKey,
        asked: Asked,
    ) -> Result<Option<LogShown>, cardea_ledger::Error> {
        let mut reading = self.store.begin_read().await?;
        let known = asked.cosigned;
        let Some(head) = self.find_cosigned(&mut reading, &asked).await? else {
            return Ok(None);
        };
        let request = request_of(&mut reading, known, &head).await?;
        let newest = match asked.newest {
            None => None,
            Some(of) => newest_beside(&mut reading, (known, of), head.size).await?,
        };
        drop(reading);
        let size = request.checkpoint().size();
        let mut is_followed = is_grown_from(known, &request);
        if let (Some(of), Some((newest, _))) = (asked.newest, &newest) {
            is_followed &= is_grown_from(of, newest);
        }
        let restores = match is_followed {
            // The newest alone, so that no agent takes an old one for news later; and no login
            // waits for it.
            true if self.restores.initialized() => self.show_restores(key, size, 1).await?,
            true => Vec::new(),
            false => self.show_restores(key, size, RESTORES_SHOWN_MAX).await?,
        };
        Ok(Some(LogShown {
            key: key.to_string(),
            checkpoint: request.to_string(),
            restores,
            newest: newest.map(|(newest, proof)| NewestShown {
                checkpoint: newest.to_string(),
                proof: proof.iter().map(Hash::to_base64).collect(),
            }),
            watch: asked.quorum.map(|_| self.cosigning.watch()),
        }))
    }

    /// The newest that enough witnesses have cosigned of those whom the agent names. Where there is
    /// none, or it names nobody: enough for the agent and for this server, or else for whichever is
    /// content with fewer. All this unless the agent knows more, or wants none.
    async fn find_cosigned(
        &self,
        reading: &mut Transaction,
        asked: &Asked,
    ) -> Result<Option<Checkpoint>, cardea_ledger::Error> {
        if let Some(found) = self.find_cosigned_by_named(reading, asked).await? {
            return Ok(Some(found));
        }
        let own = self.cosigning.quorum();
        let quorums = match asked.quorum {
            Some(0) => [0, 0],
            Some(wanted) => [wanted.max(own), wanted.min(own)],
            None => [own, 0],
        };
        for quorum in quorums.into_iter().filter(|it| *it > 0) {
            let cosigned = newest_cosigned(reading, quorum).await?;
            if let Some(cosigned) = cosigned.filter(|it| it.size >= asked.cosigned.size) {
                return Ok(Some(cosigned));
            }
        }
        Ok(newest_checkpoint(reading).await?)
    }

    /// The newest that enough of the witnesses have cosigned whom the agent names: others may be
    /// asked as well, and none of them is to keep it from what it needs.
    async fn find_cosigned_by_named(
        &self,
        reading: &mut Transaction,
        asked: &Asked,
    ) -> Result<Option<Checkpoint>, cardea_ledger::Error> {
        let named = self.cosigning.named(&asked.witnesses);
        let wanted = asked.quorum.unwrap_or(0);
        if wanted == 0 {
            return Ok(None);
        }
        // What more have cosigned is never newer: the newest that will do comes first.
        for quorum in wanted..=self.cosigning.witnesses_count() {
            let Some(found) = newest_cosigned(reading, quorum).await? else {
                break;
            };
            let note = Note::parse(found.note.as_bytes())?;
            let cosigned = note.verify(&named).map_or(0, |it| it.len());
            let is_enough = u32::try_from(cosigned).is_ok_and(|it| it >= wanted);
            if is_enough && found.size >= asked.cosigned.size {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The newest restores, each with the proof from what the log went on from.
    async fn show_restores(
        &self,
        key: &VerifierKey,
        size: u64,
        count_max: usize,
    ) -> Result<Vec<RestoreShown>, cardea_ledger::Error> {
        let restores = self.list_restores(key).await?;
        if restores.is_empty() {
            return Ok(Vec::new());
        }
        let mut reading = self.store.begin_read().await?;
        let mut shown = Vec::new();
        let surplus = restores.len().saturating_sub(count_max);
        for restore in restores.iter().skip(surplus) {
            let after = restore.record.after().size();
            let proof = match after <= size {
                true => consistency(&mut reading, after, size).await?,
                false => Vec::new(),
            };
            shown.push(RestoreShown {
                record: restore.note.clone(),
                proof: proof.iter().map(Hash::to_base64).collect(),
            });
        }
        Ok(shown)
    }

    async fn list_restores(
        &self,
        key: &VerifierKey,
    ) -> Result<&[KnownRestore], cardea_ledger::Error> {
        // A database is put back only while no server works with it: once is enough, and it is a
        // look at every event.
        let read = || read_restores(&self.store, &self.restore_records, key);
        let restores = self.restores.get_or_try_init(read).await?;
        Ok(restores)
    }
}

/// A checkpoint, and the proof that it goes on from what an agent keeps. One that knows more than
/// there is gets no proof that it could take.
async fn request_of(
    reading: &mut Transaction,
    known: Known,
    head: &Checkpoint,
) -> Result<AddCheckpoint, cardea_ledger::Error> {
    let old = match known.size <= head.size {
        true => known.size,
        false => 0,
    };
    let proof = consistency(reading, old, head.size).await?;
    let note = Note::parse(head.note.as_bytes())?;
    Ok(AddCheckpoint::new(old, proof, note)?)
}

/// The newest checkpoint of all beside one of so many entries, and the proof that it goes on from
/// there; none where it would say nothing more.
async fn newest_beside(
    reading: &mut Transaction,
    (cosigned, known): (Known, Known),
    size: u64,
) -> Result<Option<(AddCheckpoint, Vec<Hash>)>, cardea_ledger::Error> {
    let newest = newest_checkpoint(reading).await?;
    let says_more = |it: &Checkpoint| it.size > size || known != cosigned;
    let Some(newest) = newest.filter(says_more) else {
        return Ok(None);
    };
    let proof = consistency(reading, size.min(newest.size), newest.size).await?;
    Ok(Some((request_of(reading, known, &newest).await?, proof)))
}

fn is_grown_from(known: Known, request: &AddCheckpoint) -> bool {
    let new = request.checkpoint();
    let (size, root) = (new.size(), new.root());
    verify_consistency(known.size, &known.root, size, &root, request.proof()).is_ok()
}

/// The records of the log's key that the database and the configured files tell of, the oldest
/// first: those that witnesses have cosigned lie in files.
async fn read_restores(
    store: &Store,
    files: &[PathBuf],
    key: &VerifierKey,
) -> Result<Vec<KnownRestore>, cardea_ledger::Error> {
    let mut reading = store.begin_read().await?;
    let told = list_details_behind(&mut reading, RESTORE_KIND, 0, RESTORES_MAX).await?;
    drop(reading);
    let told = told.iter().flat_map(|it| restore_records(it));
    let files = files.iter().filter_map(|file| read_file(file));
    let mut restores: Vec<KnownRestore> = Vec::new();
    for text in files.chain(told) {
        let Ok(note) = Note::parse(text.as_bytes()) else {
            continue;
        };
        match RestoreRecord::verify(&note, key) {
            Ok(record) if !restores.iter().any(|it| it.record == record) => {
                restores.push(KnownRestore { record, note: text });
            }
            _ => {}
        }
    }
    restores.sort_by_key(|it| it.record.at());
    Ok(restores)
}

/// A note out of a file; one that cannot be read is told, and agents do without.
fn read_file(file: &Path) -> Option<String> {
    let mut text = String::new();
    let bytes_max = u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX);
    let opened = File::open(file);
    match opened.and_then(|opened| opened.take(bytes_max).read_to_string(&mut text)) {
        Ok(_) => Some(text),
        Err(error) => {
            let code = "server.file_unusable";
            tracing::error!(code, %error, file = %file.display(), "no restore record is read");
            None
        }
    }
}
