//! Reports whose token was forgotten before they came.

use time::OffsetDateTime;

use crate::sql;
use crate::{Error, Transaction};

/// Whether a report is on record, by its id.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn is_known(transaction: &mut Transaction, id: &str) -> Result<bool, Error> {
    let found = sql::query("SELECT id FROM guard_report WHERE id = $1")
        .bind(id)
        .fetch_optional(transaction.connection())
        .await?;
    Ok(found.is_some())
}

/// How many unproven reports have come since then: of one guard, or of all where none is named.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_unproven_since(
    transaction: &mut Transaction,
    guard_client_id: Option<&str>,
    since: OffsetDateTime,
) -> Result<i64, Error> {
    let statement = match guard_client_id {
        Some(guard_client_id) => sql::query(
            "SELECT COUNT(*) AS reports FROM guard_report
             WHERE said_sub IS NOT NULL AND received_at > $1 AND guard_client_id = $2",
        )
        .bind(since.unix_timestamp())
        .bind(guard_client_id),
        None => sql::query(
            "SELECT COUNT(*) AS reports FROM guard_report
             WHERE said_sub IS NOT NULL AND received_at > $1",
        )
        .bind(since.unix_timestamp()),
    };
    let row = statement.fetch_one(transaction.connection()).await?;
    row.try_get("reports")
}
