//! What an operator's word finds: people, a session, cards and portals, each by a whole name
//! ([`super::NamedPerson`]). There is no search by names of people, and none by parts of anything.

use super::named::NAME_BYTES_MAX;
use super::{NamedPerson, NamedSession};
use crate::event::ConsoleView;
use crate::{Error, ListedCard, OperatorProven, Provider};

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// People: by our name, a portal's, or a register's number.
    pub persons: Vec<NamedPerson>,
    /// A session: by our name, or a portal's `sid`.
    pub session: Option<NamedSession>,
    /// Cards: by their own name or number, or by a name of their holder.
    pub cards: Vec<ListedCard>,
    /// Portals: client id and name each.
    pub portals: Vec<(String, String)>,
}

impl Found {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            persons,
            session,
            cards,
            portals,
        } = self;
        persons.is_empty() && session.is_none() && cards.is_empty() && portals.is_empty()
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
        if word.is_empty() || word.len() > NAME_BYTES_MAX {
            return Ok(Found::default());
        }
        let suspensions = self.card_suspensions(operator);
        let persons = self.find_named_persons(word).await?;
        let mut cards = suspensions.find(word).await?;
        for person in persons.iter().filter(|person| person.sub != word) {
            for card in suspensions.find(&person.sub).await? {
                if cards.iter().all(|other| other.id != card.id) {
                    cards.push(card);
                }
            }
        }
        let found = Found {
            session: self.find_named_session(word).await?,
            portals: self.find_named_portals(word),
            persons,
            cards,
        };
        let of_session = found.session.iter().map(|session| session.sub.clone());
        let of_cards = found.cards.iter().map(|card| card.sub.clone());
        let subs = found.persons.iter().map(|person| person.sub.clone());
        let subs: Vec<String> = subs.chain(of_session).chain(of_cards).collect();
        self.record_look(operator, ConsoleView::Search, subs)
            .await?;
        Ok(found)
    }
}
