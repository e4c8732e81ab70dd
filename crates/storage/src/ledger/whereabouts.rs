//! Where events are that somebody knows to have been committed.

use super::{Leaf, places};
use crate::sql::{self, Row};
use crate::{Error, Transaction};

/// What stands in the database of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// The event's id.
    pub event_id: String,
    /// Whether there is such a row.
    pub is_there: bool,
    /// Its place as it stands there; below zero of what gets none.
    pub place: Option<i64>,
    /// The leaf of that place, as it stands there.
    pub leaf: Option<Leaf>,
}

/// Looks for events by their ids, in no order: each is answered.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find_whereabouts(
    transaction: &mut Transaction,
    ids: &[&str],
) -> Result<Vec<Whereabouts>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let statement = format!(
        "WITH wanted (id) AS (VALUES {})
         SELECT wanted.id AS wanted_id, event.id AS found_id, event.ledger_index,
                leaf.leaf_index, leaf.flags, leaf.entry_sha256
         FROM wanted LEFT JOIN event ON event.id = wanted.id
         LEFT JOIN ledger_leaf AS leaf ON leaf.leaf_index = event.ledger_index",
        places(ids.len(), 1)
    );
    let mut query = sql::query_built(statement);
    for id in ids {
        query = query.bind(*id);
    }
    let rows = query.fetch_all(transaction.connection()).await?;
    let read = |row: &Row| {
        let found: Option<String> = row.try_get("found_id")?;
        Ok(Whereabouts {
            event_id: row.try_get("wanted_id")?,
            is_there: found.is_some(),
            place: row.try_get("ledger_index")?,
            leaf: read_leaf(row)?,
        })
    };
    rows.iter().map(read).collect()
}

/// One that no program of ours wrote is of flags and a digest that no leaf has.
fn read_leaf(row: &Row) -> Result<Option<Leaf>, Error> {
    let index: Option<i64> = row.try_get("leaf_index")?;
    let index = index.and_then(|it| u64::try_from(it).ok());
    Ok(index.map(|index| Leaf {
        index,
        flags: row.try_get("flags").unwrap_or(-1),
        entry_sha256: row.try_get("entry_sha256").unwrap_or_default(),
    }))
}
