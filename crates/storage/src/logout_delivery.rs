//! Clients that are still to be told that a session is over.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// One client to tell of one session's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutDelivery {
    /// Random.
    pub id: String,
    /// The client.
    pub client_id: String,
    /// The session that is over.
    pub session_id: String,
    /// The person, as we call her.
    pub sub: String,
    /// The client's own session id.
    pub sid: String,
    /// The person, as the client calls her.
    pub client_sub: String,
    /// Tries so far, the one under way included.
    pub attempts: i64,
    /// When the session ended.
    pub created_at: OffsetDateTime,
    /// When it is tried next; until then it is somebody's, or waits.
    pub due_at: OffsetDateTime,
    /// When it is given up.
    pub expires_at: OffsetDateTime,
}

/// Stores a delivery.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn insert(transaction: &mut Transaction, delivery: &LogoutDelivery) -> Result<(), Error> {
    sql::query(
        "INSERT INTO logout_delivery
             (id, client_id, session_id, sub, sid, client_sub, attempts, created_at, due_at,
              expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(delivery.id.as_str())
    .bind(delivery.client_id.as_str())
    .bind(delivery.session_id.as_str())
    .bind(delivery.sub.as_str())
    .bind(delivery.sid.as_str())
    .bind(delivery.client_sub.as_str())
    .bind(delivery.attempts)
    .bind(delivery.created_at.unix_timestamp())
    .bind(delivery.due_at.unix_timestamp())
    .bind(delivery.expires_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Lists the clients that have a delivery due, always in one order: nodes that take the same rows
/// in it wait for each other instead of locking each other out.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn list_due_clients(
    transaction: &mut Transaction,
    now: OffsetDateTime,
) -> Result<Vec<String>, Error> {
    let rows = sql::query(
        "SELECT client_id FROM logout_delivery WHERE due_at <= $1
         GROUP BY client_id ORDER BY client_id",
    )
    .bind(now.unix_timestamp())
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(|row| row.try_get("client_id")).collect()
}

/// Takes up to `count_max` due deliveries of a client until `lease`: of two nodes that ask at once,
/// one gets each, and a node that dies loses it to the other when the lease is over.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn take_due(
    transaction: &mut Transaction,
    client_id: &str,
    now: OffsetDateTime,
    lease: OffsetDateTime,
    count_max: u32,
) -> Result<Vec<LogoutDelivery>, Error> {
    let rows = sql::query(
        "UPDATE logout_delivery SET due_at = $3, attempts = attempts + 1
         WHERE due_at <= $2 AND id IN
             (SELECT id FROM logout_delivery WHERE client_id = $1 AND due_at <= $2
              ORDER BY due_at LIMIT $4)
         RETURNING id, client_id, session_id, sub, sid, client_sub, attempts, created_at, due_at,
                   expires_at",
    )
    .bind(client_id)
    .bind(now.unix_timestamp())
    .bind(lease.unix_timestamp())
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Puts a delivery off. `attempts` names the try that failed: another node's later one stays.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn put_off(
    transaction: &mut Transaction,
    id: &str,
    attempts: i64,
    due_at: OffsetDateTime,
) -> Result<bool, Error> {
    let updated =
        sql::query("UPDATE logout_delivery SET due_at = $3 WHERE id = $1 AND attempts = $2")
            .bind(id)
            .bind(attempts)
            .bind(due_at.unix_timestamp())
            .execute(transaction.connection())
            .await?;
    Ok(updated.rows_affected() == 1)
}

/// Forgets a delivery that is done or given up. False when it was forgotten before.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn delete(transaction: &mut Transaction, id: &str) -> Result<bool, Error> {
    let deleted = sql::query("DELETE FROM logout_delivery WHERE id = $1")
        .bind(id)
        .execute(transaction.connection())
        .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Lists up to `count_max` deliveries that nobody has now and whose time is over: tried at least
/// once and expired before `now`, or expired before `long_ago` with never a turn.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_expired(
    transaction: &mut Transaction,
    now: OffsetDateTime,
    long_ago: OffsetDateTime,
    count_max: u32,
) -> Result<Vec<LogoutDelivery>, Error> {
    let rows = sql::query(
        "SELECT id, client_id, session_id, sub, sid, client_sub, attempts, created_at, due_at,
                expires_at
         FROM logout_delivery
         WHERE due_at <= $1
           AND ((attempts > 0 AND expires_at <= $1) OR expires_at <= $2)
         ORDER BY id LIMIT $3",
    )
    .bind(now.unix_timestamp())
    .bind(long_ago.unix_timestamp())
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Lists every delivery that waits, oldest first, up to a bound; for operators and tests.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list(
    transaction: &mut Transaction,
    count_max: u32,
) -> Result<Vec<LogoutDelivery>, Error> {
    let rows = sql::query(
        "SELECT id, client_id, session_id, sub, sid, client_sub, attempts, created_at, due_at,
                expires_at
         FROM logout_delivery ORDER BY created_at, id LIMIT $1",
    )
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<LogoutDelivery, Error> {
    Ok(LogoutDelivery {
        id: row.try_get("id")?,
        client_id: row.try_get("client_id")?,
        session_id: row.try_get("session_id")?,
        sub: row.try_get("sub")?,
        sid: row.try_get("sid")?,
        client_sub: row.try_get("client_sub")?,
        attempts: row.try_get("attempts")?,
        created_at: timestamp::required(row, "created_at")?,
        due_at: timestamp::required(row, "due_at")?,
        expires_at: timestamp::required(row, "expires_at")?,
    })
}
