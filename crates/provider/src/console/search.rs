//! What an operator's word finds: a pseudonym, a session, a card or a portal, each by its whole
//! name. There is no search by names of people, and none by parts of anything.

use cardea_storage::event::search::{FROM_THE_NEWEST, list_of_session};
use cardea_storage::{Transaction, session, subject};

use crate::event::ConsoleView;
use crate::{Error, ListedCard, OperatorProven, Provider};

/// Bytes of what is looked for.
const WORD_BYTES_MAX: usize = 128;
/// Events of a session that are asked whose it is.
const SESSION_EVENTS_MAX: u32 = 20;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// A person, by our name for her.
    pub person: Option<String>,
    /// A session, with whose it is.
    pub session: Option<(String, String)>,
    /// Cards: by their own name or number, or by their holder's name with us or number in a
    /// register.
    pub cards: Vec<ListedCard>,
    /// A portal: its client id and its name.
    pub portal: Option<(String, String)>,
}

impl Found {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            person,
            session,
            cards,
            portal,
        } = self;
        person.is_none() && session.is_none() && cards.is_empty() && portal.is_none()
    }
}

impl Provider {
    /// Finds what a word names, and puts on record of each person who looked for her.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn search_for_operator(
        &self,
        operator: &OperatorProven,
        word: &str,
    ) -> Result<Found, Error> {
        let word = word.trim();
        if word.is_empty() || word.len() > WORD_BYTES_MAX {
            return Ok(Found::default());
        }
        let mut reading = self.store.begin_read().await?;
        let person = subject::find_value(&mut reading, word).await?;
        let session = find_session(&mut reading, word).await?;
        drop(reading);
        let cards = self.card_suspensions(operator).find(word).await?;
        let portal = self.find_client(word);
        let found = Found {
            person: person.map(|_| word.to_owned()),
            session: session.map(|sub| (word.to_owned(), sub)),
            cards,
            portal: portal.map(|client| (client.client_id.clone(), client.name.clone())),
        };
        let of_session = found.session.iter().map(|(_, sub)| sub.clone());
        let of_cards = found.cards.iter().map(|card| card.sub.clone());
        let subs = found.person.iter().cloned();
        let subs: Vec<String> = subs.chain(of_session).chain(of_cards).collect();
        self.record_look(operator, ConsoleView::Search, subs)
            .await?;
        Ok(found)
    }
}

/// Whose session it is. Its row goes before what is on record of it.
async fn find_session(reading: &mut Transaction, id: &str) -> Result<Option<String>, Error> {
    if let Some(session) = session::find(reading, id).await? {
        return Ok(Some(session.sub));
    }
    let events = list_of_session(reading, id, FROM_THE_NEWEST, SESSION_EVENTS_MAX).await?;
    Ok(events.into_iter().find_map(|event| event.sub))
}
