//! Lines of which their person has said that it was not she, and the incident that each opened.

use time::OffsetDateTime;

use crate::event::{self, EventRecord};
use crate::sql;
use crate::{Error, Transaction};

/// Finds an event of a person by its id; none of anybody else's, and none whose personal part was
/// erased.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find_event(
    transaction: &mut Transaction,
    sub: &str,
    id: &str,
) -> Result<Option<EventRecord>, Error> {
    let row = sql::query(
        "SELECT id, kind, occurred_at, authorization_request_id, session_id, sub, client_id, code,
                details
         FROM event WHERE id = $1 AND sub = $2",
    )
    .bind(id)
    .bind(sub)
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(event::read).transpose()
}

/// The incident that a person's word about a line has opened.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_incident(
    transaction: &mut Transaction,
    sub: &str,
    line: &str,
) -> Result<Option<String>, Error> {
    let row = sql::query("SELECT incident_id FROM not_me WHERE sub = $1 AND line = $2")
        .bind(sub)
        .bind(line)
        .fetch_optional(transaction.connection())
        .await?;
    row.map(|row| row.try_get("incident_id")).transpose()
}

/// Takes a line up. False where that was done before; a second one that comes at the same time
/// waits for the first. [`set_incident`] follows in the same transaction.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn claim(
    transaction: &mut Transaction,
    (sub, line): (&str, &str),
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let done = sql::query(
        "INSERT INTO not_me (sub, line, incident_id, said_at) VALUES ($1, $2, '', $3)
         ON CONFLICT (sub, line) DO NOTHING",
    )
    .bind(sub)
    .bind(line)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a line up anew whose incident is over. False where somebody else has done so meanwhile;
/// [`set_incident`] follows in the same transaction.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn claim_anew(
    transaction: &mut Transaction,
    (sub, line): (&str, &str),
    closed_incident_id: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let done = sql::query(
        "UPDATE not_me SET incident_id = '', said_at = $4
         WHERE sub = $1 AND line = $2 AND incident_id = $3",
    )
    .bind(sub)
    .bind(line)
    .bind(closed_incident_id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps the incident of a line.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn set_incident(
    transaction: &mut Transaction,
    (sub, line): (&str, &str),
    incident_id: &str,
) -> Result<(), Error> {
    sql::query("UPDATE not_me SET incident_id = $3 WHERE sub = $1 AND line = $2")
        .bind(sub)
        .bind(line)
        .bind(incident_id)
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// The incident that a person's word has opened last, of those that are not closed.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_newest_unclosed(
    transaction: &mut Transaction,
    sub: &str,
) -> Result<Option<String>, Error> {
    let row = sql::query(
        "SELECT not_me.incident_id AS incident_id
         FROM not_me JOIN incident ON incident.id = not_me.incident_id
         WHERE not_me.sub = $1 AND incident.state <> 'closed'
         ORDER BY not_me.said_at DESC, not_me.line LIMIT 1",
    )
    .bind(sub)
    .fetch_optional(transaction.connection())
    .await?;
    row.map(|row| row.try_get("incident_id")).transpose()
}

/// How many lines of a person's have become incidents since `since`.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_since(
    transaction: &mut Transaction,
    sub: &str,
    since: OffsetDateTime,
) -> Result<i64, Error> {
    let row = sql::query("SELECT COUNT(*) AS lines FROM not_me WHERE sub = $1 AND said_at >= $2")
        .bind(sub)
        .bind(since.unix_timestamp())
        .fetch_one(transaction.connection())
        .await?;
    row.try_get("lines")
}
