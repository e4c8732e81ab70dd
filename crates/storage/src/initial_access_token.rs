//! Initial access tokens (RFC 7591 section 3): what somebody needs to register a client.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, SecretDigest, Transaction, timestamp};

/// A token as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialAccessTokenRecord {
    /// Its public name.
    pub id: String,
    /// SHA-256 of the token.
    pub token: SecretDigest,
    /// What the operator wrote beside it.
    pub note: String,
    /// What may be registered with it; the caller owns the form.
    pub limits: String,
    /// How many clients may be registered yet.
    pub uses_left: i64,
    /// When it was issued.
    pub created_at: OffsetDateTime,
    /// From this moment on it is refused.
    pub expires_at: OffsetDateTime,
    /// When an operator took it back.
    pub revoked_at: Option<OffsetDateTime>,
}

/// Stores a new token.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn insert(
    transaction: &mut Transaction,
    token: &InitialAccessTokenRecord,
) -> Result<(), Error> {
    sql::query(
        "INSERT INTO initial_access_token (id, token_sha256, note, limits, uses_left, created_at,
                                           expires_at, revoked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(token.id.as_str())
    .bind(token.token.as_str())
    .bind(token.note.as_str())
    .bind(token.limits.as_str())
    .bind(token.uses_left)
    .bind(token.created_at.unix_timestamp())
    .bind(token.expires_at.unix_timestamp())
    .bind(token.revoked_at.map(OffsetDateTime::unix_timestamp))
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Finds a token by its digest, whatever became of it.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(
    transaction: &mut Transaction,
    token: &SecretDigest,
) -> Result<Option<InitialAccessTokenRecord>, Error> {
    let row = sql::query(
        "SELECT id, token_sha256, note, limits, uses_left, created_at, expires_at, revoked_at
         FROM initial_access_token WHERE token_sha256 = $1",
    )
    .bind(token.as_str())
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read).transpose()
}

/// Takes one use of a token, if it has one left and is neither over nor taken back: of two at once
/// one gets the last.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn take_use(
    transaction: &mut Transaction,
    id: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let taken = sql::query(
        "UPDATE initial_access_token SET uses_left = uses_left - 1
         WHERE id = $1 AND uses_left > 0 AND revoked_at IS NULL AND expires_at > $2",
    )
    .bind(id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// Lists every token, the newest first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list(transaction: &mut Transaction) -> Result<Vec<InitialAccessTokenRecord>, Error> {
    let rows = sql::query(
        "SELECT id, token_sha256, note, limits, uses_left, created_at, expires_at, revoked_at
         FROM initial_access_token ORDER BY created_at DESC, id",
    )
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Takes a token back; false when it is unknown or was taken back before.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke(
    transaction: &mut Transaction,
    id: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let revoked = sql::query(
        "UPDATE initial_access_token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
    )
    .bind(id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// Counts the tokens that can be used yet.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_usable(
    transaction: &mut Transaction,
    now: OffsetDateTime,
) -> Result<i64, Error> {
    let row = sql::query(
        "SELECT COUNT(*) AS usable FROM initial_access_token
         WHERE uses_left > 0 AND revoked_at IS NULL AND expires_at > $1",
    )
    .bind(now.unix_timestamp())
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("usable")
}

/// Forgets the tokens that expired before `before`, and says how many there were.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn forget_expired(
    transaction: &mut Transaction,
    before: OffsetDateTime,
) -> Result<u64, Error> {
    let forgotten = sql::query("DELETE FROM initial_access_token WHERE expires_at < $1")
        .bind(before.unix_timestamp())
        .execute(transaction.connection())
        .await?;
    Ok(forgotten.rows_affected())
}

fn read(row: &Row) -> Result<InitialAccessTokenRecord, Error> {
    Ok(InitialAccessTokenRecord {
        id: row.try_get("id")?,
        token: SecretDigest::from_stored(row.try_get("token_sha256")?),
        note: row.try_get("note")?,
        limits: row.try_get("limits")?,
        uses_left: row.try_get("uses_left")?,
        created_at: timestamp::required(row, "created_at")?,
        expires_at: timestamp::required(row, "expires_at")?,
        revoked_at: timestamp::optional(row, "revoked_at")?,
    })
}
