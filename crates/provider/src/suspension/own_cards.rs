//! What a person sees and does about her own cards, on her account page and after a login.

use cardea_storage::card::{self, Card};
use cardea_storage::{Transaction, session};
use time::OffsetDateTime;

use crate::event::{Event, SuspensionEvent};
use crate::suspension::{CardSuspension, SuspendCode, suspension_of};
use crate::{Error, Provider};

/// Tries to make a code that is looked up by what no other is.
const TRIES_MAX: usize = 8;

/// A card of the person who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCard {
    /// Its family.
    pub family: String,
    /// Its number.
    pub number: String,
    /// The last login with it.
    pub last_seen_at: OffsetDateTime,
    /// Since when it has the code that suspends it, where it has one.
    pub code_made_at: Option<OffsetDateTime>,
    /// Since when it is suspended, where it is.
    pub suspension: Option<CardSuspension>,
    /// When somebody last tried to sign in with it since then.
    pub refused_at: Option<OffsetDateTime>,
    /// Whether it is the one that the session was opened with.
    pub is_this_one: bool,
}

impl Provider {
    /// The cards of a person who is in a session, the one that was used last first.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list_own_cards(&self, sub: &str, session_id: &str) -> Result<Vec<OwnCard>, Error> {
        let mut transaction = self.store.begin_read().await?;
        let own = card::find_of_session(&mut transaction, session_id).await?;
        let own = own.map(|card| card.id);
        let cards = card::list_of_person(&mut transaction, sub).await?;
        let view = |card: Card| OwnCard {
            is_this_one: own.as_ref() == Some(&card.id),
            last_seen_at: card.last_seen_at,
            code_made_at: card.code_made_at,
            suspension: suspension_of(&card),
            refused_at: card.refused_at,
            family: card.family,
            number: card.number,
        };
        Ok(cards.into_iter().map(view).collect())
    }

    /// Makes a new code for the card that a session was opened with; the one before is dead. This
    /// is the only time that anybody sees it.
    ///
    /// # Errors
    /// [`Error::SessionEnded`], [`Error::CardUnknown`] for a session that an older version opened,
    /// [`Error::Storage`].
    pub async fn make_suspend_code(&self, session_id: &str) -> Result<SuspendCode, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let found = session::find(&mut transaction, session_id).await?;
        let session = found.filter(|session| self.has_presence_lease(session, now));
        let session = session.ok_or(Error::SessionEnded)?;
        let card = card::find_of_session(&mut transaction, &session.id).await?;
        let card = card.ok_or(Error::CardUnknown)?;
        let (code, event) = new_code(&mut transaction, &card, now).await?;
        let event = event.of_session(&session.id, &session.sub);
        self.record(&mut transaction, event).await?;
        transaction.commit().await?;
        Ok(code)
    }
}

/// Gives a card a new code, and what is to go on record.
pub(crate) async fn new_code(
    transaction: &mut Transaction,
    card: &Card,
    now: OffsetDateTime,
) -> Result<(SuspendCode, Event), Error> {
    for _ in 0..TRIES_MAX {
        let code = SuspendCode::random()?;
        if card::is_lookup_taken(transaction, code.lookup()).await? {
            continue;
        }
        let digest = code.digest()?;
        if !card::set_code(transaction, &card.id, (code.lookup(), &digest), now).await? {
            return Err(match &card.suspension {
                Some(suspension) => Error::CardSuspended {
                    card_id: card.id.clone(),
                    sub: card.sub.clone(),
                    since: suspension.since,
                },
                None => Error::SessionEnded,
            });
        }
        let kind = SuspensionEvent::CodeMade {
            card: card.id.clone(),
        };
        return Ok((code, Event::new(kind, now).of_person(&card.sub)));
    }
    // Eight times a one in many: a fault of the random numbers, and none of hers.
    Err(Error::Storage(cardea_storage::Error::Conflict))
}
