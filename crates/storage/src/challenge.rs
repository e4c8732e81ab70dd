//! Login challenges: each is answered once, by the browser it was made for.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Redemption, Transaction, redemption, timestamp};

/// A challenge that was given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Its own id, inside the challenge and inside what the card signs.
    pub jti: String,
    /// The authorization request it belongs to.
    pub authorization_request_id: String,
    /// SHA-256 of the whole challenge JWT, base64url.
    pub challenge_sha256: String,
    /// The nonce inside it.
    pub nonce: String,
    /// When it was made.
    pub issued_at: OffsetDateTime,
    /// When it stops being accepted.
    pub expires_at: OffsetDateTime,
}

/// Stores a new challenge.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn insert(transaction: &mut Transaction, challenge: &Challenge) -> Result<(), Error> {
    sql::query(
        "INSERT INTO challenge
             (jti, authorization_request_id, challenge_sha256, nonce, issued_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(challenge.jti.as_str())
    .bind(challenge.authorization_request_id.as_str())
    .bind(challenge.challenge_sha256.as_str())
    .bind(challenge.nonce.as_str())
    .bind(challenge.issued_at.unix_timestamp())
    .bind(challenge.expires_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Counts the challenges given out for one authorization request.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_of_request(
    transaction: &mut Transaction,
    authorization_request_id: &str,
) -> Result<i64, Error> {
    let row =
        sql::query("SELECT COUNT(*) AS issued FROM challenge WHERE authorization_request_id = $1")
            .bind(authorization_request_id)
            .fetch_one(transaction.connection())
            .await?;
    row.try_get("issued")
}

/// Takes a challenge. One statement decides, so of parallel attempts exactly one redeems it.
///
/// Expiry is compared by the caller afterwards: a late attempt burns the challenge all the same.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn redeem(
    transaction: &mut Transaction,
    jti: &str,
    now: OffsetDateTime,
) -> Result<Redemption<Challenge>, Error> {
    let taking = sql::query(
        "UPDATE challenge SET redeemed_at = $2 WHERE jti = $1 AND redeemed_at IS NULL
         RETURNING jti, authorization_request_id, challenge_sha256, nonce, issued_at, expires_at",
    )
    .bind(jti)
    .bind(now.unix_timestamp());
    let finding = sql::query(
        "SELECT jti, authorization_request_id, challenge_sha256, nonce, issued_at, expires_at
         FROM challenge WHERE jti = $1",
    )
    .bind(jti);
    redemption::redeem(transaction, taking, finding, read).await
}

fn read(row: &Row) -> Result<Challenge, Error> {
    Ok(Challenge {
        jti: row.try_get("jti")?,
        authorization_request_id: row.try_get("authorization_request_id")?,
        challenge_sha256: row.try_get("challenge_sha256")?,
        nonce: row.try_get("nonce")?,
        issued_at: timestamp::required(row, "issued_at")?,
        expires_at: timestamp::required(row, "expires_at")?,
    })
}
