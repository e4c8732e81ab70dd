//! What is on record about a person, a session, a card or a portal, page by page.

use cardea_storage::event::EventRecord;
use cardea_storage::event::search::{self, CardEvents, FROM_THE_NEWEST};
use cardea_storage::{Transaction, card, session, subject};

use crate::event::ConsoleView;
use crate::{Error, OperatorProven, Provider};

/// Events of one page.
pub const TIMELINE_PAGE_MAX: u32 = 50;
/// One more tells whether there is another page.
const LISTED_MAX: u32 = TIMELINE_PAGE_MAX + 1;
/// Of a card's holder, events that are searched at once.
const CARD_SEARCHED_MAX: u32 = 2_000;
/// Searches of one page.
const CARD_SEARCHES_MAX: usize = 10;
/// An id of ours is shorter.
const ID_BYTES_MAX: usize = 128;

/// Whose or what events are looked at.
#[derive(Clone, Copy, Debug)]
pub enum TimelineOf<'a> {
    /// A person's, by our name for her.
    Person(&'a str),
    /// A session's.
    Session(&'a str),
    /// A card's, by our name for it.
    Card(&'a str),
    /// A portal's, by its client id.
    Portal(&'a str),
}

/// A page of events, the newest first.
#[derive(Clone, Debug)]
pub struct TimelinePage {
    /// The events.
    pub events: Vec<EventRecord>,
    /// The person, of whom all of them are.
    pub sub: Option<String>,
    /// From where the next page goes on; none where there is no more. Of a card a page may have
    /// little, or nothing, and go on: so much of its holder's was searched for it.
    pub next: Option<String>,
}

impl Provider {
    /// Shows an operator a page of events, once it is on record that she looks. None where there is
    /// no such person, session or card; of a portal whatever is on record.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn show_timeline(
        &self,
        operator: &OperatorProven,
        of: TimelineOf<'_>,
        before: Option<&str>,
    ) -> Result<Option<TimelinePage>, Error> {
        let before = before.unwrap_or(FROM_THE_NEWEST);
        let is_bounded = |id: &str| id.len() <= ID_BYTES_MAX && id.is_ascii();
        let (TimelineOf::Person(id)
        | TimelineOf::Session(id)
        | TimelineOf::Card(id)
        | TimelineOf::Portal(id)) = of;
        if !is_bounded(before) || !is_bounded(id) {
            return Ok(None);
        }
        let mut reading = self.store.begin_read().await?;
        let (view, sub) = match of {
            TimelineOf::Person(sub) => {
                let known = subject::find_value(&mut reading, sub).await?;
                (ConsoleView::Person, known.map(|_| sub.to_owned()))
            }
            TimelineOf::Session(id) => {
                let session = session::find(&mut reading, id).await?;
                (ConsoleView::Session, session.map(|session| session.sub))
            }
            TimelineOf::Card(id) => {
                let card = card::find(&mut reading, id).await?;
                (ConsoleView::Card, card.map(|card| card.sub))
            }
            TimelineOf::Portal(_) => (ConsoleView::Portal, None),
        };
        let is_of_person = !matches!(of, TimelineOf::Portal(_));
        let (found, rest) = match (of, &sub) {
            (TimelineOf::Card(id), Some(sub)) => {
                drop(reading);
                let found = self.search_for_card((sub, id), before).await?;
                (found.events, found.rest)
            }
            (TimelineOf::Card(_) | TimelineOf::Person(_), None) => return Ok(None),
            _ => {
                let found = list(&mut reading, of, before).await?;
                drop(reading);
                (found, None)
            }
        };
        if is_of_person && sub.is_none() && found.is_empty() {
            return Ok(None);
        }
        let page = page_of(found, rest, sub);
        let seen = page.events.iter().filter_map(|event| event.sub.clone());
        let seen: Vec<String> = seen.chain(page.sub.clone()).collect();
        self.record_look(operator, view, seen).await?;
        Ok(Some(page))
    }

    /// Searches a holder's events for those of one card, some at a time, so that nobody is kept
    /// from the database, until a page is full or [`CARD_SEARCHES_MAX`] have found no more.
    async fn search_for_card(&self, card: (&str, &str), before: &str) -> Result<CardEvents, Error> {
        let mut all = CardEvents {
            events: Vec::new(),
            rest: Some(before.to_owned()),
        };
        for _ in 0..CARD_SEARCHES_MAX {
            let Some(before) = &all.rest else { break };
            let listed = u32::try_from(all.events.len()).unwrap_or(u32::MAX);
            let missing = LISTED_MAX.saturating_sub(listed);
            if missing == 0 {
                break;
            }
            let mut reading = self.store.begin_read().await?;
            let found =
                search::list_of_card(&mut reading, card, before, missing, CARD_SEARCHED_MAX);
            let found = found.await?;
            drop(reading);
            all.events.extend(found.events);
            all.rest = found.rest;
        }
        Ok(all)
    }
}

/// What is on record of anything but a card.
async fn list(
    reading: &mut Transaction,
    of: TimelineOf<'_>,
    before: &str,
) -> Result<Vec<EventRecord>, Error> {
    Ok(match of {
        TimelineOf::Person(sub) => search::list_of_person(reading, sub, before, LISTED_MAX).await?,
        // A session's row goes before what is on record of it.
        TimelineOf::Session(id) => search::list_of_session(reading, id, before, LISTED_MAX).await?,
        TimelineOf::Portal(id) => search::list_of_client(reading, id, before, LISTED_MAX).await?,
        TimelineOf::Card(_) => Vec::new(),
    })
}

fn page_of(
    mut events: Vec<EventRecord>,
    rest: Option<String>,
    sub: Option<String>,
) -> TimelinePage {
    let length = usize::try_from(TIMELINE_PAGE_MAX).unwrap_or(usize::MAX);
    let has_more = events.len() > length;
    events.truncate(length);
    let last = events.last().map(|event| event.id.clone());
    TimelinePage {
        sub: sub.or_else(|| events.iter().find_map(|event| event.sub.clone())),
        next: last.filter(|_| has_more).or(rest),
        events,
    }
}
