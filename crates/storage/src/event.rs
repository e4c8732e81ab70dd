//! Decisions on record, written in the transaction of what they tell of.

pub mod history;
pub mod search;

use time::OffsetDateTime;

use crate::ledger::OUTSIDE;
use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// One event. It names people by their `sub` and things by their random ids, never by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// Sorts by time.
    pub id: String,
    /// What happened, such as `login.refused`.
    pub kind: String,
    /// When.
    pub occurred_at: OffsetDateTime,
    /// The login it belongs to.
    pub authorization_request_id: Option<String>,
    /// The session it belongs to.
    pub session_id: Option<String>,
    /// The person.
    pub sub: Option<String>,
    /// The client.
    pub client_id: Option<String>,
    /// The stable code of a refusal or the reason of an end.
    pub code: Option<String>,
    /// Further members of this kind, as a JSON object.
    pub details: String,
}

/// Where an event stands with the tamper-evident log ([`crate::ledger`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InLedger<'a> {
    /// It waits for its place.
    Waits {
        /// The salt of its commitment, base64url.
        salt: &'a str,
    },
    /// It gets none.
    Outside,
}

/// Stores an event.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn append(
    transaction: &mut Transaction,
    event: &EventRecord,
    in_ledger: InLedger<'_>,
) -> Result<(), Error> {
    let (salt, place) = match in_ledger {
        InLedger::Waits { salt } => (Some(salt), None),
        InLedger::Outside => (None, Some(OUTSIDE)),
    };
    sql::query(
        "INSERT INTO event
             (id, kind, occurred_at, authorization_request_id, session_id, sub, client_id, code,
              details, salt, ledger_index)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(event.id.as_str())
    .bind(event.kind.as_str())
    .bind(event.occurred_at.unix_timestamp())
    .bind(event.authorization_request_id.as_deref())
    .bind(event.session_id.as_deref())
    .bind(event.sub.as_deref())
    .bind(event.client_id.as_deref())
    .bind(event.code.as_deref())
    .bind(event.details.as_str())
    .bind(salt)
    .bind(place)
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Lists the newest events, oldest of them first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_newest(
    transaction: &mut Transaction,
    count_max: u32,
) -> Result<Vec<EventRecord>, Error> {
    let rows = sql::query(
        "SELECT id, kind, occurred_at, authorization_request_id, session_id, sub, client_id, code,
                details
         FROM event ORDER BY id DESC LIMIT $1",
    )
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().rev().map(read).collect()
}

pub(crate) fn read(row: &Row) -> Result<EventRecord, Error> {
    Ok(EventRecord {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        occurred_at: timestamp::required(row, "occurred_at")?,
        authorization_request_id: row.try_get("authorization_request_id")?,
        session_id: row.try_get("session_id")?,
        sub: row.try_get("sub")?,
        client_id: row.try_get("client_id")?,
        code: row.try_get("code")?,
        details: row.try_get("details")?,
    })
}
