//! What people have agreed to, so that they are asked once.

use time::OffsetDateTime;

use crate::sql;
use crate::{Error, Transaction, timestamp};

/// One person's yes to one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Who agreed.
    pub sub: String,
    /// With whom.
    pub client_id: String,
    /// To what: names parted by spaces, in one order; the caller owns their meaning.
    pub covered: String,
    /// When, last.
    pub given_at: OffsetDateTime,
    /// Until when it counts.
    pub expires_at: OffsetDateTime,
}

/// Remembers a yes; a later one replaces an earlier one to the same.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn remember(transaction: &mut Transaction, consent: &Consent) -> Result<(), Error> {
    sql::query(
        "INSERT INTO consent (sub, client_id, covered, given_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (sub, client_id, covered)
         DO UPDATE SET given_at = excluded.given_at, expires_at = excluded.expires_at",
    )
    .bind(consent.sub.as_str())
    .bind(consent.client_id.as_str())
    .bind(consent.covered.as_str())
    .bind(consent.given_at.unix_timestamp())
    .bind(consent.expires_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Finds a person's yes to exactly this; expiry is the caller's to compare.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(
    transaction: &mut Transaction,
    sub: &str,
    client_id: &str,
    covered: &str,
) -> Result<Option<Consent>, Error> {
    let row = sql::query(
        "SELECT sub, client_id, covered, given_at, expires_at FROM consent
         WHERE sub = $1 AND client_id = $2 AND covered = $3",
    )
    .bind(sub)
    .bind(client_id)
    .bind(covered)
    .fetch_optional(transaction.connection())
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(Consent {
        sub: row.try_get("sub")?,
        client_id: row.try_get("client_id")?,
        covered: row.try_get("covered")?,
        given_at: timestamp::required(&row, "given_at")?,
        expires_at: timestamp::required(&row, "expires_at")?,
    }))
}

/// Forgets every yes of a person to a client, and says how many there were.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn forget(
    transaction: &mut Transaction,
    sub: &str,
    client_id: &str,
) -> Result<u64, Error> {
    let deleted = sql::query("DELETE FROM consent WHERE sub = $1 AND client_id = $2")
        .bind(sub)
        .bind(client_id)
        .execute(transaction.connection())
        .await?;
    Ok(deleted.rows_affected())
}

/// Forgets every yes of a person, and says how many there were: erasure at her wish.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn forget_person(transaction: &mut Transaction, sub: &str) -> Result<u64, Error> {
    let deleted = sql::query("DELETE FROM consent WHERE sub = $1")
        .bind(sub)
        .execute(transaction.connection())
        .await?;
    Ok(deleted.rows_affected())
}
