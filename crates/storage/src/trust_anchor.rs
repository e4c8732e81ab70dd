//! Certificates of trust anchors that were added while servers run, and the count of their changes.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// One certificate of one set of card rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustAnchorRecord {
    /// The name of the card rules that it belongs to.
    pub rules: String,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// What it is there; the caller owns the word.
    pub role: String,
    /// The certificate; the caller owns the form.
    pub certificate: String,
    /// When it was added.
    pub added_at: OffsetDateTime,
    /// By whom; the caller owns the form.
    pub added_by: String,
}

/// Stores a certificate; false when these rules have it already.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn insert(
    transaction: &mut Transaction,
    anchor: &TrustAnchorRecord,
) -> Result<bool, Error> {
    let inserted = sql::query(
        "INSERT INTO trust_anchor (rules, sha256, role, certificate, added_at, added_by)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (rules, sha256) DO NOTHING",
    )
    .bind(anchor.rules.as_str())
    .bind(anchor.sha256.as_str())
    .bind(anchor.role.as_str())
    .bind(anchor.certificate.as_str())
    .bind(anchor.added_at.unix_timestamp())
    .bind(anchor.added_by.as_str())
    .execute(transaction.connection())
    .await?;
    count_change(transaction, inserted.rows_affected() == 1).await
}

/// Deletes a certificate; false when these rules do not have it.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn remove(
    transaction: &mut Transaction,
    rules: &str,
    sha256: &str,
) -> Result<bool, Error> {
    let removed = sql::query("DELETE FROM trust_anchor WHERE rules = $1 AND sha256 = $2")
        .bind(rules)
        .bind(sha256)
        .execute(transaction.connection())
        .await?;
    count_change(transaction, removed.rows_affected() == 1).await
}

/// Lists every certificate, by the name of its rules and its digest.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list(transaction: &mut Transaction) -> Result<Vec<TrustAnchorRecord>, Error> {
    let rows = sql::query(
        "SELECT rules, sha256, role, certificate, added_at, added_by
         FROM trust_anchor ORDER BY rules, sha256",
    )
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// How many changes there have been: another number means that they are to be read anew.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revision(transaction: &mut Transaction) -> Result<i64, Error> {
    let row = sql::query("SELECT revision FROM trust_anchor_revision WHERE id = 1")
        .fetch_one(transaction.connection())
        .await?;
    row.try_get("revision")
}

async fn count_change(transaction: &mut Transaction, changed: bool) -> Result<bool, Error> {
    if changed {
        sql::query("UPDATE trust_anchor_revision SET revision = revision + 1 WHERE id = 1")
            .execute(transaction.connection())
            .await?;
    }
    Ok(changed)
}

fn read(row: &Row) -> Result<TrustAnchorRecord, Error> {
    Ok(TrustAnchorRecord {
        rules: row.try_get("rules")?,
        sha256: row.try_get("sha256")?,
        role: row.try_get("role")?,
        certificate: row.try_get("certificate")?,
        added_at: timestamp::required(row, "added_at")?,
        added_by: row.try_get("added_by")?,
    })
}
