//! The tables of the tamper-evident log: the places of events, leaves, subtrees, checkpoints, keys,
//! and who may make the tree grow. What they mean is the business of `cardea-ledger`.

mod entry;
mod key;
mod signed_erasures;
mod tree;
mod whereabouts;

pub use entry::{
    Beyond, Leaf, LedgerEntry, Outsider, PlacedEntry, Placement, ToldLast, count_beyond, erase,
    find_outsider, find_told_last, has_unplaced, insert_leaves, list_details_behind, list_entries,
    list_entries_at, list_entries_by_id, list_entries_of, list_leaves, list_unplaced,
    oldest_unplaced, place, put_outside,
};
pub use key::{LedgerKeyRecord, insert_key, list_keys, set_key_sealed};
pub use signed_erasures::{SignedErasuresBegun, list_signed_erasures_begun};
pub use tree::{
    Checkpoint, Hold, Node, TreeState, advance, find_checkpoint, hold, insert_checkpoint,
    insert_nodes, keep_cosigned, list_checkpoints, list_nodes, load_state, lock, newest_checkpoint,
    newest_cosigned, take_over,
};
pub use whereabouts::{Whereabouts, find_whereabouts};

use crate::Error;

/// The place of events that get none.
pub(crate) const OUTSIDE: i64 = -1;
/// The place of rows that could not be read when they were to get one.
pub(crate) const UNREADABLE: i64 = -2;

/// A number of the tree, as a column holds it.
pub(crate) fn stored(number: u64) -> Result<i64, Error> {
    i64::try_from(number).map_err(|_| Error::Corrupt {
        column: "a place in the ledger".to_owned(),
    })
}

/// A number of the tree out of a column.
pub(crate) fn unsigned(number: i64, column: &str) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::Corrupt {
        column: column.to_owned(),
    })
}

/// `($1, $2), ($3, $4)`: the places of so many rows of so many values.
fn places(rows: usize, width: usize) -> String {
    let row = |number: usize| {
        let first = number * width;
        let places: Vec<_> = (1..=width).map(|at| format!("${}", first + at)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}
