//! What a person sees and does about her own cards, on her account page and after a login.

use cardea_storage::Transaction;
use cardea_storage::card::{self, Card, EarlierCode};
use cardea_storage::session::{self, Session};
use time::OffsetDateTime;

use crate::event::{Event, SuspensionEvent};
use crate::instances::speaks_for_her;
use crate::own_page::person_name;
use crate::session::{EndedInTransaction, EndedSession};
use crate::suspension::{
    CardSuspension, MadeSuspendCode, SuspendCode, Suspending, suspend_in, suspension_of,
};
use crate::{AccountSession, Error, Provider};

/// Tries to make a code that is looked up by what no other is.
const TRIES_MAX: usize = 8;

/// A card of the person who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCard {
    /// What the page calls it when it brings back what she decided.
    pub id: String,
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
    /// Whether she may suspend it from where she sits.
    pub may_suspend: bool,
    /// Whether she may have a new code for it from where she sits, in the session that it opened.
    pub may_make_code: bool,
}

impl Provider {
    /// The cards of a person who is in a session, the one that was used last first.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list_own_cards(&self, account: &AccountSession) -> Result<Vec<OwnCard>, Error> {
        let now = self.now();
        let mut transaction = self.store.begin_read().await?;
        let own = card::find_of_session(&mut transaction, &account.session_id).await?;
        let own = own.map(|card| card.id);
        let may_speak = speaks_for_her(&mut transaction, account, now).await?;
        let cards = card::list_of_person(&mut transaction, &account.sub).await?;
        let view = |card: Card| OwnCard {
            is_this_one: own.as_ref() == Some(&card.id),
            may_make_code: own.as_ref() == Some(&card.id)
                && card.suspension.is_none()
                && (may_speak || card.code_digest.is_none()),
            may_suspend: may_speak && is_another(own.as_ref(), &card) && card.suspension.is_none(),
            id: card.id.clone(),
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
    /// A code that there is dies only where she is known: whoever brought her card and its PIN to a
    /// workstation of his own could else make the sheet in her drawer worthless. The first one may
    /// be made anywhere, and where she is known she replaces it.
    ///
    /// # Errors
    /// [`Error::SessionEnded`], [`Error::CardUnknown`] for a session that an older version opened,
    /// [`Error::SuspendCodeNotEntitled`], [`Error::Storage`].
    pub async fn make_suspend_code(
        &self,
        account: &AccountSession,
    ) -> Result<MadeSuspendCode, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let found = session::find(&mut transaction, &account.session_id).await?;
        let session = found.filter(|session| self.has_presence_lease(session, now));
        let session = session.ok_or(Error::SessionEnded)?;
        let card = card::find_of_session(&mut transaction, &session.id).await?;
        let card = card.ok_or(Error::CardUnknown)?;
        let earlier = match speaks_for_her(&mut transaction, account, now).await? {
            true => EarlierCode::Replaced,
            false => EarlierCode::Kept,
        };
        let (code, event) = new_code(&mut transaction, &card, earlier, now).await?;
        let event = event.of_session(&session.id, &session.sub);
        self.record(&mut transaction, event).await?;
        transaction.commit().await?;
        Ok(MadeSuspendCode::new(code, &session, card, now))
    }

    /// Suspends a card of hers that is not the one in the reader, with every session of it; nothing
    /// happens to one that is suspended already. Only an operator lifts it.
    ///
    /// Only where she is known, by her own word or by time: whoever brought one card of hers to a
    /// workstation of his own, or to one that everybody uses, could shut her out with all the
    /// others.
    ///
    /// # Errors
    /// [`Error::CardUnknown`] for one that is not hers, [`Error::CardSuspensionNotEntitled`],
    /// [`Error::SessionEnded`], [`Error::Storage`].
    pub async fn suspend_own_card(
        &self,
        account: &AccountSession,
        card_id: &str,
    ) -> Result<Vec<EndedSession>, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        // She did something: the session counts as used, or is over by now.
        if !session::record_use(&mut transaction, &account.session_id, now).await? {
            return Err(Error::SessionEnded);
        }
        let card = card::find(&mut transaction, card_id).await?;
        let card = card.filter(|card| card.sub == account.sub);
        let card = card.ok_or(Error::CardUnknown)?;
        let own = card::find_of_session(&mut transaction, &account.session_id).await?;
        if !is_another(own.map(|card| card.id).as_ref(), &card)
            || !speaks_for_her(&mut transaction, account, now).await?
        {
            return Err(Error::CardSuspensionNotEntitled);
        }
        let mut ended = Vec::new();
        let suspended = suspend_in(&mut transaction, &card, Suspending::AsOwner, now).await?;
        if let Some(suspended) = suspended {
            for event in suspended.events {
                self.record(&mut transaction, event).await?;
            }
            ended = suspended.ended;
        }
        transaction.commit().await?;
        let ended = ended.into_iter();
        Ok(ended.map(EndedInTransaction::announce).collect())
    }
}

impl MadeSuspendCode {
    pub(crate) fn new(
        code: SuspendCode,
        session: &Session,
        card: Card,
        made_at: OffsetDateTime,
    ) -> Self {
        Self {
            code,
            person_name: person_name(&session.identity),
            family: card.family,
            number: card.number,
            made_at,
        }
    }
}

/// Whether a card is another one than that of the session. A session that an older version opened
/// names none: then no card is known to be another.
fn is_another(own: Option<&String>, card: &Card) -> bool {
    own.is_some_and(|own| *own != card.id)
}

/// Gives a card a new code, and what is to go on record.
pub(crate) async fn new_code(
    transaction: &mut Transaction,
    card: &Card,
    earlier: EarlierCode,
    now: OffsetDateTime,
) -> Result<(SuspendCode, Event), Error> {
    for _ in 0..TRIES_MAX {
        let code = SuspendCode::random()?;
        if card::is_lookup_taken(transaction, code.lookup()).await? {
            continue;
        }
        let digest = code.digest()?;
        let made = (code.lookup(), &digest);
        if !card::set_code(transaction, &card.id, made, earlier, now).await? {
            return Err(match &card.suspension {
                None if earlier == EarlierCode::Kept => Error::SuspendCodeNotEntitled,
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
