//! The right edge of a growing tree: all that has to be known to append.

use crate::hash::node_hash;
use crate::node::{Run, hash_of_run};
use crate::{Error, Hash, NodeId, Nodes, SIZE_MAX};

const HASH_BYTES: usize = 32;
const SIZE_BYTES: usize = 8;

/// The complete subtrees of which a tree of some size consists, the largest first.
///
/// ```
/// use cardea_transparency::{Frontier, Hash, leaf_hash};
///
/// let mut tree = Frontier::default();
/// assert_eq!(tree.root(), Hash::EMPTY_ROOT);
/// let completed = tree.append(leaf_hash(b"one"));
/// assert_eq!((tree.size(), completed.len()), (1, 1));
/// assert_eq!(tree.root(), leaf_hash(b"one"));
/// let completed = tree.append(leaf_hash(b"two"));
/// assert_eq!(completed.len(), 2, "the leaf, and the pair that it completes");
/// assert_eq!(Frontier::from_bytes(&tree.to_bytes()), Ok(tree));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    /// The subtrees that [`Frontier::from_nodes`] wants for a tree of this size.
    ///
    /// # Errors
    /// [`Error::PositionOutOfRange`]: above [`SIZE_MAX`].
    pub fn nodes(size: u64) -> Result<Vec<NodeId>, Error> {
        Ok(whole(size)?.nodes().collect())
    }

    /// The edge of a tree of this size, out of kept subtrees.
    ///
    /// # Errors
    /// [`Error::PositionOutOfRange`], [`Error::NodeMissing`].
    pub fn from_nodes(size: u64, nodes: &impl Nodes) -> Result<Self, Error> {
        let hashes = whole(size)?
            .nodes()
            .map(|id| nodes.node(id).ok_or(Error::NodeMissing(id)))
            .collect::<Result<_, _>>()?;
        Ok(Self { size, hashes })
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree as it stands.
    #[must_use]
    pub fn root(&self) -> Hash {
        hash_of_run(&self.hashes)
    }

    /// Appends a leaf's hash, and says which subtrees that completes: the leaf itself first, then
    /// each next higher one. They are what a log has to keep.
    pub fn append(&mut self, leaf: Hash) -> Vec<(NodeId, Hash)> {
        let mut completed = Vec::new();
        let mut id = NodeId {
            level: 0,
            index: self.size,
        };
        let mut hash = leaf;
        completed.push((id, hash));
        // A subtree with an odd number is a right half: its left half is the last of the edge.
        while id.index & 1 == 1 {
            let Some(left) = self.hashes.pop() else {
                break;
            };
            hash = node_hash(&left, &hash);
            id = NodeId {
                level: id.level + 1,
                index: id.index >> 1,
            };
            completed.push((id, hash));
        }
        self.hashes.push(hash);
        self.size += 1;
        completed
    }

    /// The form in which an edge is kept: the size (eight bytes, big-endian), then the hashes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        bytes.extend(self.hashes.iter().flat_map(|hash| hash.0));
        bytes
    }

    /// Reads what [`Frontier::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::FrontierMalformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (size, hashes) = bytes
            .split_first_chunk::<SIZE_BYTES>()
            .ok_or(Error::FrontierMalformed)?;
        let size = u64::from_be_bytes(*size);
        let hashes = hashes.chunks(HASH_BYTES).map(Hash::from_slice);
        let hashes: Vec<Hash> = hashes
            .collect::<Result<_, _>>()
            .map_err(|_| Error::FrontierMalformed)?;
        let expected = usize::try_from(size.count_ones()).ok();
        if size > SIZE_MAX || expected != Some(hashes.len()) {
            return Err(Error::FrontierMalformed);
        }
        Ok(Self { size, hashes })
    }
}

fn whole(size: u64) -> Result<Run, Error> {
    if size > SIZE_MAX {
        return Err(Error::PositionOutOfRange {
            position: size,
            size: SIZE_MAX,
        });
    }
    Ok(Run {
        begin: 0,
        length: size,
    })
}

#[cfg(test)]
mod tests {
    use super::Frontier;
    use crate::{Error, Hash, leaf_hash};

    #[test]
    fn a_damaged_edge_is_refused() {
        let mut tree = Frontier::default();
        for leaf in 0..7_u8 {
            tree.append(leaf_hash(&[leaf]));
        }
        let bytes = tree.to_bytes();
        assert_eq!(Frontier::from_bytes(&bytes).unwrap().root(), tree.root());
        let longer = [bytes.as_slice(), &[0; 32]].concat();
        for damaged in [
            &bytes[..bytes.len() - 1],
            &bytes[..7],
            &[],
            &longer,
            &[0xff; 8],
        ] {
            let refused = Frontier::from_bytes(damaged);
            assert_eq!(refused, Err(Error::FrontierMalformed));
        }
        assert_eq!(
            Frontier::from_bytes(&[0; 8]).unwrap().root(),
            Hash::EMPTY_ROOT
        );
    }
}
