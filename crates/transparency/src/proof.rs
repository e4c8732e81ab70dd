//! Making proofs: which kept hashes they need, and what becomes of them.

use crate::node::Run;
use crate::{Error, Hash, NodeId, Nodes, SIZE_MAX};

/// The kept hashes that [`inclusion_proof`] needs, so that they can be fetched at once.
///
/// # Errors
/// [`Error::PositionOutOfRange`].
pub fn inclusion_nodes(index: u64, size: u64) -> Result<Vec<NodeId>, Error> {
    Ok(nodes_of(&inclusion_runs(index, size)?))
}

/// Proves that leaf `index` is in the tree of `size` leaves (RFC 9162 section 2.1.3.1).
///
/// # Errors
/// [`Error::PositionOutOfRange`], [`Error::NodeMissing`].
pub fn inclusion_proof(index: u64, size: u64, nodes: &impl Nodes) -> Result<Vec<Hash>, Error> {
    hashes_of(&inclusion_runs(index, size)?, nodes)
}

/// The kept hashes that [`consistency_proof`] needs.
///
/// # Errors
/// [`Error::PositionOutOfRange`].
pub fn consistency_nodes(old_size: u64, new_size: u64) -> Result<Vec<NodeId>, Error> {
    Ok(nodes_of(&consistency_runs(old_size, new_size)?))
}

/// Proves that the tree of `new_size` leaves begins with the one of `old_size` (RFC 9162 section
/// 2.1.4.1). For equal sizes, and from the empty tree, there is nothing to prove: no hashes.
///
/// # Errors
/// [`Error::PositionOutOfRange`], [`Error::NodeMissing`].
pub fn consistency_proof(
    old_size: u64,
    new_size: u64,
    nodes: &impl Nodes,
) -> Result<Vec<Hash>, Error> {
    hashes_of(&consistency_runs(old_size, new_size)?, nodes)
}

/// `PATH(m, D[n])`, walked from the root down and turned round.
fn inclusion_runs(index: u64, size: u64) -> Result<Vec<Run>, Error> {
    if index >= size || size > SIZE_MAX {
        return Err(Error::PositionOutOfRange {
            position: index,
            size,
        });
    }
    let mut runs = Vec::new();
    let (mut begin, mut length) = (0, size);
    while length > 1 {
        let (left, right) = halves(begin, length);
        if index < right.begin {
            runs.push(right);
            length = left.length;
        } else {
            runs.push(left);
            begin = right.begin;
            length = right.length;
        }
    }
    runs.reverse();
    Ok(runs)
}

/// `PROOF(m, D[n])`: `SUBPROOF` with its flag, which says whether the older tree's own root is
/// still the subtree that is left (then the verifier knows it already).
fn consistency_runs(old_size: u64, new_size: u64) -> Result<Vec<Run>, Error> {
    if old_size > new_size || new_size > SIZE_MAX {
        return Err(Error::PositionOutOfRange {
            position: old_size,
            size: new_size,
        });
    }
    let mut runs = Vec::new();
    if old_size == 0 {
        return Ok(runs);
    }
    let (mut begin, mut length) = (0, new_size);
    while begin + length > old_size {
        let (left, right) = halves(begin, length);
        if old_size <= right.begin {
            runs.push(right);
            length = left.length;
        } else {
            runs.push(left);
            begin = right.begin;
            length = right.length;
        }
    }
    if begin > 0 {
        runs.push(Run { begin, length });
    }
    runs.reverse();
    Ok(runs)
}

/// The two subtrees of one with several leaves: the left one has the largest power of two below.
fn halves(begin: u64, length: u64) -> (Run, Run) {
    let left = 1 << (length - 1).ilog2();
    let right = Run {
        begin: begin + left,
        length: length - left,
    };
    let left = Run {
        begin,
        length: left,
    };
    (left, right)
}

fn nodes_of(runs: &[Run]) -> Vec<NodeId> {
    runs.iter().flat_map(|run| run.nodes()).collect()
}

fn hashes_of(runs: &[Run], nodes: &impl Nodes) -> Result<Vec<Hash>, Error> {
    runs.iter().map(|run| run.hash(nodes)).collect()
}
