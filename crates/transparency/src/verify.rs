//! Checking proofs, with nothing in hand but hashes that somebody signed.

use crate::hash::node_hash;
use crate::{Error, Hash, PROOF_HASHES_MAX, SIZE_MAX};

/// Checks that a leaf is in the tree with this root (RFC 9162 section 2.1.3.2).
///
/// # Errors
/// [`Error::InclusionUnproven`].
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), Error> {
    let unproven = Error::InclusionUnproven { index, size };
    if index >= size || size > SIZE_MAX || proof.len() > PROOF_HASHES_MAX {
        return Err(unproven);
    }
    let (mut position, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(unproven);
        }
        if position & 1 == 1 || position == last {
            hash = node_hash(sibling, &hash);
            // Where there is no right sibling the node itself rises.
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root {
        Ok(())
    } else {
        Err(unproven)
    }
}

/// Checks that the newer tree begins with the whole older one (RFC 9162 section 2.1.4.2). The
/// empty tree is the beginning of any, and a tree of its own: no hashes are needed, and none may
/// be given.
///
/// # Errors
/// [`Error::ConsistencyUnproven`].
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), Error> {
    let unproven = Error::ConsistencyUnproven { old_size, new_size };
    let is_proven = if old_size > new_size || new_size > SIZE_MAX {
        false
    } else if old_size == new_size {
        proof.is_empty() && old_root == new_root && (old_size > 0 || is_empty(old_root))
    } else if old_size == 0 {
        proof.is_empty() && is_empty(old_root)
    } else {
        roots_by(old_size, old_root, new_size, proof) == Some((*old_root, *new_root))
    };
    if is_proven { Ok(()) } else { Err(unproven) }
}

fn is_empty(root: &Hash) -> bool {
    *root == Hash::EMPTY_ROOT
}

/// Both roots as the proof has them, for `0 < old_size < new_size`.
fn roots_by(old_size: u64, old_root: &Hash, new_size: u64, proof: &[Hash]) -> Option<(Hash, Hash)> {
    if proof.len() > PROOF_HASHES_MAX {
        return None;
    }
    // The older tree's last complete subtree; where that is the whole tree, its root is known.
    let mut rest = proof.iter();
    let first = if old_size.is_power_of_two() {
        old_root
    } else {
        rest.next()?
    };
    let (mut position, mut last) = (old_size - 1, new_size - 1);
    while position & 1 == 1 {
        position >>= 1;
        last >>= 1;
    }
    let (mut old, mut new) = (*first, *first);
    for hash in rest {
        if last == 0 {
            return None;
        }
        if position & 1 == 1 || position == last {
            old = node_hash(hash, &old);
            new = node_hash(hash, &new);
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, hash);
        }
        position >>= 1;
        last >>= 1;
    }
    (last == 0).then_some((old, new))
}
