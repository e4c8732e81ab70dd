//! The events from which on erasures are signed by the log's key.

use super::unsigned;
use crate::sql;
use crate::{Error, Transaction};

/// One of them, whatever it is worth: anybody can have written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedErasuresBegun {
    /// The event's id.
    pub event_id: String,
    /// Its place in the tree; none where it waits for one.
    pub place: Option<u64>,
    /// What it says.
    pub details: String,
}

/// Lists them by their ids, from behind one on. One that was kept out of the tree is none:
/// verifying finds it, and it keeps nobody from signing.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_signed_erasures_begun(
    transaction: &mut Transaction,
    after: &str,
    count_max: u32,
) -> Result<Vec<SignedErasuresBegun>, Error> {
    // The kind stands in the text, so that the partial index is taken.
    let rows = sql::query(
        "SELECT id, ledger_index, details FROM event
         WHERE kind = 'ledger.erasures_signed' AND id > $1 AND salt IS NOT NULL
             AND (ledger_index IS NULL OR ledger_index >= 0)
         ORDER BY id LIMIT $2",
    )
    .bind(after)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    let read = |row: &sql::Row| {
        let place: Option<i64> = row.try_get("ledger_index")?;
        let place = place.map(|it| unsigned(it, "event.ledger_index"));
        Ok(SignedErasuresBegun {
            event_id: row.try_get("id")?,
            place: place.transpose()?,
            details: row.try_get("details")?,
        })
    };
    rows.iter().map(read).collect()
}
