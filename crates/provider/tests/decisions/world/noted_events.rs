//! The event table, and a list of what was noted without a row.

use std::sync::Mutex;

use async_trait::async_trait;
use cardea_provider::event::Event;
use cardea_provider::{Error, EventLog, StoredEvents};
use cardea_storage::Transaction;

use super::World;

#[derive(Default)]
pub(crate) struct NotedEvents(Mutex<Vec<Event>>);

#[async_trait]
impl EventLog for NotedEvents {
    async fn append(&self, transaction: &mut Transaction, event: &Event) -> Result<(), Error> {
        StoredEvents.append(transaction, event).await
    }

    fn note(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl World {
    /// The one event that a step noted without writing a row. Call it after each such step.
    pub(crate) async fn take_note(&self, rows_before: usize) -> Event {
        assert_eq!(self.events().await.len(), rows_before, "no row is written");
        let noted = std::mem::take(&mut *self.noted.0.lock().unwrap());
        let [event] = &noted[..] else {
            panic!("one event is noted, not {}", noted.len())
        };
        event.clone()
    }
}
