//! What a client asked for, waiting for a card.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, SecretDigest, Transaction, timestamp};

/// A stored authorization request (RFC 6749 section 4.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// Random, shown in the login page's address; it also ties the log of a login together.
    pub id: String,
    /// The login cookie of the browser that began it.
    pub cookie: SecretDigest,
    /// Who asked.
    pub client_id: String,
    /// The checked parameters as JSON; the caller owns their shape.
    pub parameters: String,
    /// The session that the card opened, once it has.
    pub session_id: Option<String>,
    /// When the browser arrived.
    pub created_at: OffsetDateTime,
    /// When the login page stops working.
    pub expires_at: OffsetDateTime,
    /// When the code was given out.
    pub completed_at: Option<OffsetDateTime>,
}

/// Stores a new request; `session_id` and `completed_at` start empty.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn insert(
    transaction: &mut Transaction,
    request: &AuthorizationRequest,
) -> Result<(), Error> {
    sql::query(
        "INSERT INTO authorization_request
             (id, cookie_sha256, client_id, parameters, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(request.id.as_str())
    .bind(request.cookie.as_str())
    .bind(request.client_id.as_str())
    .bind(request.parameters.as_str())
    .bind(request.created_at.unix_timestamp())
    .bind(request.expires_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Finds a request by its id; expiry is the caller's to compare.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(
    transaction: &mut Transaction,
    id: &str,
) -> Result<Option<AuthorizationRequest>, Error> {
    let row = sql::query(
        "SELECT id, cookie_sha256, client_id, parameters, session_id, created_at, expires_at,
                completed_at
         FROM authorization_request WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read).transpose()
}

/// Loads a request that still waits for its answer, and holds it: until this transaction ends,
/// nobody else answers it or attaches a session. None when it was answered, or is unknown.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn hold_incomplete(
    transaction: &mut Transaction,
    id: &str,
) -> Result<Option<AuthorizationRequest>, Error> {
    // The update changes nothing; it takes the row, and sees it as the last transaction left it.
    let row = sql::query(
        "UPDATE authorization_request SET session_id = session_id
         WHERE id = $1 AND completed_at IS NULL
         RETURNING id, cookie_sha256, client_id, parameters, session_id, created_at, expires_at,
                   completed_at",
    )
    .bind(id)
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read).transpose()
}

/// Notes which session the card opened for this request; a later card replaces an earlier one.
/// False when the request was answered before: its session then stays.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn attach_session(
    transaction: &mut Transaction,
    id: &str,
    session_id: &str,
) -> Result<bool, Error> {
    let updated = sql::query(
        "UPDATE authorization_request SET session_id = $2
         WHERE id = $1 AND completed_at IS NULL",
    )
    .bind(id)
    .bind(session_id)
    .execute(transaction.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Marks the request as answered. False when it was answered before: of many attempts one wins.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn complete(
    transaction: &mut Transaction,
    id: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let updated = sql::query(
        "UPDATE authorization_request SET completed_at = $2
         WHERE id = $1 AND completed_at IS NULL",
    )
    .bind(id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Puts other parameters in the place of a request's, which waits for an answer.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn replace_parameters(
    transaction: &mut Transaction,
    id: &str,
    parameters: &str,
) -> Result<(), Error> {
    sql::query(
        "UPDATE authorization_request SET parameters = $2 WHERE id = $1 AND completed_at IS NULL",
    )
    .bind(id)
    .bind(parameters)
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// How many requests have no answer, expired ones included.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_unanswered(transaction: &mut Transaction) -> Result<i64, Error> {
    let row = sql::query(
        "SELECT COUNT(*) AS unanswered FROM authorization_request WHERE completed_at IS NULL",
    )
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("unanswered")
}

fn read(row: &Row) -> Result<AuthorizationRequest, Error> {
    Ok(AuthorizationRequest {
        id: row.try_get("id")?,
        cookie: SecretDigest::from_stored(row.try_get("cookie_sha256")?),
        client_id: row.try_get("client_id")?,
        parameters: row.try_get("parameters")?,
        session_id: row.try_get("session_id")?,
        created_at: timestamp::required(row, "created_at")?,
        expires_at: timestamp::required(row, "expires_at")?,
        completed_at: timestamp::optional(row, "completed_at")?,
    })
}
