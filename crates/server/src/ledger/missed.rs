//! Telling operators of events that were committed and are not in the log.

use std::time::Duration;

use cardea_provider::Clock as _;
use cardea_provider::event::{Event, LedgerEvent};

use super::LogKeeper;
use super::committed::Missed;
use crate::clock::SystemClock;
use crate::error::Error;

/// Events that one event names.
const NAMED_MAX: usize = 100;
/// What says so itself, and is not said again where somebody takes that out as well.
const KIND: &str = "ledger.events_missed";

impl LogKeeper {
    /// Looks for the events of this node that were committed longer ago than this, and tells of
    /// those that are not there: by the server's own log, by number, and on record.
    pub(super) async fn miss_committed(&self, age: Duration) {
        // The key that this node has opened, not the one that the database may name by now.
        let key = self.signer.get().map(|it| it.verifier());
        if let Err(error) = self.committed.look(&self.store, key, age).await
            && !self.store.has_failed()
        {
            let code = error.code();
            tracing::warn!(code, %error, "this node's events are not looked for for now");
        }
        let missed = self.committed.take_missed();
        for it in missed.iter().filter(|it| !it.is_told) {
            let fate = if it.is_altered { "altered" } else { "gone" };
            tracing::error!(
                code = KIND,
                event_id = it.event.event_id,
                event = it.event.kind,
                entry_sha256 = %it.event.entry,
                fate,
                "an event that this node committed is not in the log as it was written"
            );
        }
        let mut unrecorded = Vec::new();
        for some in missed.chunks(NAMED_MAX) {
            if let Err(error) = self.record_missed(some).await {
                let code = error.code();
                tracing::error!(code, %error, "events that are missed are not on record yet");
                unrecorded.extend_from_slice(some);
            }
        }
        self.committed.put_off(unrecorded);
    }

    async fn record_missed(&self, missed: &[Missed]) -> Result<(), Error> {
        let named = |is_altered: bool| {
            let some = missed.iter().filter(|it| it.event.kind != KIND);
            let some = some.filter(|it| it.is_altered == is_altered);
            some.map(|it| it.event.event_id.clone()).collect::<Vec<_>>()
        };
        let (gone, altered) = (named(false), named(true));
        if gone.is_empty() && altered.is_empty() {
            return Ok(());
        }
        let unavailable = |source| Error::DatabaseUnavailable { source };
        let event = Event::new(
            LedgerEvent::EventsMissed { gone, altered },
            SystemClock.now(),
        );
        let mut transaction = self.store.begin().await.map_err(unavailable)?;
        let appended = self.event_log.append(&mut transaction, &event).await;
        appended.map_err(crate::key_rotation::failed)?;
        transaction.commit().await.map_err(unavailable)
    }
}
