//! Proofs that events are in the log, for whoever takes their own away with them.

use cardea_ledger::{ProvenEntry, inclusions};
use cardea_storage::Store;
use cardea_storage::ledger::{Checkpoint, newest_checkpoint, newest_cosigned};
use cardea_transparency::{self as transparency, Note};

use crate::error::Error;

/// The most events of one export; of a longer list the first ones are proven.
pub(crate) const PROVEN_MAX: usize = 10_000;

/// How much older than the newest checkpoint one may be that witnesses have cosigned.
const COSIGNED_AGE_SECONDS: i64 = 60;

/// What is proven of some events, all under one checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    /// The checkpoint with all its signatures, the log's and its witnesses'.
    pub(crate) checkpoint: Note,
    /// The events that it covers, in the order of their places.
    pub(crate) entries: Vec<ProvenEntry>,
}

/// Proves of events that the newest checkpoint covers them. One that waits for its place yet is
/// left out: a second later it has one.
///
/// # Errors
/// `ledger.checkpoint_missing` where nothing is signed yet; those of the database and of the log.
pub(crate) async fn inclusion(store: &Store, event_ids: &[String]) -> Result<Proven, Error> {
    let proven = prove(store, event_ids).await;
    proven.map_err(|source| Error::LedgerUnavailable { source })
}

async fn prove(store: &Store, event_ids: &[String]) -> Result<Proven, cardea_ledger::Error> {
    let mut reading = store.begin_read().await?;
    let newest = newest_checkpoint(&mut reading).await?;
    let newest = newest.ok_or(cardea_ledger::Error::CheckpointMissing)?;
    // One that somebody else vouches for says more, unless it is much older.
    let cosigned = newest_cosigned(&mut reading, 1).await?;
    let since = newest.made_at - COSIGNED_AGE_SECONDS;
    let is_fresh = |it: &Checkpoint| it.made_at >= since;
    let newest = cosigned.filter(is_fresh).unwrap_or(newest);
    let note = Note::parse(newest.note.as_bytes())?;
    let size = transparency::Checkpoint::parse(note.text())?.size();
    let event_ids = event_ids.get(..PROVEN_MAX).unwrap_or(event_ids);
    Ok(Proven {
        entries: inclusions(&mut reading, event_ids, size).await?,
        checkpoint: note,
    })
}
