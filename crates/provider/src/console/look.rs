//! That somebody looks at what is on record of people is an event of each of them.
//!
//! A page that is loaded again is no second look: of one operator, one person and one page there is
//! one event in [`SAME_LOOK`]. Else a list that stands open on a screen, and is refreshed, would
//! bury in everybody's history what happened there.

use std::collections::BTreeSet;

use cardea_storage::Transaction;
use cardea_storage::event::search::is_said_between;
use time::{Duration, OffsetDateTime};

use crate::event::{ConsoleEvent, ConsoleView, Event};
use crate::{Error, OperatorProven, Provider, Records};

/// How long the same operator's look at the same page of the same person is the same look.
pub const SAME_LOOK: Duration = Duration::minutes(10);

impl Provider {
    /// Puts on record that an operator looks at what is known of some people, each once, unless it
    /// is the same look as one of the last minutes.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn record_look(
        &self,
        operator: &OperatorProven,
        view: ConsoleView,
        subs: impl IntoIterator<Item = String> + Send,
    ) -> Result<(), Error> {
        let subs: BTreeSet<String> = subs.into_iter().collect();
        record_looks(&self.records(operator.author()), view, &subs).await
    }
}

/// The same for whoever has records in an operator's name.
pub(crate) async fn record_looks(
    records: &Records,
    view: ConsoleView,
    subs: &BTreeSet<String>,
) -> Result<(), Error> {
    if subs.is_empty() {
        return Ok(());
    }
    let now = records.now();
    let mut reading = records.store.begin_read().await?;
    let mut new = Vec::new();
    for sub in subs {
        let event = look(records, view, sub, now);
        if !is_same_look(&mut reading, sub, &event).await? {
            new.push(event);
        }
    }
    drop(reading);
    if new.is_empty() {
        return Ok(());
    }
    let mut transaction = records.store.begin().await?;
    for event in &new {
        records.append(&mut transaction, event).await?;
    }
    Ok(transaction.commit().await?)
}

/// One look.
pub(crate) fn look(records: &Records, view: ConsoleView, sub: &str, now: OffsetDateTime) -> Event {
    let by = records.author.clone();
    Event::new(ConsoleEvent::LookedAt { by, view }, now).of_person(sub)
}

/// Who looked and at which page are all that the event says.
async fn is_same_look(reading: &mut Transaction, sub: &str, event: &Event) -> Result<bool, Error> {
    let details = serde_json::to_string(&event.kind).map_err(Error::StoredValueUnreadable)?;
    let said = (event.kind.name(), details.as_str());
    // A look that a clock put on record which was ahead of ours hides none.
    let span = (event.occurred_at - SAME_LOOK, event.occurred_at);
    Ok(is_said_between(reading, sub, said, span).await?)
}
