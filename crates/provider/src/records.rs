//! What changes a database's records without the rest of a provider: an operator's command needs no
//! key and no trust anchor.

use std::fmt;
use std::sync::Arc;

use cardea_storage::{Store, Transaction};
use time::OffsetDateTime;

use crate::event::{Event, EventLog};
use crate::{Author, Clock, Error};

/// The records of a database, in somebody's name. Every change is an event in its own transaction.
#[derive(Clone)]
pub struct Records {
    pub(crate) store: Store,
    pub(crate) author: Author,
    event_log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
}

impl Records {
    /// Looks after a database in somebody's name.
    #[must_use]
    pub fn new(
        store: Store,
        event_log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        author: impl Into<Author>,
    ) -> Self {
        Self {
            store,
            author: author.into(),
            event_log,
            clock,
        }
    }

    /// The same records in another's name.
    pub(crate) fn named(&self, author: &Author) -> Self {
        Self {
            author: author.clone(),
            ..self.clone()
        }
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// Puts an event on record in the transaction of what it tells.
    pub(crate) async fn append(
        &self,
        transaction: &mut Transaction,
        event: &Event,
    ) -> Result<(), Error> {
        self.event_log.append(transaction, event).await
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Records").finish_non_exhaustive()
    }
}
