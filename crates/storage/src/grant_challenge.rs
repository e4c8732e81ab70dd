//! Challenges of card grants: each is answered once, by the client that asked for it.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Redemption, Transaction, redemption, timestamp};

/// A challenge that was given to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantChallenge {
    /// Its own id, inside the challenge and inside what the card signs.
    pub jti: String,
    /// The client that asked for it.
    pub client_id: String,
    /// SHA-256 of the whole challenge JWT, base64url.
    pub challenge_sha256: String,
    /// The nonce inside it.
    pub nonce: String,
    /// What the tokens may allow at most, space-separated.
    pub scope: String,
    /// The resource servers that the tokens may be for, as a JSON list.
    pub resources: String,
    /// When it was made.
    pub issued_at: OffsetDateTime,
    /// When it stops being accepted.
    pub expires_at: OffsetDateTime,
}

/// Stores a new challenge.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn insert(
    transaction: &mut Transaction,
    challenge: &GrantChallenge,
) -> Result<(), Error> {
    sql::query(
        "INSERT INTO grant_challenge
             (jti, client_id, challenge_sha256, nonce, scope, resources, issued_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(challenge.jti.as_str())
    .bind(challenge.client_id.as_str())
    .bind(challenge.challenge_sha256.as_str())
    .bind(challenge.nonce.as_str())
    .bind(challenge.scope.as_str())
    .bind(challenge.resources.as_str())
    .bind(challenge.issued_at.unix_timestamp())
    .bind(challenge.expires_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Counts a client's challenges that have not expired, answered or not: an answer costs a stranger
/// nothing.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_open_of_client(
    transaction: &mut Transaction,
    client_id: &str,
    now: OffsetDateTime,
) -> Result<i64, Error> {
    let row = sql::query(
        "SELECT COUNT(*) AS open FROM grant_challenge WHERE client_id = $1 AND expires_at > $2",
    )
    .bind(client_id)
    .bind(now.unix_timestamp())
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("open")
}

/// Takes a challenge. One statement decides, so of parallel attempts exactly one redeems it.
///
/// Expiry and client are compared by the caller afterwards: a wrong attempt burns the challenge all
/// the same.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn redeem(
    transaction: &mut Transaction,
    jti: &str,
    now: OffsetDateTime,
) -> Result<Redemption<GrantChallenge>, Error> {
    let taking = sql::query(
        "UPDATE grant_challenge SET redeemed_at = $2 WHERE jti = $1 AND redeemed_at IS NULL
         RETURNING jti, client_id, challenge_sha256, nonce, scope, resources, issued_at,
                   expires_at",
    )
    .bind(jti)
    .bind(now.unix_timestamp());
    let finding = sql::query(
        "SELECT jti, client_id, challenge_sha256, nonce, scope, resources, issued_at, expires_at
         FROM grant_challenge WHERE jti = $1",
    )
    .bind(jti);
    redemption::redeem(transaction, taking, finding, read).await
}

fn read(row: &Row) -> Result<GrantChallenge, Error> {
    Ok(GrantChallenge {
        jti: row.try_get("jti")?,
        client_id: row.try_get("client_id")?,
        challenge_sha256: row.try_get("challenge_sha256")?,
        nonce: row.try_get("nonce")?,
        scope: row.try_get("scope")?,
        resources: row.try_get("resources")?,
        issued_at: timestamp::required(row, "issued_at")?,
        expires_at: timestamp::required(row, "expires_at")?,
    })
}
