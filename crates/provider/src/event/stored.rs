//! Events as rows.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use cardea_jose::random_base64url;
use cardea_ledger::{Appended, append};
use cardea_storage::Transaction;
use cardea_storage::event::EventRecord;
use time::OffsetDateTime;

use super::{Event, EventLog, StoredEvents};
use crate::Error;

#[async_trait]
impl EventLog for StoredEvents {
    async fn append(&self, transaction: &mut Transaction, event: &Event) -> Result<(), Error> {
        self.store(transaction, event).await.map(drop)
    }
}

impl StoredEvents {
    /// Appends an event, and says how it is to be found again in the log; none where it gets no
    /// place there.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn store(
        &self,
        transaction: &mut Transaction,
        event: &Event,
    ) -> Result<Option<Appended>, Error> {
        let id = event
            .id
            .clone()
            .map_or_else(|| Event::name(event.occurred_at), Ok)?;
        let record = EventRecord {
            id,
            kind: event.kind.name().to_owned(),
            occurred_at: event.occurred_at,
            authorization_request_id: event.authorization_request_id.clone(),
            session_id: event.session_id.clone(),
            sub: event.sub.clone(),
            client_id: event.client_id.clone(),
            code: event.kind.code().map(str::to_owned),
            details: serde_json::to_string(&event.kind).map_err(Error::StoredValueUnreadable)?,
        };
        Ok(append(transaction, &record).await?)
    }
}

impl Event {
    /// An id for an event of this moment, for what names the event before it is appended.
    pub(crate) fn name(occurred_at: OffsetDateTime) -> Result<String, Error> {
        // Ids sort by time (sixteen hexadecimal digits of nanoseconds last until the year 2554),
        // and within one moment by the order of this process.
        static SEQUENCE: AtomicU64 = AtomicU64::new(0);
        let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(occurred_at.unix_timestamp_nanos()).unwrap_or(0);
        let random = random_base64url(12)?;
        Ok(format!("{nanoseconds:016x}-{sequence:08x}-{random}"))
    }
}
