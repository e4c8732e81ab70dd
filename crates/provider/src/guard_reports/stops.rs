//! Accounts that guards have stopped, as operators see them.

use cardea_storage::Transaction;
use cardea_storage::account_stop::{self, AccountStop};
use time::OffsetDateTime;

use crate::event::{Event, GuardEvent};
use crate::{Error, OperatorProven, Provider, Records};

/// Stops that are listed at once.
pub const STOPS_MAX: u32 = 10_000;
/// Bytes of an operator's words.
const REASON_BYTES_MAX: usize = 500;

/// The stops of a database, in an operator's name.
#[derive(Clone, Debug)]
pub struct AccountStops {
    records: Records,
}

impl Provider {
    /// The stops, for an operator who has signed in.
    #[must_use]
    pub fn account_stops(&self, operator: &OperatorProven) -> AccountStops {
        AccountStops::new(self.records(operator.author()))
    }

    /// How many accounts are stopped, for the metrics.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn count_account_stops(&self) -> Result<i64, Error> {
        let mut transaction = self.store.begin_read().await?;
        Ok(account_stop::count_open(&mut transaction).await?)
    }
}

impl AccountStops {
    /// Looks after the stops of a database.
    #[must_use]
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    /// Lists the stops that nobody has lifted, the newest first.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list(&self) -> Result<Vec<AccountStop>, Error> {
        let mut transaction = self.records.store.begin_read().await?;
        Ok(account_stop::list_open(&mut transaction, STOPS_MAX).await?)
    }

    /// Lifts a stop, and has the guards of the service told. With it go the account's other stops
    /// there that one of those guards holds: it frees the account of them all.
    ///
    /// # Errors
    /// [`Error::StopUnknown`], [`Error::StopReasonInvalid`], [`Error::Storage`].
    pub async fn lift(&self, id: &str, reason: &str) -> Result<AccountStop, Error> {
        check_reason(reason)?;
        let now = self.records.now();
        let mut transaction = self.records.store.begin().await?;
        let named = lift_in(&mut transaction, &self.records, id, reason, now).await?;
        transaction.commit().await?;
        Ok(named)
    }
}

/// Words that stand in the record for good.
pub(crate) fn check_reason(reason: &str) -> Result<(), Error> {
    let is_words = !reason.trim().is_empty() && !reason.chars().any(char::is_control);
    match is_words && reason.len() <= REASON_BYTES_MAX {
        true => Ok(()),
        false => Err(Error::StopReasonInvalid),
    }
}

/// Lifts a stop in a transaction, with its events.
pub(crate) async fn lift_in(
    transaction: &mut Transaction,
    records: &Records,
    id: &str,
    reason: &str,
    now: OffsetDateTime,
) -> Result<AccountStop, Error> {
    let lifted = account_stop::lift(transaction, id, now).await?;
    for stop in &lifted {
        let kind = GuardEvent::StopLifted {
            stop: stop.id.clone(),
            service: stop.service.clone(),
            by: records.author.clone(),
            reason: reason.to_owned(),
        };
        let mut event = Event::new(kind, now);
        event.sub = stop.sub.clone();
        records.append(transaction, &event).await?;
    }
    lifted.into_iter().next().ok_or(Error::StopUnknown)
}
