//! The alarm that many agents are silent at once, shared by all nodes.

use time::OffsetDateTime;

use crate::sql;
use crate::{Error, Transaction, timestamp};

/// A loss that is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassLoss {
    /// When it was noticed.
    pub began_at: OffsetDateTime,
    /// When it was last seen.
    pub last_seen_at: OffsetDateTime,
}

/// Finds the loss that is going on.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(transaction: &mut Transaction) -> Result<Option<MassLoss>, Error> {
    let row = sql::query("SELECT began_at, last_seen_at FROM mass_loss WHERE id = 1")
        .fetch_optional(transaction.connection())
        .await?;
    row.map(|row| {
        Ok(MassLoss {
            began_at: timestamp::required(&row, "began_at")?,
            last_seen_at: timestamp::required(&row, "last_seen_at")?,
        })
    })
    .transpose()
}

/// Begins a loss. False when another node has.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn begin(transaction: &mut Transaction, now: OffsetDateTime) -> Result<bool, Error> {
    let begun = sql::query(
        "INSERT INTO mass_loss (id, began_at, last_seen_at) VALUES (1, $1, $1)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(begun.rows_affected() == 1)
}

/// Notes that the loss goes on.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn note_seen(transaction: &mut Transaction, now: OffsetDateTime) -> Result<(), Error> {
    sql::query("UPDATE mass_loss SET last_seen_at = $1 WHERE id = 1")
        .bind(now.unix_timestamp())
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Ends the loss. False when another node has.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn end(transaction: &mut Transaction) -> Result<bool, Error> {
    let ended = sql::query("DELETE FROM mass_loss WHERE id = 1")
        .execute(transaction.connection())
        .await?;
    Ok(ended.rows_affected() == 1)
}
