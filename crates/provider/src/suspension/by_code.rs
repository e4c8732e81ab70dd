//! Suspending a card by its code, from any browser and without any session: first the code is told
//! from others, and then whoever brought it says yes.

use cardea_jose::constant_time_eq;
use cardea_storage::card;
use time::{Duration, OffsetDateTime};

use crate::event::{Event, SuspensionEvent};
use crate::session::{EndedInTransaction, EndedSession};
use crate::suspension::{SuspendCode, Suspending, suspend_in, suspension_of};
use crate::{Error, Provider, Secret};

/// From the right code to the yes.
const TICKET_LIFETIME: Duration = Duration::minutes(10);

/// What is said to whoever brings a right code: nothing about the person.
#[derive(Debug)]
pub struct CodeAccepted {
    /// The family of the card.
    pub family: String,
    /// Since when the card is suspended, if it is: then nothing is left to be done.
    pub suspended_since: Option<OffsetDateTime>,
    /// Good once and for minutes, for [`Provider::suspend_by_ticket`].
    pub ticket: Secret,
}

/// A card that its code has suspended.
#[derive(Debug)]
pub struct SuspendedByCode {
    /// The family of the card.
    pub family: String,
    /// Since when.
    pub since: OffsetDateTime,
    /// Sessions that ended with it.
    pub ended: Vec<EndedSession>,
}

impl Provider {
    /// Finds the card of a code. A code that never was, a wrong one and one that was replaced get
    /// the same answer after the same work.
    ///
    /// # Errors
    /// [`Error::SuspendCodeUnknown`], [`Error::Storage`].
    pub async fn read_suspend_code(&self, code: &SuspendCode) -> Result<CodeAccepted, Error> {
        let now = self.now();
        let mut reading = self.store.begin_read().await?;
        let found = card::find_by_code(&mut reading, code.lookup()).await?;
        drop(reading);
        // Worked out whether or not there is anything to compare it with (attack L2).
        let digest = code.digest()?;
        let is_right = |kept: &str| constant_time_eq(kept.as_bytes(), digest.as_str().as_bytes());
        let card = found.filter(|card| {
            let kept = card.code_digest.as_ref();
            kept.is_some_and(|kept| is_right(kept.as_str()))
        });
        let Some(card) = card else {
            let error = Error::SuspendCodeUnknown;
            let code = error.code();
            self.note(&Event::new(SuspensionEvent::CodeRefused { code }, now));
            return Err(error);
        };
        let ticket = Secret::random()?;
        let mut transaction = self.store.begin().await?;
        let expires_at = now + TICKET_LIFETIME;
        card::set_ticket(&mut transaction, &card.id, &ticket.digest(), expires_at).await?;
        transaction.commit().await?;
        Ok(CodeAccepted {
            suspended_since: suspension_of(&card).map(|suspension| suspension.since),
            family: card.family,
            ticket,
        })
    }

    /// Suspends the card whose code was brought before: at once, with every session of it.
    ///
    /// # Errors
    /// [`Error::SuspendTicketUnknown`] for one that is unknown, used or too old;
    /// [`Error::Storage`].
    pub async fn suspend_by_ticket(&self, ticket: &str) -> Result<SuspendedByCode, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let digest = cardea_storage::SecretDigest::of(ticket);
        let card = card::take_ticket(&mut transaction, &digest, now).await?;
        let card = card.ok_or(Error::SuspendTicketUnknown)?;
        let mut ended = Vec::new();
        if let Some(suspended) =
            suspend_in(&mut transaction, &card, Suspending::WithCode, now).await?
        {
            for event in suspended.events {
                self.record(&mut transaction, event).await?;
            }
            ended = suspended.ended;
        }
        transaction.commit().await?;
        Ok(SuspendedByCode {
            since: suspension_of(&card).map_or(now, |suspension| suspension.since),
            family: card.family,
            ended: ended
                .into_iter()
                .map(EndedInTransaction::announce)
                .collect(),
        })
    }
}
