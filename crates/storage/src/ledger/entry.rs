//! Events as the log sees them, and their leaves.

use super::{OUTSIDE, UNREADABLE, places, stored, unsigned};
use crate::event::{self, EventRecord};
use crate::retention::BEGINNING;
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
    /// Whether a row stands there that no program of ours wrote: a column holds what it cannot.
    pub is_unreadable: bool,
}

/// An event with a place below zero that is none of those that get none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outsider {
    /// The event's id.
    pub event_id: String,
    /// Where it says that it stands.
    pub place: i64,
}

/// What stands behind the end of the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beyond {
    /// Events with a place that no leaf of the tree has.
    pub events: u64,
    /// Leaves and subtrees that the tree has not got.
    pub leaves: u64,
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

/// Takes events that have no place yet, in no order; by the index, however many have one. A row
/// that cannot be read (somebody else wrote it) is put aside, where verifying finds it: it keeps
/// no other one from its place.
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
    let mut entries = Vec::new();
    let mut unreadable = Vec::new();
    for row in &rows {
        match read(row) {
            Ok(entry) => entries.push(entry),
            Err(_) => unreadable.push(row.try_get("id")?),
        }
    }
    put_at(transaction, &unreadable, UNREADABLE).await?;
    Ok(entries)
}

/// Gives events their places.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::Conflict`] where a place is taken, or an event is gone.
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
    let done = query.execute(transaction.connection()).await?;
    // Retention takes refusals beside this, on PostgreSQL: the leaf of one would have no event.
    if u64::try_from(placed.len()) != Ok(done.rows_affected()) {
        return Err(Error::Conflict);
    }
    Ok(())
}

/// Gives events no place for good.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn put_outside(transaction: &mut Transaction, ids: &[String]) -> Result<(), Error> {
    put_at(transaction, ids, OUTSIDE).await
}

async fn put_at(transaction: &mut Transaction, ids: &[String], place: i64) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "WITH outside (id) AS (VALUES {})
         UPDATE event SET ledger_index = {place} FROM outside WHERE event.id = outside.id",
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

/// A statement that reads leaves, each with its event.
macro_rules! select_placed {
    ($rest:literal) => {
        concat!(
            "SELECT leaf.leaf_index, leaf.flags, leaf.entry_sha256, event.ledger_index, event.id,
                    event.kind, event.occurred_at, event.authorization_request_id,
                    event.session_id, event.sub, event.client_id, event.code, event.details,
                    event.salt, event.commitment ",
            $rest
        )
    };
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
    let rows = sql::query(select_placed!(
        "FROM ledger_leaf AS leaf LEFT JOIN event
             ON event.ledger_index = leaf.leaf_index AND event.ledger_index >= 0
         WHERE leaf.leaf_index >= $1 ORDER BY leaf.leaf_index LIMIT $2"
    ))
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
    let rows = sql::query(select_placed!(
        "FROM event JOIN ledger_leaf AS leaf ON leaf.leaf_index = event.ledger_index
         WHERE event.sub = $1 AND event.ledger_index >= $2 ORDER BY event.ledger_index LIMIT $3"
    ))
    .bind(sub)
    .bind(stored(from)?)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read_placed).collect()
}

/// Lists events by their ids, each with its leaf, in no order: those alone that have a place.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_entries_by_id(
    transaction: &mut Transaction,
    ids: &[String],
) -> Result<Vec<PlacedEntry>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let statement = format!(
        "WITH wanted (id) AS (VALUES {}) {}",
        places(ids.len(), 1),
        select_placed!(
            "FROM wanted JOIN event ON event.id = wanted.id
             JOIN ledger_leaf AS leaf ON leaf.leaf_index = event.ledger_index"
        )
    );
    let mut query = sql::query_built(statement);
    for id in ids {
        query = query.bind(id.as_str());
    }
    let rows = query.fetch_all(transaction.connection()).await?;
    rows.iter().map(read_placed).collect()
}

/// Lists entries by their places, in no order: those alone that have an event.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_entries_at(
    transaction: &mut Transaction,
    indexes: &[u64],
) -> Result<Vec<PlacedEntry>, Error> {
    if indexes.is_empty() {
        return Ok(Vec::new());
    }
    let statement = format!(
        "WITH wanted (place) AS (VALUES {}) {}",
        places(indexes.len(), 1),
        select_placed!(
            "FROM wanted JOIN ledger_leaf AS leaf ON leaf.leaf_index = wanted.place
             JOIN event ON event.ledger_index = wanted.place AND event.ledger_index >= 0"
        )
    );
    let mut query = sql::query_built(statement);
    for index in indexes {
        query = query.bind(stored(*index)?);
    }
    let rows = query.fetch_all(transaction.connection()).await?;
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

/// How many events, leaves and subtrees stand behind the end of the tree. Subtrees are stored from
/// `level_min` on.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn count_beyond(transaction: &mut Transaction, level_min: u8) -> Result<Beyond, Error> {
    // One statement sees one moment, however the tree grows beside it.
    let row = sql::query(
        "SELECT (SELECT COUNT(*) FROM event
                 WHERE ledger_index >= 0 AND ledger_index >= state.size) AS events,
                (SELECT COUNT(*) FROM ledger_leaf
                 WHERE leaf_index < 0 OR leaf_index >= state.size)
                + (SELECT COUNT(*) FROM ledger_node
                   WHERE level < $1 OR level > 62 OR node_index < 0
                   OR node_index >= (state.size >> CAST(level AS INTEGER))) AS leaves
         FROM ledger_state AS state WHERE state.id = 1",
    )
    .bind(i64::from(level_min))
    .fetch_one(transaction.connection())
    .await?;
    Ok(Beyond {
        events: unsigned(row.try_get("events")?, "event.ledger_index")?,
        leaves: unsigned(row.try_get("leaves")?, "ledger_leaf.leaf_index")?,
    })
}

/// Finds an event that says of itself that it has no place and is none of those that get none.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find_outsider(transaction: &mut Transaction) -> Result<Option<Outsider>, Error> {
    let row = sql::query(
        "SELECT id, ledger_index FROM event
         WHERE ledger_index < 0 AND (ledger_index <> $1 OR kind <> $2) LIMIT 1",
    )
    .bind(OUTSIDE)
    .bind(BEGINNING)
    .fetch_optional(transaction.connection())
    .await?;
    row.map(|row| {
        Ok(Outsider {
            event_id: row.try_get("id")?,
            place: row.try_get("ledger_index")?,
        })
    })
    .transpose()
}

/// Lists the details of events of a kind that have no place yet, or one at or behind `from`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_details_behind(
    transaction: &mut Transaction,
    kind: &str,
    from: u64,
    count_max: u32,
) -> Result<Vec<String>, Error> {
    let rows = sql::query(
        "SELECT details FROM event
         WHERE kind = $1 AND (ledger_index IS NULL OR ledger_index >= $2) LIMIT $3",
    )
    .bind(kind)
    .bind(stored(from)?)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(|row| row.try_get("details")).collect()
}

/// What the newest event of a kind says that concerns no person and no session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldLast {
    /// Its id.
    pub id: String,
    /// What it says.
    pub details: String,
}

/// Finds the newest event of such a kind.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_told_last(
    transaction: &mut Transaction,
    kind: &str,
) -> Result<Option<ToldLast>, Error> {
    let row = sql::query(
        "SELECT id, details FROM event WHERE kind = $1 AND sub IS NULL AND session_id IS NULL
         ORDER BY occurred_at DESC, id DESC LIMIT 1",
    )
    .bind(kind)
    .fetch_optional(transaction.connection())
    .await?;
    let read = |row: Row| {
        Ok(ToldLast {
            id: row.try_get("id")?,
            details: row.try_get("details")?,
        })
    };
    row.map(read).transpose()
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
    let entry = place.map(|_| read(row));
    Ok(PlacedEntry {
        leaf: read_leaf(row)?,
        is_unreadable: matches!(entry, Some(Err(_))),
        entry: entry.and_then(Result::ok),
    })
}

fn read_leaf(row: &Row) -> Result<Leaf, Error> {
    Ok(Leaf {
        index: unsigned(row.try_get("leaf_index")?, "ledger_leaf.leaf_index")?,
        // Flags and a digest that no leaf has: whoever reads them finds it, at its place.
        flags: row.try_get("flags").unwrap_or(-1),
        entry_sha256: row.try_get("entry_sha256").unwrap_or_default(),
    })
}

fn read(row: &Row) -> Result<LedgerEntry, Error> {
    Ok(LedgerEntry {
        event: event::read(row)?,
        salt: row.try_get("salt")?,
        commitment: row.try_get("commitment")?,
    })
}
