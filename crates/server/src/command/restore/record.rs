//! What the log says of a restore, over its own signature: for witnesses, agents and whoever holds
//! a checkpoint from after the backup.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cardea_ledger::{CheckpointSigner as _, SignedCheckpoint};
use cardea_provider::{LogEnds, RestoreNotary, SignedRestore};
use cardea_transparency::{Checkpoint, NOTE_BYTES_MAX, Note, RestoreRecord};
use time::OffsetDateTime;

use super::super::keys::token_keys::take_secrets;
use crate::config::{Config, DatabaseUrl};
use crate::error::Error;
use crate::key_file::{folder_of, unusable};
use crate::key_vault::KeyVault;
use crate::ledger::key::{KeyOfLog, as_signing_key};

/// Signs the record with the log's key, which the restored database holds.
pub(super) struct Notary<'a> {
    config: &'a Config,
    /// Notes from outside of the database that may say how far the log was signed.
    outside: Vec<String>,
    /// Whether the operator says that nobody knows any more how far the log was signed.
    is_lost: bool,
    why: String,
    complaint: Mutex<Option<String>>,
}

impl<'a> Notary<'a> {
    /// Takes what this node has signed last into account, and a checkpoint from elsewhere.
    ///
    /// # Errors
    /// `server.file_unusable`; those of a file that is no checkpoint of this log.
    pub(super) fn new(
        config: &'a Config,
        signed_last: Option<&Path>,
        is_lost: bool,
        why: String,
    ) -> Result<Self, Error> {
        take_secrets(config);
        let mut outside = Vec::new();
        if let Some(file) = signed_last {
            outside.push(checked(config, read(file)?)?);
        }
        // One that cannot be read is told by whoever puts it by.
        let own = config.ledger.last_signed_file(&config.database.url);
        outside.extend(own.and_then(|file| read(&file).ok()));
        Ok(Self {
            config,
            outside,
            is_lost,
            why,
            complaint: Mutex::default(),
        })
    }

    /// Why there is no record.
    pub(super) fn complaint(&self) -> Option<String> {
        let mut complaint = self
            .complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        complaint.take()
    }

    fn try_sign(&self, ends: &LogEnds, now: OffsetDateTime) -> Result<SignedRestore, String> {
        let key = ends.key.clone();
        let key = key.ok_or("the log has not begun, and has no key")?;
        let key = self.open_key(key);
        let key = key.map_err(|error| format!("{} ({})", error, error.code()))?;
        self.sign_with(&key, ends, now)
            .map_err(|error| format!("{error} ({})", error.code()))
    }

    fn open_key(&self, record: cardea_storage::ledger::LedgerKeyRecord) -> Result<KeyOfLog, Error> {
        let stored = [as_signing_key(record.clone())];
        let vault = KeyVault::open(&self.config.keys, &stored, false)?;
        KeyOfLog::open_now(
            &vault,
            record,
            &self.config.ledger.origin(&self.config.issuer),
        )
    }

    fn sign_with(
        &self,
        key: &KeyOfLog,
        ends: &LogEnds,
        now: OffsetDateTime,
    ) -> Result<SignedRestore, cardea_ledger::Error> {
        let origin = key.origin();
        let read = |text: &String| SignedCheckpoint::read(text, origin, key.verifier());
        let after = match &ends.restored {
            Some(text) => {
                let signed = read(text)?;
                Checkpoint::new(origin, signed.size, signed.root)?
            }
            None => Checkpoint::new(origin, 0, cardea_transparency::Hash::EMPTY_ROOT)?,
        };
        let at = u64::try_from(now.unix_timestamp()).unwrap_or_default();
        let record = if self.is_lost {
            RestoreRecord::of_lost_log(&after, at, &self.why)?
        } else {
            let mut before = after.clone();
            // What does not bear the log's signature says nothing of it.
            let known = ends.replaced.iter().chain(&self.outside);
            for signed in known.filter_map(|it| read(it).ok()) {
                if signed.size > before.size() {
                    before = Checkpoint::new(origin, signed.size, signed.root)?;
                }
            }
            RestoreRecord::new(&before, &after, at, &self.why)?
        };
        let mut note = record.to_note()?;
        let signature = key.sign(&note)?;
        note.add(signature)?;
        Ok(SignedRestore {
            size_before: record.before().map(Checkpoint::size),
            root_before: record.before().map(|it| it.root().to_base64()),
            size_after: after.size(),
            root_after: after.root().to_base64(),
            record: note.to_string(),
        })
    }
}

impl RestoreNotary for Notary<'_> {
    fn sign(&self, ends: &LogEnds, now: OffsetDateTime) -> Option<SignedRestore> {
        let signed = self.try_sign(ends, now);
        let mut complaint = self
            .complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *complaint = signed.as_ref().err().cloned();
        signed.ok()
    }
}

/// Records that may be made within one second.
const RECORDS_OF_SECOND_MAX: u32 = 99;

/// Where the record lies: beside SQLite's file, else beside the backup; under a name that no other
/// record has.
pub(super) fn file_for(database: &DatabaseUrl, backup: &Path, now: OffsetDateTime) -> PathBuf {
    let beside = match database {
        DatabaseUrl::Sqlite(file) => file.as_path(),
        DatabaseUrl::Postgres(_) => backup,
    };
    let named = |number: u32| {
        let mut name = beside.as_os_str().to_owned();
        name.push(format!(".restore-record-{}", now.unix_timestamp()));
        if number > 1 {
            name.push(format!("-{number}"));
        }
        PathBuf::from(name)
    };
    let free = (1..RECORDS_OF_SECOND_MAX)
        .map(named)
        .find(|it| !it.exists());
    free.unwrap_or_else(|| named(RECORDS_OF_SECOND_MAX))
}

/// Writes the record, which is no secret.
///
/// # Errors
/// `server.file_unusable`.
pub(super) fn write(file: &Path, record: &str) -> Result<(), Error> {
    let failed = |source| unusable(file, "the restore record cannot be written", source);
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).open(file);
    let mut opened = opened.map_err(failed)?;
    opened
        .write_all(record.as_bytes())
        .and_then(|()| opened.sync_all())
        .and_then(|()| File::open(folder_of(file))?.sync_all())
        .map_err(failed)
}

fn read(file: &Path) -> Result<String, Error> {
    let unreadable = |source: io::Error| unusable(file, "the checkpoint cannot be read", source);
    let opened = File::open(file).map_err(unreadable)?;
    let bytes_max = u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut text = String::new();
    let mut bounded = opened.take(bytes_max);
    bounded.read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// Before anything is changed: whose signature it bears, is seen with the key.
fn checked(config: &Config, text: String) -> Result<String, Error> {
    let refused = |source| Error::LedgerUnavailable { source };
    let transparency = |source: cardea_transparency::Error| refused(source.into());
    let note = Note::parse(text.as_bytes()).map_err(transparency)?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(transparency)?;
    if checkpoint.origin() != config.ledger.origin(&config.issuer) {
        return Err(refused(cardea_ledger::Error::CheckpointForeign));
    }
    Ok(text)
}
