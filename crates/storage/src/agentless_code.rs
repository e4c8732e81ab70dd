//! The one-time codes that carry the result of an agentless login through the browser.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Redemption, SecretDigest, Transaction, redemption, timestamp};

/// A code that was given to a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentlessCode {
    /// The code.
    pub code: SecretDigest,
    /// The authorization request that its card answered.
    pub authorization_request_id: String,
    /// The session that waits for it.
    pub session_id: String,
    /// When the person said yes.
    pub issued_at: OffsetDateTime,
    /// When it stops being accepted.
    pub expires_at: OffsetDateTime,
}

/// Stores a new code.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn insert(transaction: &mut Transaction, code: &AgentlessCode) -> Result<(), Error> {
    sql::query(
        "INSERT INTO agentless_code
             (code_sha256, authorization_request_id, session_id, issued_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(code.code.as_str())
    .bind(code.authorization_request_id.as_str())
    .bind(code.session_id.as_str())
    .bind(code.issued_at.unix_timestamp())
    .bind(code.expires_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Counts the codes that were made for one authorization request.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_of_request(
    transaction: &mut Transaction,
    authorization_request_id: &str,
) -> Result<i64, Error> {
    let row = sql::query(
        "SELECT COUNT(*) AS issued FROM agentless_code WHERE authorization_request_id = $1",
    )
    .bind(authorization_request_id)
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("issued")
}

/// Takes a code. One statement decides, so of parallel attempts exactly one redeems it.
///
/// Browser and expiry are compared by the caller afterwards: a wrong or late attempt burns the code
/// all the same.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn redeem(
    transaction: &mut Transaction,
    code: &SecretDigest,
    now: OffsetDateTime,
) -> Result<Redemption<AgentlessCode>, Error> {
    let taking = sql::query(
        "UPDATE agentless_code SET redeemed_at = $2 WHERE code_sha256 = $1 AND redeemed_at IS NULL
         RETURNING code_sha256, authorization_request_id, session_id, issued_at, expires_at",
    )
    .bind(code.as_str())
    .bind(now.unix_timestamp());
    let finding = sql::query(
        "SELECT code_sha256, authorization_request_id, session_id, issued_at, expires_at
         FROM agentless_code WHERE code_sha256 = $1",
    )
    .bind(code.as_str());
    redemption::redeem(transaction, taking, finding, read).await
}

fn read(row: &Row) -> Result<AgentlessCode, Error> {
    Ok(AgentlessCode {
        code: SecretDigest::from_stored(row.try_get("code_sha256")?),
        authorization_request_id: row.try_get("authorization_request_id")?,
        session_id: row.try_get("session_id")?,
        issued_at: timestamp::required(row, "issued_at")?,
        expires_at: timestamp::required(row, "expires_at")?,
    })
}
