//! Who watches the log, on record in the log itself: whoever stops having it watched, or takes
//! other witnesses, leaves that behind for everybody who reads it later.

use cardea_storage::ledger::{ToldLast, find_told_last, lock};
use cardea_storage::{Store, Transaction};
use serde_json::Value;
use time::OffsetDateTime;

use super::LedgerRecords;
use crate::Error;
use crate::event::{Event, EventKind, EventLog, LedgerEvent};

const CHANGED: &str = "ledger.watch_changed";
const BEGUN: &str = "ledger.watch_begun";

/// Who watches a log, as the configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogWatch {
    /// The verifier keys of its witnesses.
    pub witnesses: Vec<String>,
    /// How many of them must cosign.
    pub quorum: u32,
    /// Whether the operator does without, where a service for real cards must not.
    pub is_waived: bool,
}

/// What enough witnesses have cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignedHead {
    /// Its entries.
    pub size: u64,
    /// Its root, as a checkpoint writes it.
    pub root: String,
}

impl LogWatch {
    fn changed(&self) -> EventKind {
        let kind = LedgerEvent::WatchChanged {
            witnesses: self.witnesses.clone(),
            quorum: self.quorum,
            waived: self.is_waived,
        };
        kind.into()
    }

    fn begun(&self, head: &CosignedHead) -> EventKind {
        let kind = LedgerEvent::WatchBegun {
            witnesses: self.witnesses.clone(),
            quorum: self.quorum,
            size: head.size,
            root: head.root.clone(),
        };
        kind.into()
    }

    /// Whether there is anything to say where nothing was said before.
    fn is_telling(&self) -> bool {
        self.is_waived || !self.witnesses.is_empty()
    }
}

impl LedgerRecords {
    /// Puts on record who watches the log, where that is not what the log says last. Whether
    /// anything was.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StoredValueUnreadable`].
    pub async fn note_watch(
        store: &Store,
        event_log: &dyn EventLog,
        watch: &LogWatch,
        now: OffsetDateTime,
    ) -> Result<bool, Error> {
        let mut reading = store.begin_read().await?;
        let is_said = is_said(&mut reading, watch).await?;
        drop(reading);
        if is_said {
            return Ok(false);
        }
        let mut transaction = store.begin().await?;
        lock(&mut transaction).await?;
        // Another node may have said it meanwhile.
        if self::is_said(&mut transaction, watch).await? {
            return Ok(false);
        }
        let event = Event::new(watch.changed(), now);
        event_log.append(&mut transaction, &event).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Puts on record the first checkpoint that enough of these witnesses have cosigned since they
    /// are who watches. Whether anything was.
    ///
    /// # Errors
    /// As for [`LedgerRecords::note_watch`].
    pub async fn note_first_cosigned(
        store: &Store,
        event_log: &dyn EventLog,
        (watch, head): (&LogWatch, &CosignedHead),
        now: OffsetDateTime,
    ) -> Result<bool, Error> {
        let mut transaction = store.begin().await?;
        lock(&mut transaction).await?;
        let changed = find_told_last(&mut transaction, CHANGED).await?;
        let begun = find_told_last(&mut transaction, BEGUN).await?;
        // Ids sort by time.
        let is_since = |begun: &ToldLast| changed.as_ref().is_none_or(|it| it.id < begun.id);
        if begun.is_some_and(|it| is_since(&it)) {
            return Ok(false);
        }
        let event = Event::new(watch.begun(head), now);
        event_log.append(&mut transaction, &event).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

async fn is_said(transaction: &mut Transaction, watch: &LogWatch) -> Result<bool, Error> {
    let Some(last) = find_told_last(transaction, CHANGED).await? else {
        return Ok(!watch.is_telling());
    };
    let said: Value = serde_json::from_str(&last.details).map_err(Error::StoredValueUnreadable)?;
    let now = serde_json::to_value(watch.changed()).map_err(Error::StoredValueUnreadable)?;
    Ok(said == now)
}
