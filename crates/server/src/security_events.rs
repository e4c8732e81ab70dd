//! Polls that wait for events: how many there may be, and what wakes them.
//!
//! What this process decides wakes them as soon as it is durable. What another node or a command
//! decides is seen by one look for all of them, several times a second, while any waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cardea_provider::{Error, EventStream, PolledEvents};
use cardea_storage::security_event::{Backlog, publish, published};
use tokio::time::{Instant, sleep_until};

use crate::state::AppState;
use crate::sweeper::spawn;

/// A receiver hears from us so often, though nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How often it is looked for what others have decided.
const LOOK: Duration = Duration::from_millis(150);
/// Polls that wait at this node.
const WAITING_MAX: u32 = 1_024;
/// The same of one receiver: its processes, each with one poll or two.
const WAITING_OF_RECEIVER_MAX: u32 = 32;

/// The polls that wait at this node; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventPolls(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    all: u32,
    of_receiver: HashMap<String, u32>,
    /// What the last look has seen.
    seen: Backlog,
}

/// A poll's place; dropped, it is free.
#[derive(Debug)]
pub(crate) struct Place {
    polls: EventPolls,
    client_id: String,
}

impl EventPolls {
    /// A place for one more poll of a receiver, if there is one.
    fn begin(&self, client_id: &str) -> Option<Place> {
        let mut waiting = self.waiting();
        let own = waiting.of_receiver.get(client_id).copied().unwrap_or(0);
        if waiting.all >= WAITING_MAX || own >= WAITING_OF_RECEIVER_MAX {
            return None;
        }
        waiting.all = waiting.all.saturating_add(1);
        waiting
            .of_receiver
            .insert(client_id.to_owned(), own.saturating_add(1));
        Some(Place {
            polls: self.clone(),
            client_id: client_id.to_owned(),
        })
    }

    /// How many wait.
    pub(crate) fn count(&self) -> u32 {
        self.waiting().all
    }

    /// Notes what is there now, and says whether it is another than before.
    fn has_changed(&self, now: Backlog) -> bool {
        let mut waiting = self.waiting();
        let before = std::mem::replace(&mut waiting.seen, now);
        before != now
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.polls.waiting();
        waiting.all = waiting.all.saturating_sub(1);
        if let Some(own) = waiting.of_receiver.get_mut(&self.client_id) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                waiting.of_receiver.remove(&self.client_id);
            }
        }
    }
}

/// Starts to look for what others decide; it ends when the state stops.
pub(crate) fn start(state: &AppState) {
    spawn(state, LOOK, look);
}

async fn look(state: AppState) {
    if state.event_polls().count() == 0 {
        return;
    }
    // Where the database does not answer, the polls themselves say so.
    if let Ok(backlog) = state.provider().event_backlog().await
        && state.event_polls().has_changed(backlog)
    {
        publish();
    }
}

/// Answers a poll: with what waits, or with what happens within a second, or with a heartbeat.
///
/// # Errors
/// [`Error::EventPollsExceeded`], and those of the provider.
pub(crate) async fn answer(
    state: &AppState,
    stream: &EventStream,
    at_once: bool,
) -> Result<PolledEvents, Error> {
    let provider = state.provider();
    let _place = match at_once {
        true => None,
        false => {
            let place = state.event_polls().begin(stream.client_id());
            Some(place.ok_or(Error::EventPollsExceeded)?)
        }
    };
    let until = Instant::now() + HEARTBEAT;
    // Before the first look, so that nothing falls between the two.
    let mut news = published();
    loop {
        news.mark_unchanged();
        // Read after the clock: a heartbeat speaks of what was there at its end.
        let is_last = at_once || Instant::now() >= until || state.is_stopping();
        let waiting = provider.waiting_events(stream).await?;
        if is_last || !waiting.is_empty() {
            return provider.sign_events(stream, &waiting);
        }
        tokio::select! {
            // The sender is never dropped.
            _ = news.changed() => {}
            () = sleep_until(until) => {}
            () = state.stopped() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use cardea_storage::security_event::Backlog;

    use super::{EventPolls, WAITING_MAX, WAITING_OF_RECEIVER_MAX};

    /// Attack H9: whoever asks again and again takes no other receiver's place.
    #[test]
    fn a_receiver_has_its_places_and_gets_them_back() {
        let polls = EventPolls::default();
        let own: Vec<_> = (0..WAITING_OF_RECEIVER_MAX)
            .map(|_| polls.begin("greedy").unwrap())
            .collect();
        assert!(polls.begin("greedy").is_none());
        assert!(polls.begin("other").is_some());
        assert_eq!(polls.count(), WAITING_OF_RECEIVER_MAX);
        drop(own);
        assert_eq!(polls.count(), 0);
        assert!(polls.begin("greedy").is_some());
        assert!(polls.waiting().of_receiver.is_empty());
    }

    #[test]
    fn a_node_has_a_bound_whoever_asks() {
        let polls = EventPolls::default();
        let all: Vec<_> = (0..WAITING_MAX)
            .map(|number| polls.begin(&number.to_string()).unwrap())
            .collect();
        assert!(polls.begin("one more").is_none());
        drop(all);
        assert!(polls.begin("one more").is_some());
    }

    #[test]
    fn a_look_wakes_only_for_a_change() {
        let polls = EventPolls::default();
        let one = Backlog {
            events: 1,
            sequence: 7,
            ..Backlog::default()
        };
        assert!(!polls.has_changed(Backlog::default()));
        assert!(polls.has_changed(one));
        assert!(!polls.has_changed(one));
    }
}
