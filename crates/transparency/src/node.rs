//! Complete subtrees: what a log keeps so that it can prove without reading every leaf.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use crate::hash::node_hash;
use crate::{Error, Hash};

/// The largest tree: of this size no proof has more than [`PROOF_HASHES_MAX`] hashes, which is what
/// C2SP tlog-witness allows, and it fits a database's signed integer.
pub const SIZE_MAX: u64 = 1 << 62;
/// The most hashes that a proof has.
pub const PROOF_HASHES_MAX: usize = 63;

/// A complete subtree: the leaves from `index << level` on, `1 << level` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// How high it stands: 0 for a leaf.
    pub level: u8,
    /// Its place among those of its level.
    pub index: u64,
}

/// Where hashes of complete subtrees are found.
pub trait Nodes {
    /// The hash of a complete subtree, or `None` where it is not at hand.
    fn node(&self, id: NodeId) -> Option<Hash>;
}

impl<S: BuildHasher> Nodes for HashMap<NodeId, Hash, S> {
    fn node(&self, id: NodeId) -> Option<Hash> {
        self.get(&id).copied()
    }
}

impl Nodes for BTreeMap<NodeId, Hash> {
    fn node(&self, id: NodeId) -> Option<Hash> {
        self.get(&id).copied()
    }
}

/// A run of leaves that is a subtree of some tree: it begins at a multiple of the power of two
/// that is not below its length. A complete one is a single node, another is several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) begin: u64,
    pub(crate) length: u64,
}

impl Run {
    /// The complete subtrees of which it consists, the largest and leftmost first.
    pub(crate) fn nodes(self) -> impl Iterator<Item = NodeId> {
        let Self { mut begin, length } = self;
        (0..64_u8)
            .rev()
            .filter(move |level| (length >> level) & 1 == 1)
            .map(move |level| {
                let index = begin >> level;
                begin += 1 << level;
                NodeId { level, index }
            })
    }

    /// The hash of this subtree, out of those of its complete ones.
    pub(crate) fn hash(self, nodes: &impl Nodes) -> Result<Hash, Error> {
        let hashes: Vec<Hash> = self
            .nodes()
            .map(|id| nodes.node(id).ok_or(Error::NodeMissing(id)))
            .collect::<Result<_, _>>()?;
        Ok(hash_of_run(&hashes))
    }
}

/// The hash over complete subtrees that stand beside each other, the largest first.
pub(crate) fn hash_of_run(hashes: &[Hash]) -> Hash {
    hashes
        .iter()
        .rev()
        .copied()
        .reduce(|right, left| node_hash(&left, &right))
        .unwrap_or(Hash::EMPTY_ROOT)
}

#[cfg(test)]
mod tests {
    use super::{NodeId, Run};

    #[test]
    fn a_run_is_taken_apart_from_the_left() {
        let run = Run {
            begin: 16,
            length: 7,
        };
        let ids: Vec<(u8, u64)> = run
            .nodes()
            .map(|NodeId { level, index }| (level, index))
            .collect();
        assert_eq!(ids, [(2, 4), (1, 10), (0, 22)]);
        let empty = Run {
            begin: 0,
            length: 0,
        };
        assert_eq!(empty.nodes().count(), 0);
    }
}
