//! A person's names in the sectors of pairwise clients (OIDC Core section 8.1).

use time::OffsetDateTime;

use crate::sql;
use crate::{Error, Transaction};

/// Returns the person's name in a sector, which is `pairwise_if_new` the first time.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn load_or_create(
    transaction: &mut Transaction,
    sub: &str,
    sector: &str,
    pairwise_if_new: &str,
    now: OffsetDateTime,
) -> Result<String, Error> {
    if let Some(known) = find_by_person(transaction, sub, sector).await? {
        return Ok(known);
    }
    let row = sql::query(
        "INSERT INTO pairwise_subject (pairwise, sub, sector, created_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (sub, sector) DO UPDATE SET sector = excluded.sector
         RETURNING pairwise",
    )
    .bind(pairwise_if_new)
    .bind(sub)
    .bind(sector)
    .bind(now.unix_timestamp())
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("pairwise")
}

/// Finds the person's name in a sector, if she has one.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_by_person(
    transaction: &mut Transaction,
    sub: &str,
    sector: &str,
) -> Result<Option<String>, Error> {
    let row = sql::query("SELECT pairwise FROM pairwise_subject WHERE sub = $1 AND sector = $2")
        .bind(sub)
        .bind(sector)
        .fetch_optional(transaction.connection())
        .await?;
    row.map(|row| row.try_get("pairwise")).transpose()
}

/// Finds the person behind a sector's name; another sector's name is nobody's here.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_person(
    transaction: &mut Transaction,
    pairwise: &str,
    sector: &str,
) -> Result<Option<String>, Error> {
    let row = sql::query("SELECT sub FROM pairwise_subject WHERE pairwise = $1 AND sector = $2")
        .bind(pairwise)
        .bind(sector)
        .fetch_optional(transaction.connection())
        .await?;
    row.map(|row| row.try_get("sub")).transpose()
}

/// Whom any sector calls by a name.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn list_persons(
    transaction: &mut Transaction,
    pairwise: &str,
) -> Result<Vec<String>, Error> {
    let rows = sql::query("SELECT sub FROM pairwise_subject WHERE pairwise = $1 ORDER BY sub")
        .bind(pairwise)
        .fetch_all(transaction.connection())
        .await?;
    rows.iter().map(|row| row.try_get("sub")).collect()
}

/// Whom a sector calls by a name, and which sector; no two give the same name.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_named(
    transaction: &mut Transaction,
    pairwise: &str,
) -> Result<Option<(String, String)>, Error> {
    let row = sql::query("SELECT sub, sector FROM pairwise_subject WHERE pairwise = $1")
        .bind(pairwise)
        .fetch_optional(transaction.connection())
        .await?;
    row.map(|row| Ok((row.try_get("sub")?, row.try_get("sector")?)))
        .transpose()
}
