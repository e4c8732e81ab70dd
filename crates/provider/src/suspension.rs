//! Cards that are suspended: nobody signs in with one, whoever holds it and knows its PIN.
//!
//! A card is suspended by the code that its owner was given for it, from any browser
//! (docs/adr/0035), or by an operator; an operator alone lifts it. The code can do this one thing.
//! A suspension is of one card: whoever has a second one, or gets a new one, goes on as the same
//! person.
//!
//! The row of the card decides: a login takes it in the transaction that opens its session, and a
//! suspension in the one that ends them. So none slips through between the two.

mod by_code;
mod code;
mod operator;
mod own_cards;

pub use by_code::{CodeAccepted, SuspendedByCode};
pub use code::{MadeSuspendCode, SuspendCode};
pub use operator::{CardSuspensions, ListedCard, SUSPENSION_REASON_BYTES_MAX};
pub use own_cards::OwnCard;

pub(crate) use own_cards::new_code;

use cardea_jose::random_base64url;
use cardea_storage::card::{self, Card, SeenCard};
use cardea_storage::{Transaction, session};
use time::OffsetDateTime;

use crate::authentication::JudgedCard;
use crate::event::{Event, SuspensionEvent};
use crate::secret::RANDOM_BYTES;
use crate::session::{EndReason, EndedInTransaction, end_rows};
use crate::{Author, Error, Provider};

/// How a server offers people the code that suspends their card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SuspendCodeOffer {
    /// On their account page alone.
    #[default]
    OnAccountPage,
    /// On a page at the first login with a card as well, once.
    AtFirstLogin,
}

/// Who suspended a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuspendedBy {
    /// Whoever had its code.
    Code,
    /// An operator.
    Operator,
    /// Its owner, signed in with another card of hers.
    Owner,
}

impl SuspendedBy {
    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Operator => "operator",
            Self::Owner => "owner",
        }
    }

    /// Whatever is nobody else's was an operator's.
    pub(crate) fn read(word: &str) -> Self {
        match word {
            "code" => Self::Code,
            "owner" => Self::Owner,
            _ => Self::Operator,
        }
    }
}

/// A card that is suspended, as its owner and operators are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardSuspension {
    /// Since when.
    pub since: OffsetDateTime,
    /// By whom.
    pub by: SuspendedBy,
}

pub(crate) fn suspension_of(card: &Card) -> Option<CardSuspension> {
    card.suspension.as_ref().map(|suspension| CardSuspension {
        since: suspension.since,
        by: SuspendedBy::read(&suspension.by),
    })
}

/// Notes the use of a card in the transaction that opens its session, and gives its id; a suspended
/// one opens none.
pub(crate) async fn record_card(
    transaction: &mut Transaction,
    judged: &JudgedCard,
    sub: &str,
    now: OffsetDateTime,
) -> Result<String, Error> {
    let id_if_new = random_base64url(RANDOM_BYTES)?;
    let number = judged.identity.card.number.as_str();
    let seen = SeenCard {
        id_if_new: &id_if_new,
        sub,
        family: judged.identity.card.family.as_str(),
        number,
    };
    let card = card::record_use(transaction, seen, now).await?;
    match card.suspension {
        None => Ok(card.id),
        Some(suspension) => Err(Error::CardSuspended {
            card_id: card.id,
            sub: card.sub,
            since: suspension.since,
        }),
    }
}

/// A suspension in a transaction that is not committed yet, with what is to go on record.
pub(crate) struct SuspendedInTransaction {
    pub(crate) events: Vec<Event>,
    pub(crate) ended: Vec<EndedInTransaction>,
}

/// Who suspends a card, with what goes on record of it.
pub(crate) enum Suspending {
    /// Whoever has its code.
    WithCode,
    /// An operator, and why in her words.
    AsOperator(Author, String),
    /// Its owner, in a session of another card.
    AsOwner,
}

/// Suspends a card and ends every session of it. None when it is suspended already.
pub(crate) async fn suspend_in(
    transaction: &mut Transaction,
    card: &Card,
    suspending: Suspending,
    now: OffsetDateTime,
) -> Result<Option<SuspendedInTransaction>, Error> {
    let suspended_by = match &suspending {
        Suspending::WithCode => SuspendedBy::Code,
        Suspending::AsOperator(..) => SuspendedBy::Operator,
        Suspending::AsOwner => SuspendedBy::Owner,
    };
    // The row first: a login with this card waits here, or is among the sessions below.
    if !card::suspend(transaction, &card.id, suspended_by.as_str(), now).await? {
        return Ok(None);
    }
    let mut events = Vec::new();
    let mut ended = Vec::new();
    for session in session::list_of_card(transaction, &card.id, &card.sub).await? {
        let reason = EndReason::CardSuspended;
        let Some(rows) = end_rows(transaction, &session, reason, now).await? else {
            continue;
        };
        rows.queue_blindly(transaction, now).await?;
        events.push(rows.event);
        ended.push(EndedInTransaction { session, reason });
    }
    let sessions_ended = u64::try_from(ended.len()).unwrap_or(u64::MAX);
    let (by, reason) = match suspending {
        Suspending::AsOperator(author, reason) => (Some(author), Some(reason)),
        Suspending::WithCode | Suspending::AsOwner => (None, None),
    };
    let card_id = card.id.clone();
    let kind = match suspended_by {
        SuspendedBy::Owner => SuspensionEvent::CardSuspendedByOwner {
            card: card_id,
            sessions_ended,
        },
        SuspendedBy::Code | SuspendedBy::Operator => SuspensionEvent::CardSuspended {
            card: card_id,
            by,
            reason,
            sessions_ended,
        },
    };
    events.push(Event::new(kind, now).of_person(&card.sub));
    Ok(Some(SuspendedInTransaction { events, ended }))
}

impl Provider {
    /// Notes that somebody wanted to sign in with a suspended card, where that is why a login is
    /// refused: its owner and operators see when, and the refusal goes on record as one of hers.
    pub(crate) async fn tie_suspended_use(
        &self,
        event: Event,
        error: &Error,
    ) -> Result<Event, Error> {
        let Error::CardSuspended { card_id, sub, .. } = error else {
            return Ok(event);
        };
        let mut transaction = self.store.begin().await?;
        card::record_refusal(&mut transaction, card_id, event.occurred_at).await?;
        transaction.commit().await?;
        Ok(event.of_person(sub).of_card(card_id))
    }
}
