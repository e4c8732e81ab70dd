//! Proofs out of the stored tree.

use std::collections::BTreeSet;

use cardea_storage::Transaction;
use cardea_storage::ledger::list_entries_by_id;
use cardea_transparency::{
    ExportedEntry, Hash, NodeId, Rest, consistency_nodes, consistency_proof, inclusion_nodes,
    inclusion_proof,
};

use crate::Error;
use crate::entry::{parse_leaf, shown_as_it_stands, shown_by};
use crate::tree::load_nodes;

/// The most events that are proven at once: their subtrees are asked for in one query.
pub const PROVEN_AT_ONCE_MAX: usize = 200;

/// An event's entry, and the way from its leaf to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenEntry {
    /// The entry, as exports have it.
    pub entry: ExportedEntry,
    /// The hashes of RFC 9162 section 2.1.3.1.
    pub proof: Vec<Hash>,
}

/// Proves that the leaf of a place is in the tree of `size` leaves (RFC 9162 section 2.1.3).
///
/// # Errors
/// [`Error::Storage`]; [`Error::Transparency`] where there is no such leaf or tree.
pub async fn inclusion(
    transaction: &mut Transaction,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, Error> {
    let nodes = load_nodes(transaction, &inclusion_nodes(index, size)?).await?;
    Ok(inclusion_proof(index, size, &nodes)?)
}

/// Proves that the tree of `new_size` leaves begins with the one of `old_size` (RFC 9162 section
/// 2.1.4).
///
/// # Errors
/// [`Error::Storage`]; [`Error::Transparency`] where there are no such trees.
pub async fn consistency(
    transaction: &mut Transaction,
    old_size: u64,
    new_size: u64,
) -> Result<Vec<Hash>, Error> {
    let nodes = load_nodes(transaction, &consistency_nodes(old_size, new_size)?).await?;
    Ok(consistency_proof(old_size, new_size, &nodes)?)
}

/// Proves of events that they are in the tree of `size` leaves, in the order of their places. One
/// that has no place below `size` yet is left out. What does not fit its leaf is given as it
/// stands: whoever checks it finds that.
///
/// # Errors
/// [`Error::Storage`]; [`Error::TreeDamaged`], [`Error::Transparency`] where the stored tree has
/// holes.
pub async fn inclusions(
    transaction: &mut Transaction,
    event_ids: &[String],
    size: u64,
) -> Result<Vec<ProvenEntry>, Error> {
    let mut proven = Vec::new();
    for ids in event_ids.chunks(PROVEN_AT_ONCE_MAX) {
        let mut placed = list_entries_by_id(transaction, ids).await?;
        placed.retain(|it| it.leaf.index < size);
        let mut wanted: BTreeSet<NodeId> = BTreeSet::new();
        for one in &placed {
            wanted.extend(inclusion_nodes(one.leaf.index, size)?);
        }
        let wanted: Vec<NodeId> = wanted.into_iter().collect();
        let nodes = load_nodes(transaction, &wanted).await?;
        for one in &placed {
            let leaf = parse_leaf(&one.leaf)?;
            let Some(row) = &one.entry else {
                continue;
            };
            let rest: Rest = shown_by(row).unwrap_or_else(|| shown_as_it_stands(row));
            proven.push(ProvenEntry {
                entry: ExportedEntry {
                    index: one.leaf.index,
                    flags: leaf.flags,
                    hash: leaf.hash(),
                    rest,
                },
                proof: inclusion_proof(one.leaf.index, size, &nodes)?,
            });
        }
    }
    proven.sort_by_key(|it| it.entry.index);
    Ok(proven)
}
