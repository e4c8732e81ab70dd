//! A client's part in a session, with a `sid` that no other client knows.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Transaction};

/// One client in one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSession {
    /// What this client's ID tokens and logout tokens carry.
    pub sid: String,
    /// The session.
    pub session_id: String,
    /// The client.
    pub client_id: String,
}

/// Returns the client's `sid` in this session, which is `sid_if_new` the first time. A client that
/// was taken out is in the session again.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn load_or_create(
    transaction: &mut Transaction,
    session_id: &str,
    client_id: &str,
    sid_if_new: &str,
    now: OffsetDateTime,
) -> Result<String, Error> {
    let row = sql::query(
        "INSERT INTO client_session (sid, session_id, client_id, created_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (session_id, client_id) DO UPDATE SET ended_at = NULL
         RETURNING sid",
    )
    .bind(sid_if_new)
    .bind(session_id)
    .bind(client_id)
    .bind(now.unix_timestamp())
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("sid")
}

/// Finds a client session by its `sid`; none when the client was taken out since.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find(
    transaction: &mut Transaction,
    sid: &str,
) -> Result<Option<ClientSession>, Error> {
    let row = sql::query(
        "SELECT sid, session_id, client_id FROM client_session
         WHERE sid = $1 AND ended_at IS NULL",
    )
    .bind(sid)
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read).transpose()
}

/// Finds a client session by its `sid`, also where the client was taken out since, or the session's
/// row has gone.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_also_ended(
    transaction: &mut Transaction,
    sid: &str,
) -> Result<Option<ClientSession>, Error> {
    let row = sql::query(
        "SELECT sid, session_id, client_id FROM client_session WHERE sid = $1
         UNION ALL SELECT sid, session_id, client_id FROM session_name WHERE sid = $1 LIMIT 1",
    )
    .bind(sid)
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read).transpose()
}

/// Lists the clients of a session, in the order in which they joined, without those taken out.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn list_of_session(
    transaction: &mut Transaction,
    session_id: &str,
) -> Result<Vec<ClientSession>, Error> {
    let rows = sql::query(
        "SELECT sid, session_id, client_id FROM client_session
         WHERE session_id = $1 AND ended_at IS NULL ORDER BY created_at, sid",
    )
    .bind(session_id)
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Moves every client of one session into another, which has none yet: the same person has shown
/// the same card again, and the clients keep their `sid`. The caller holds the older session, with
/// [`crate::session::record_use`]: on PostgreSQL this locks the rows against whoever refers to
/// them, and those who do so hold the session first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`] when both sessions hold one client.
pub async fn move_all(transaction: &mut Transaction, from: &str, to: &str) -> Result<u64, Error> {
    let moved = sql::query("UPDATE client_session SET session_id = $2 WHERE session_id = $1")
        .bind(from)
        .bind(to)
        .execute(transaction.connection())
        .await?;
    Ok(moved.rows_affected())
}

/// Ends a client's part in every session, and says in how many it was.
///
/// # Errors
/// [`Error::Unavailable`].
pub(crate) async fn end_of_client(
    transaction: &mut Transaction,
    client_id: &str,
    now: OffsetDateTime,
) -> Result<u64, Error> {
    let ended = sql::query(
        "UPDATE client_session SET ended_at = $2 WHERE client_id = $1 AND ended_at IS NULL",
    )
    .bind(client_id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(ended.rows_affected())
}

fn read(row: &Row) -> Result<ClientSession, Error> {
    Ok(ClientSession {
        sid: row.try_get("sid")?,
        session_id: row.try_get("session_id")?,
        client_id: row.try_get("client_id")?,
    })
}
