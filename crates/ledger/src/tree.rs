//! The stored tree: its edge, its subtrees, and the leaves from which the lowest of them are made.

use std::collections::HashMap;

use cardea_storage::Transaction;
use cardea_storage::ledger::{Leaf, Node, list_leaves, list_nodes};
use cardea_transparency::{Frontier, Hash, NodeId, SIZE_MAX, node_hash};

use crate::Error;
use crate::entry::parse_leaf;

/// Subtrees below this level are not stored: at most eight leaves make one, and half of all
/// subtrees would be pairs.
pub(crate) const LEVEL_STORED_MIN: u8 = 4;

/// Reads the stored edge of a tree of this size.
pub(crate) fn parse_frontier(text: &str, size: u64) -> Result<Frontier, Error> {
    let damaged = Error::TreeDamaged {
        what: "its edge does not have its size",
    };
    let mut bytes = size.to_be_bytes().to_vec();
    for hash in text.split_ascii_whitespace() {
        bytes.extend(parse_hash(hash)?.0);
    }
    Frontier::from_bytes(&bytes).map_err(|_| damaged)
}

/// The edge as it is stored.
pub(crate) fn frontier_text(frontier: &Frontier) -> String {
    let bytes = frontier.to_bytes();
    let hashes = bytes.get(8..).unwrap_or_default().chunks(32);
    let hashes = hashes.filter_map(|it| Hash::from_slice(it).ok());
    hashes
        .map(|it| it.to_base64())
        .collect::<Vec<_>>()
        .join(" ")
}

pub(crate) fn parse_hash(text: &str) -> Result<Hash, Error> {
    Hash::from_base64(text).map_err(|_| Error::TreeDamaged {
        what: "a stored hash is none",
    })
}

/// Whether a subtree is stored.
pub(crate) fn is_stored(node: NodeId) -> bool {
    node.level >= LEVEL_STORED_MIN
}

pub(crate) fn stored_name(node: NodeId) -> Node {
    Node {
        level: node.level,
        index: node.index,
    }
}

/// Fetches subtrees: one query for those that are stored, one for the leaves of the others.
pub(crate) async fn load_nodes(
    transaction: &mut Transaction,
    wanted: &[NodeId],
) -> Result<HashMap<NodeId, Hash>, Error> {
    let (high, low): (Vec<NodeId>, Vec<NodeId>) = wanted.iter().partition(|it| is_stored(**it));
    let names: Vec<Node> = high.into_iter().map(stored_name).collect();
    let mut found = HashMap::new();
    for (node, hash) in list_nodes(transaction, &names).await? {
        let id = NodeId {
            level: node.level,
            index: node.index,
        };
        found.insert(id, parse_hash(&hash)?);
    }
    let indexes: Vec<u64> = low.iter().copied().flat_map(leaves_of).collect();
    let mut leaves = HashMap::new();
    for leaf in list_leaves(transaction, &indexes).await? {
        leaves.insert(leaf.index, parse_leaf(&leaf)?.hash());
    }
    for node in low {
        let hashes: Option<Vec<Hash>> =
            leaves_of(node).map(|it| leaves.get(&it).copied()).collect();
        if let Some(hash) = hashes.and_then(root_of_pairs) {
            found.insert(node, hash);
        }
    }
    Ok(found)
}

/// The leaves' hashes of these places, of those that there are; one that is damaged is left out.
pub(crate) async fn leaves_at(
    transaction: &mut Transaction,
    mut places: Vec<u64>,
) -> Result<HashMap<u64, Hash>, Error> {
    // Whoever names one that no tree has says nothing.
    places.retain(|it| *it <= SIZE_MAX);
    let stored = list_leaves(transaction, &places).await?;
    let with_hash = |it: &Leaf| Some((it.index, parse_leaf(it).ok()?.hash()));
    Ok(stored.iter().filter_map(with_hash).collect())
}

fn leaves_of(node: NodeId) -> std::ops::Range<u64> {
    let first = node.index << node.level;
    first..first + (1 << node.level)
}

/// The root over a power of two of hashes.
fn root_of_pairs(mut hashes: Vec<Hash>) -> Option<Hash> {
    while hashes.len() > 1 {
        hashes = hashes
            .chunks(2)
            .filter_map(|pair| match pair {
                [left, right] => Some(node_hash(left, right)),
                _ => None,
            })
            .collect();
    }
    hashes.pop()
}

#[cfg(test)]
mod tests {
    use cardea_transparency::{Frontier, leaf_hash};

    use super::{frontier_text, parse_frontier, root_of_pairs};

    #[test]
    fn the_edge_comes_back_and_one_of_another_size_does_not() {
        let mut frontier = Frontier::default();
        assert_eq!(parse_frontier("", 0).unwrap(), frontier);
        for leaf in 0..11_u8 {
            frontier.append(leaf_hash(&[leaf]));
        }
        let text = frontier_text(&frontier);
        assert_eq!(parse_frontier(&text, 11).unwrap(), frontier);
        for (text, size) in [(text.as_str(), 12), ("", 11), ("AAAA", 1)] {
            let refused = parse_frontier(text, size).unwrap_err();
            assert_eq!(refused.code(), "ledger.tree_damaged");
        }
    }

    #[test]
    fn pairs_make_the_root_of_a_complete_subtree() {
        let mut frontier = Frontier::default();
        let leaves: Vec<_> = (0..8_u8).map(|it| leaf_hash(&[it])).collect();
        for leaf in &leaves {
            frontier.append(*leaf);
        }
        assert_eq!(root_of_pairs(leaves), Some(frontier.root()));
    }
}
