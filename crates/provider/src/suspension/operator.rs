//! What an operator does about cards: finds them, suspends them, and lets them in again once she
//! has made sure who asks.

use cardea_storage::card::{self, Card};
use time::OffsetDateTime;

use crate::admin::KnownOperator;
use crate::event::{Event, SuspensionEvent};
use crate::session::{EndedInTransaction, EndedSession};
use crate::suspension::{CardSuspension, Suspending, suspend_in, suspension_of};
use crate::{Author, Error, OperatorProven, Provider, Records};

/// Bytes of the words that an operator gives for what she does.
pub const SUSPENSION_REASON_BYTES_MAX: usize = 500;
/// Suspended cards that are listed at once.
const SUSPENDED_MAX: u32 = 500;

/// A card as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedCard {
    /// The name of the card in events and commands.
    pub id: String,
    /// Whose it is, by her name with us.
    pub sub: String,
    /// Its family.
    pub family: String,
    /// Its number.
    pub number: String,
    /// The first login with it.
    pub first_seen_at: OffsetDateTime,
    /// The last login with it.
    pub last_seen_at: OffsetDateTime,
    /// Whether it has a code that suspends it.
    pub has_code: bool,
    /// Since when it is suspended, where it is.
    pub suspension: Option<CardSuspension>,
    /// When somebody last tried to sign in with it since then.
    pub refused_at: Option<OffsetDateTime>,
}

/// The cards of a database, in an operator's name.
#[derive(Clone, Debug)]
pub struct CardSuspensions {
    records: Records,
    /// None for a command.
    operator: Option<KnownOperator>,
}

impl Provider {
    /// The cards, for an operator who has signed in.
    #[must_use]
    pub fn card_suspensions(&self, operator: &OperatorProven) -> CardSuspensions {
        CardSuspensions {
            operator: Some(operator.known().clone()),
            ..CardSuspensions::new(self.records(operator.author()))
        }
    }
}

impl CardSuspensions {
    /// Looks after the cards of a database.
    #[must_use]
    pub fn new(records: Records) -> Self {
        Self {
            records,
            operator: None,
        }
    }

    /// Lists the cards that are suspended, up to a bound.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list_suspended(&self) -> Result<Vec<ListedCard>, Error> {
        let mut transaction = self.records.store.begin_read().await?;
        let cards = card::list_suspended(&mut transaction, SUSPENDED_MAX).await?;
        Ok(cards.into_iter().map(listed).collect())
    }

    /// Lists the cards that a word names: a card's id or number, or the number of its owner in her
    /// register, or her name with us.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn find(&self, word: &str) -> Result<Vec<ListedCard>, Error> {
        let mut transaction = self.records.store.begin_read().await?;
        let mut cards = card::list_of_person_number(&mut transaction, word).await?;
        cards.extend(card::list_of_number(&mut transaction, word).await?);
        cards.extend(card::list_of_person(&mut transaction, word).await?);
        cards.extend(card::find(&mut transaction, word).await?);
        let mut found: Vec<Card> = Vec::new();
        for card in cards {
            if found.iter().all(|other| other.id != card.id) {
                found.push(card);
            }
        }
        Ok(found.into_iter().map(listed).collect())
    }

    /// Suspends a card, with every session of it.
    ///
    /// # Errors
    /// [`Error::CardUnknown`], [`Error::CardSuspendedAlready`], [`Error::SuspensionReasonInvalid`],
    /// [`Error::Storage`].
    pub async fn suspend(
        &self,
        id: &str,
        reason: &str,
    ) -> Result<(ListedCard, Vec<EndedSession>), Error> {
        check_reason(reason)?;
        let now = self.records.now();
        let mut transaction = self.records.store.begin().await?;
        let card = card::find(&mut transaction, id).await?;
        let card = card.ok_or(Error::CardUnknown)?;
        let by = Suspending::AsOperator(self.records.author.clone(), reason.to_owned());
        let suspended = suspend_in(&mut transaction, &card, by, now).await?;
        let suspended = suspended.ok_or(Error::CardSuspendedAlready)?;
        for event in &suspended.events {
            self.records.append(&mut transaction, event).await?;
        }
        let card = card::find(&mut transaction, id).await?;
        let card = card.ok_or(Error::CardUnknown)?;
        transaction.commit().await?;
        let ended = suspended.ended.into_iter();
        Ok((
            listed(card),
            ended.map(EndedInTransaction::announce).collect(),
        ))
    }

    /// Lets a suspended card in again. `reason` says how it was made sure who asks.
    ///
    /// # Errors
    /// [`Error::CardUnknown`], [`Error::CardNotSuspended`], [`Error::CardOwn`],
    /// [`Error::SuspensionReasonInvalid`], [`Error::Storage`].
    pub async fn resume(&self, id: &str, reason: &str) -> Result<ListedCard, Error> {
        check_reason(reason)?;
        let now = self.records.now();
        let mut transaction = self.records.store.begin().await?;
        let card = card::find(&mut transaction, id).await?;
        let card = card.ok_or(Error::CardUnknown)?;
        // Nobody vouches for herself, not with a second card or by a second entry either.
        if matches!(&self.records.author, Author::Person { sub, .. } if *sub == card.sub) {
            return Err(Error::CardOwn);
        }
        if let Some(operator) = &self.operator
            && operator.is_sub(&mut transaction, &card.sub).await?
        {
            return Err(Error::CardOwn);
        }
        if !card::resume(&mut transaction, id).await? {
            return Err(Error::CardNotSuspended);
        }
        let kind = SuspensionEvent::CardResumed {
            card: card.id.clone(),
            by: self.records.author.clone(),
            reason: reason.to_owned(),
        };
        let event = Event::new(kind, now).of_person(&card.sub);
        self.records.append(&mut transaction, &event).await?;
        let card = card::find(&mut transaction, id).await?;
        let card = card.ok_or(Error::CardUnknown)?;
        transaction.commit().await?;
        Ok(listed(card))
    }
}

/// Words that stand in the record for good.
fn check_reason(reason: &str) -> Result<(), Error> {
    let is_written = !reason.trim().is_empty() && reason.len() <= SUSPENSION_REASON_BYTES_MAX;
    match is_written && !reason.chars().any(char::is_control) {
        true => Ok(()),
        false => Err(Error::SuspensionReasonInvalid),
    }
}

fn listed(card: Card) -> ListedCard {
    ListedCard {
        has_code: card.code_digest.is_some(),
        suspension: suspension_of(&card),
        id: card.id,
        sub: card.sub,
        family: card.family,
        number: card.number,
        first_seen_at: card.first_seen_at,
        last_seen_at: card.last_seen_at,
        refused_at: card.refused_at,
    }
}
