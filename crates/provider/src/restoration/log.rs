//! Both ends of the log at a restore: what had been signed last, and what is gone on from.

use cardea_ledger::{RESTORE_KIND, restore_records};
use cardea_storage::Transaction;
use cardea_storage::ledger::{
    LedgerKeyRecord, insert_key, list_details_behind, list_keys, newest_checkpoint,
};
use serde::Serialize;
use time::OffsetDateTime;

use crate::Error;

/// Restores that are looked at, of the replaced database and of the backup: more than there are.
const RESTORES_MAX: u32 = 64;
/// The most records that one restore carries on.
const EARLIER_MAX: usize = 32;

/// Signs with the log's key what is said of a restore.
pub trait RestoreNotary: Send + Sync {
    /// Signs, or says in its own way why nothing is signed.
    fn sign(&self, ends: &LogEnds, now: OffsetDateTime) -> Option<SignedRestore>;
}

/// What two databases say of the log; nothing of it is believed before its signature is verified.
#[derive(Debug, Default)]
pub struct LogEnds {
    /// The newest checkpoint of the database that was replaced.
    pub replaced: Option<String>,
    /// The newest checkpoint of the backup.
    pub restored: Option<String>,
    /// The key of the log, which goes on.
    pub key: Option<LedgerKeyRecord>,
}

/// A restore record and what it says, for whoever reads the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignedRestore {
    /// Leaves that the log had signed last, as far as anybody knew here; none where the operator
    /// says that nobody knows.
    pub size_before: Option<u64>,
    /// The root over them, in base64.
    pub root_before: Option<String>,
    /// Leaves that it goes on from.
    pub size_after: u64,
    /// The root over them, in base64.
    pub root_after: String,
    /// The signed note.
    pub record: String,
}

/// What the replaced database knew.
pub(super) struct Replaced {
    newest: Option<String>,
    keys: Vec<LedgerKeyRecord>,
    records: Vec<String>,
}

pub(super) async fn read_replaced(transaction: &mut Transaction) -> Result<Replaced, Error> {
    Ok(Replaced {
        newest: newest_checkpoint(transaction).await?.map(|it| it.note),
        keys: list_keys(transaction).await?,
        records: records(transaction).await?,
    })
}

/// Looks at the restored database. One from before the log began gets the log's key from the one
/// that it replaces: another key would be another log to everybody who knows this one.
pub(super) async fn read_ends(
    transaction: &mut Transaction,
    replaced: Replaced,
) -> Result<(LogEnds, Vec<String>), Error> {
    let mut keys = list_keys(transaction).await?;
    if keys.is_empty() {
        for key in &replaced.keys {
            insert_key(transaction, key).await?;
        }
        keys = replaced.keys;
    }
    let known = records(transaction).await?;
    let mut earlier = replaced.records;
    earlier.retain(|it| !known.contains(it));
    let surplus = earlier.len().saturating_sub(EARLIER_MAX);
    earlier.drain(..surplus);
    let ends = LogEnds {
        replaced: replaced.newest,
        restored: newest_checkpoint(transaction).await?.map(|it| it.note),
        key: keys.into_iter().next(),
    };
    Ok((ends, earlier))
}

async fn records(transaction: &mut Transaction) -> Result<Vec<String>, Error> {
    let restores = list_details_behind(transaction, RESTORE_KIND, 0, RESTORES_MAX).await?;
    let mut records: Vec<String> = Vec::new();
    for record in restores.iter().flat_map(|it| restore_records(it)) {
        if !records.contains(&record) {
            records.push(record);
        }
    }
    Ok(records)
}
