//! The tree's state, its subtrees and its checkpoints.

use super::{places, stored, unsigned};
use crate::sql::{self, Row};
use crate::{Error, Transaction};

/// How far the tree has grown, and who makes it grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeState {
    /// Leaves.
    pub size: u64,
    /// The right edge, in the form of `cardea-ledger`.
    pub frontier: String,
    /// Which node holds it.
    pub holder: Option<String>,
    /// Until when, unix seconds by that node's clock.
    pub held_until: i64,
}

/// Who holds the tree: one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The holder's own name.
    pub holder: String,
    /// The count of changes of hands: whoever comes with an older one was overtaken.
    pub fence: i64,
}

/// A complete subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// 0 is a leaf's.
    pub level: u8,
    /// Its place among those of its level.
    pub index: u64,
}

/// A signed note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The size of its tree.
    pub size: u64,
    /// Its text, signatures included.
    pub note: String,
    /// When it was made, unix seconds.
    pub made_at: i64,
}

/// Takes the tree over where nobody holds it, or the time of who does is over at `now`, or it is
/// held by the same holder. Nobody holds it for more than twice as long as is asked for here: a
/// time further ahead is one of a clock that was wrong.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn take_over(
    transaction: &mut Transaction,
    holder: &str,
    now: i64,
    until: i64,
) -> Result<Option<Hold>, Error> {
    let row = sql::query(
        "UPDATE ledger_state SET holder = $1, fence = fence + 1, held_until = $2
         WHERE id = 1 AND (holder IS NULL OR holder = $1 OR held_until < $3 OR held_until > $4)
         RETURNING fence",
    )
    .bind(holder)
    .bind(until)
    .bind(now)
    .bind(until.saturating_add(until.saturating_sub(now)))
    .fetch_optional(transaction.connection())
    .await?;
    row.map(|row| {
        Ok(Hold {
            holder: holder.to_owned(),
            fence: row.try_get("fence")?,
        })
    })
    .transpose()
}

/// Goes on holding the tree, and keeps everybody else from it until this transaction is over. None
/// for whoever was overtaken.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn hold(
    transaction: &mut Transaction,
    hold: &Hold,
    until: i64,
) -> Result<Option<TreeState>, Error> {
    let row = sql::query(
        "UPDATE ledger_state SET held_until = $3 WHERE id = 1 AND holder = $1 AND fence = $2
         RETURNING size, frontier, holder, held_until",
    )
    .bind(hold.holder.as_str())
    .bind(hold.fence)
    .bind(until)
    .fetch_optional(transaction.connection())
    .await?;
    row.map(|row| read_state(&row)).transpose()
}

/// Keeps everybody else from tree and keys until this transaction is over.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn lock(transaction: &mut Transaction) -> Result<(), Error> {
    sql::query("UPDATE ledger_state SET held_until = held_until WHERE id = 1")
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Notes how far the tree has grown. False for whoever was overtaken.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn advance(
    transaction: &mut Transaction,
    hold: &Hold,
    size: u64,
    frontier: &str,
) -> Result<bool, Error> {
    let done = sql::query(
        "UPDATE ledger_state SET size = $3, frontier = $4
         WHERE id = 1 AND holder = $1 AND fence = $2",
    )
    .bind(hold.holder.as_str())
    .bind(hold.fence)
    .bind(stored(size)?)
    .bind(frontier)
    .execute(transaction.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Loads the tree's state; none where somebody has taken the row out.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn load_state(transaction: &mut Transaction) -> Result<Option<TreeState>, Error> {
    let row =
        sql::query("SELECT size, frontier, holder, held_until FROM ledger_state WHERE id = 1")
            .fetch_optional(transaction.connection())
            .await?;
    row.map(|row| read_state(&row)).transpose()
}

/// Stores complete subtrees.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::Conflict`] where one is there.
pub async fn insert_nodes(
    transaction: &mut Transaction,
    nodes: &[(Node, String)],
) -> Result<(), Error> {
    if nodes.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "INSERT INTO ledger_node (level, node_index, hash) VALUES {}",
        places(nodes.len(), 3)
    );
    let mut query = sql::query_built(statement);
    for (node, hash) in nodes {
        query = query
            .bind(i64::from(node.level))
            .bind(stored(node.index)?)
            .bind(hash.as_str());
    }
    query.execute(transaction.connection()).await?;
    Ok(())
}

/// Lists the subtrees that are stored of those asked for.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_nodes(
    transaction: &mut Transaction,
    nodes: &[Node],
) -> Result<Vec<(Node, String)>, Error> {
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    let statement = format!(
        "WITH wanted (level, node_index) AS (VALUES {})
         SELECT node.level, node.node_index, node.hash FROM wanted
         JOIN ledger_node AS node
             ON node.level = wanted.level AND node.node_index = wanted.node_index",
        places(nodes.len(), 2)
    );
    let mut query = sql::query_built(statement);
    for node in nodes {
        query = query.bind(i64::from(node.level)).bind(stored(node.index)?);
    }
    let rows = query.fetch_all(transaction.connection()).await?;
    let read = |row: &Row| {
        let level: i64 = row.try_get("level")?;
        let node = Node {
            level: u8::try_from(level).map_err(|_| Error::Corrupt {
                column: "ledger_node.level".to_owned(),
            })?,
            index: unsigned(row.try_get("node_index")?, "ledger_node.node_index")?,
        };
        Ok((node, row.try_get("hash")?))
    };
    rows.iter().map(read).collect()
}

/// Stores a checkpoint. The one before it goes where it is not older than `since` and no witness
/// has cosigned it: one a span of time stays.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::Conflict`] where one of its size is there.
pub async fn insert_checkpoint(
    transaction: &mut Transaction,
    checkpoint: &Checkpoint,
    since: i64,
) -> Result<(), Error> {
    sql::query(
        "DELETE FROM ledger_checkpoint WHERE made_at >= $1 AND cosignatures = 0
         AND size = (SELECT MAX(size) FROM ledger_checkpoint)",
    )
    .bind(since)
    .execute(transaction.connection())
    .await?;
    sql::query("INSERT INTO ledger_checkpoint (size, note, made_at) VALUES ($1, $2, $3)")
        .bind(stored(checkpoint.size)?)
        .bind(checkpoint.note.as_str())
        .bind(checkpoint.made_at)
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Keeps a checkpoint with the lines of so many witnesses, in the place of what stands there of its
/// size, or again where it had gone meanwhile. Those before it go that are not older than `since`
/// and that no more witnesses have cosigned: one silent witness takes away nothing that it signed.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn keep_cosigned(
    transaction: &mut Transaction,
    checkpoint: &Checkpoint,
    cosignatures: u32,
    since: i64,
) -> Result<(), Error> {
    sql::query(
        "DELETE FROM ledger_checkpoint WHERE size < $1 AND made_at >= $2 AND cosignatures <= $3",
    )
    .bind(stored(checkpoint.size)?)
    .bind(since)
    .bind(i64::from(cosignatures))
    .execute(transaction.connection())
    .await?;
    sql::query(
        "INSERT INTO ledger_checkpoint (size, note, made_at, cosignatures) VALUES ($1, $2, $3, $4)
         ON CONFLICT (size) DO UPDATE
             SET note = excluded.note, cosignatures = excluded.cosignatures",
    )
    .bind(stored(checkpoint.size)?)
    .bind(checkpoint.note.as_str())
    .bind(checkpoint.made_at)
    .bind(i64::from(cosignatures))
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Finds the newest checkpoint that so many witnesses have cosigned.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn newest_cosigned(
    transaction: &mut Transaction,
    cosignatures_min: u32,
) -> Result<Option<Checkpoint>, Error> {
    let row = sql::query(
        "SELECT size, note, made_at FROM ledger_checkpoint WHERE cosignatures >= $1
         ORDER BY size DESC LIMIT 1",
    )
    .bind(i64::from(cosignatures_min))
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read_checkpoint).transpose()
}

/// Finds the newest checkpoint.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn newest_checkpoint(transaction: &mut Transaction) -> Result<Option<Checkpoint>, Error> {
    let row =
        sql::query("SELECT size, note, made_at FROM ledger_checkpoint ORDER BY size DESC LIMIT 1")
            .fetch_optional(transaction.connection())
            .await?;
    row.as_ref().map(read_checkpoint).transpose()
}

/// Finds the checkpoint of a size.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find_checkpoint(
    transaction: &mut Transaction,
    size: u64,
) -> Result<Option<Checkpoint>, Error> {
    let row = sql::query("SELECT size, note, made_at FROM ledger_checkpoint WHERE size = $1")
        .bind(stored(size)?)
        .fetch_optional(transaction.connection())
        .await?;
    row.as_ref().map(read_checkpoint).transpose()
}

/// Lists checkpoints of trees larger than `above`, in their order.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_checkpoints(
    transaction: &mut Transaction,
    above: u64,
    count_max: u32,
) -> Result<Vec<Checkpoint>, Error> {
    let rows = sql::query(
        "SELECT size, note, made_at FROM ledger_checkpoint WHERE size > $1 ORDER BY size LIMIT $2",
    )
    .bind(stored(above)?)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read_checkpoint).collect()
}

fn read_state(row: &Row) -> Result<TreeState, Error> {
    Ok(TreeState {
        size: unsigned(row.try_get("size")?, "ledger_state.size")?,
        frontier: row.try_get("frontier")?,
        holder: row.try_get("holder")?,
        held_until: row.try_get("held_until")?,
    })
}

fn read_checkpoint(row: &Row) -> Result<Checkpoint, Error> {
    Ok(Checkpoint {
        size: unsigned(row.try_get("size")?, "ledger_checkpoint.size")?,
        note: row.try_get("note")?,
        made_at: row.try_get("made_at")?,
    })
}
