//! Events as the log sees them, and their leaves.

use super::{places, stored, unsigned};
use crate::event::{self, EventRecord};
use crate::sql::{self, Row};
use crate::{Error, Transaction};

/// An event with what its leaf needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The event; only its public part where the rest was erased.
    pub event: EventRecord,
    /// The salt of its commitment; none where an older program wrote it, or it was erased.
    pub salt: Option<String>,
    /// The commitment, only of one whose personal part was erased.
    pub commitment: Option<String>,
}

/// A leaf's parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its place.
    pub index: u64,
    /// Its flags.
    pub flags: i64,
    /// The digest of its entry, base64.
    pub entry_sha256: String,
}

/// A leaf and the event of its place, where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedEntry {
    /// The leaf.
    pub leaf: Leaf,
    /// The event.
    pub entry: Option<LedgerEntry>,
}

/// The place that an event is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The event's id.
    pub event_id: String,
    /// The salt that it has, or gets.
    pub salt: String,
    /// Its leaf.
    pub leaf: Leaf,
}

const COLUMNS: &str = "id, kind, occurred_at, authorization_request_id, session_id, sub, client_id,
                       code, details, salt, commitment";

/// Whether an event waits for its place.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn has_unplaced(transaction: &mut Transaction) -> Result<bool, Error> {
    let row = sql::query("SELECT 1 AS one FROM event WHERE ledger_index IS NULL LIMIT 1")
        .fetch_optional(transaction.connection())
        .await?;
    Ok(row.is_some())
}

/// When the oldest of some events happened that wait for their places; none where none waits.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn oldest_unplaced(transaction: &mut Transaction) -> Result<Option<i64>, Error> {
    // Bounded: of a backlog, some say as much as all.
    let row = sql::query(
        "SELECT MIN(waiting.occurred_at) AS oldest FROM
             (SELECT occurred_at FROM event WHERE ledger_index IS NULL LIMIT 1000) AS waiting",
    )
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("oldest")
}

/// Lists events that have no place yet, in no order; by the index, however many have one.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_unplaced(
    transaction: &mut Transaction,
    count_max: u32,
) -> Result<Vec<LedgerEntry>, Error> {
    let statement = format!("SELECT {COLUMNS} FROM event WHERE ledger_index IS NULL LIMIT $1");
    let rows = sql::query_built(statement)
        .bind(i64::from(count_max))
        .fetch_all(transaction.connection())
        .await?;
    rows.iter().map(read).collect()
}

/// Gives events their places.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::Conflict`] where a place is taken.
pub async fn place(transaction: &mut Transaction, placed: &[Placement]) -> Result<(), Error> {
    if placed.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "WITH placed (id, place, salt) AS (VALUES {})
         UPDATE event SET ledger_index = placed.place, salt = placed.salt
         FROM placed WHERE event.id = placed.id",
        places(placed.len(), 3)
    );
    let mut query = sql::query_built(statement);
    for placement in placed {
        query = query
            .bind(placement.event_id.as_str())
            .bind(stored(placement.leaf.index)?)
            .bind(placement.salt.as_str());
    }
    query.execute(transaction.connection()).await?;
    Ok(())
}

/// Gives events no place for good.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn put_outside(transaction: &mut Transaction, ids: &[String]) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "WITH outside (id) AS (VALUES {})
         UPDATE event SET ledger_index = -1 FROM outside WHERE event.id = outside.id",
        places(ids.len(), 1)
    );
    let mut query = sql::query_built(statement);
    for id in ids {
        query = query.bind(id.as_str());
    }
    query.execute(transaction.connection()).await?;
    Ok(())
}

/// Stores leaves.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::Conflict`] where a place is taken.
pub async fn insert_leaves(
    transaction: &mut Transaction,
    placed: &[Placement],
) -> Result<(), Error> {
    if placed.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "INSERT INTO ledger_leaf (leaf_index, flags, entry_sha256) VALUES {}",
        places(placed.len(), 3)
    );
    let mut query = sql::query_built(statement);
    for Placement { leaf, .. } in placed {
        query = query
            .bind(stored(leaf.index)?)
            .bind(leaf.flags)
            .bind(leaf.entry_sha256.as_str());
    }
    query.execute(transaction.connection()).await?;
    Ok(())
}

/// Lists leaves from a place on, each with its event, in their order.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_entries(
    transaction: &mut Transaction,
    from: u64,
    count_max: u32,
) -> Result<Vec<PlacedEntry>, Error> {
    let rows = sql::query(
        "SELECT leaf.leaf_index, leaf.flags, leaf.entry_sha256, event.ledger_index, event.id,
                event.kind, event.occurred_at, event.authorization_request_id, event.session_id,
                event.sub, event.client_id, event.code, event.details, event.salt,
                event.commitment
         FROM ledger_leaf AS leaf LEFT JOIN event ON event.ledger_index = leaf.leaf_index
         WHERE leaf.leaf_index >= $1 ORDER BY leaf.leaf_index LIMIT $2",
    )
    .bind(stored(from)?)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read_placed).collect()
}

/// Lists events of a person that have a place at or behind `from`, in their order. It reads the
/// whole table: for operators' commands alone.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_entries_of(
    transaction: &mut Transaction,
    sub: &str,
    from: u64,
    count_max: u32,
) -> Result<Vec<PlacedEntry>, Error> {
    let rows = sql::query(
        "SELECT leaf.leaf_index, leaf.flags, leaf.entry_sha256, event.ledger_index, event.id,
                event.kind, event.occurred_at, event.authorization_request_id, event.session_id,
                event.sub, event.client_id, event.code, event.details, event.salt,
                event.commitment
         FROM event JOIN ledger_leaf AS leaf ON leaf.leaf_index = event.ledger_index
         WHERE event.sub = $1 AND event.ledger_index >= $2 ORDER BY event.ledger_index LIMIT $3",
    )
    .bind(sub)
    .bind(stored(from)?)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read_placed).collect()
}

/// Lists leaves by their places, in no order.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_leaves(
    transaction: &mut Transaction,
    indexes: &[u64],
) -> Result<Vec<Leaf>, Error> {
    if indexes.is_empty() {
        return Ok(Vec::new());
    }
    let statement = format!(
        "WITH wanted (place) AS (VALUES {})
         SELECT leaf.leaf_index, leaf.flags, leaf.entry_sha256
         FROM wanted JOIN ledger_leaf AS leaf ON leaf.leaf_index = wanted.place",
        places(indexes.len(), 1)
    );
    let mut query = sql::query_built(statement);
    for index in indexes {
        query = query.bind(stored(*index)?);
    }
    let rows = query.fetch_all(transaction.connection()).await?;
    rows.iter().map(read_leaf).collect()
}

/// How many events have a place that no leaf of the tree has.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn count_beyond(transaction: &mut Transaction) -> Result<u64, Error> {
    // One statement sees one moment, however the tree grows beside it.
    let row = sql::query(
        "SELECT COUNT(*) AS beyond FROM event
         WHERE ledger_index >= (SELECT size FROM ledger_state WHERE id = 1)",
    )
    .fetch_one(transaction.connection())
    .await?;
    unsigned(row.try_get("beyond")?, "event.ledger_index")
}

/// Puts the commitment in the place of an event's personal part and salt. False where there is
/// nothing to erase.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn erase(
    transaction: &mut Transaction,
    event_id: &str,
    commitment: &str,
) -> Result<bool, Error> {
    let erased = sql::query(
        "UPDATE event SET commitment = $2, salt = NULL, authorization_request_id = NULL,
                          session_id = NULL, sub = NULL, client_id = NULL, code = NULL,
                          details = '{}'
         WHERE id = $1 AND salt IS NOT NULL AND ledger_index IS NOT NULL",
    )
    .bind(event_id)
    .bind(commitment)
    .execute(transaction.connection())
    .await?;
    Ok(erased.rows_affected() == 1)
}

fn read_placed(row: &Row) -> Result<PlacedEntry, Error> {
    let place: Option<i64> = row.try_get("ledger_index")?;
    Ok(PlacedEntry {
        leaf: read_leaf(row)?,
        entry: place.map(|_| read(row)).transpose()?,
    })
}

fn read_leaf(row: &Row) -> Result<Leaf, Error> {
    Ok(Leaf {
        index: unsigned(row.try_get("leaf_index")?, "ledger_leaf.leaf_index")?,
        flags: row.try_get("flags")?,
        entry_sha256: row.try_get("entry_sha256")?,
    })
}

fn read(row: &Row) -> Result<LedgerEntry, Error> {
    Ok(LedgerEntry {
        event: event::read(row)?,
        salt: row.try_get("salt")?,
        commitment: row.try_get("commitment")?,
    })
}
