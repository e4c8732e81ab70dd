//! Every proof verifies and every change of one is refused, against a second implementation that
//! follows the RFC's recursive definitions to the letter.

use std::collections::HashMap;

use cardea_transparency::{
    Frontier, Hash, NodeId, Nodes, SIZE_MAX, consistency_nodes, consistency_proof, inclusion_nodes,
    inclusion_proof, leaf_hash, node_hash, verify_consistency, verify_inclusion,
};

/// All trees up to this size are tried with all their proofs.
const SIZE_OF_ALL: u64 = 70;

/// RFC 9162 section 2.1.1, `MTH`.
fn root_by_definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(largest_power_below(leaves.len()));
            node_hash(&root_by_definition(left), &root_by_definition(right))
        }
    }
}

fn largest_power_below(length: usize) -> usize {
    let mut power = 1;
    while power * 2 < length {
        power *= 2;
    }
    power
}

/// RFC 9162 section 2.1.3.1, `PATH`.
fn path_by_definition(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let middle = largest_power_below(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut path, sibling) = if index < middle {
        (path_by_definition(index, left), root_by_definition(right))
    } else {
        let path = path_by_definition(index - middle, right);
        (path, root_by_definition(left))
    };
    path.push(sibling);
    path
}

/// RFC 9162 section 2.1.4.1, `SUBPROOF`.
fn subproof_by_definition(old: usize, leaves: &[Hash], is_known: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if is_known {
            Vec::new()
        } else {
            vec![root_by_definition(leaves)]
        };
    }
    let middle = largest_power_below(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut proof, sibling) = if old <= middle {
        let proof = subproof_by_definition(old, left, is_known);
        (proof, root_by_definition(right))
    } else {
        let proof = subproof_by_definition(old - middle, right, false);
        (proof, root_by_definition(left))
    };
    proof.push(sibling);
    proof
}

struct Tree {
    leaves: Vec<Hash>,
    kept: HashMap<NodeId, Hash>,
    /// Of each size from 0 on.
    roots: Vec<Hash>,
}

impl Tree {
    fn grow(size: u64) -> Self {
        let mut tree = Frontier::default();
        let mut grown = Self {
            leaves: Vec::new(),
            kept: HashMap::new(),
            roots: vec![tree.root()],
        };
        for number in 0..size {
            let leaf = leaf_hash(&number.to_be_bytes());
            grown.leaves.push(leaf);
            grown.kept.extend(tree.append(leaf));
            grown.roots.push(tree.root());
        }
        grown
    }

    fn root(&self, size: u64) -> &Hash {
        &self.roots[usize::try_from(size).unwrap()]
    }

    fn first(&self, size: u64) -> &[Hash] {
        &self.leaves[..usize::try_from(size).unwrap()]
    }
}

/// What somebody might try: hashes changed, left out, doubled, moved, added.
fn changed(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for place in 0..proof.len() {
        for (byte, bit) in [(0, 0), (13, 4), (31, 7)] {
            let mut other = proof.to_vec();
            other[place].0[byte] ^= 1 << bit;
            all.push(other);
        }
        let mut other = proof.to_vec();
        other.remove(place);
        all.push(other);
        let mut other = proof.to_vec();
        other.insert(place, proof[place]);
        all.push(other);
        if place > 0 {
            let mut other = proof.to_vec();
            other.swap(place - 1, place);
            all.push(other);
        }
    }
    let stranger = leaf_hash(b"stranger");
    all.push([&[stranger], proof].concat());
    all.push([proof, &[stranger]].concat());
    all.push([proof, &[stranger; 70]].concat());
    if !proof.is_empty() {
        all.push(Vec::new());
        all.push(proof.iter().rev().copied().collect());
    }
    all.retain(|other| other != proof);
    all
}

#[test]
fn every_inclusion_proof_is_that_of_the_definition_and_no_other_is_believed() {
    let tree = Tree::grow(SIZE_OF_ALL);
    for size in 1..=SIZE_OF_ALL {
        let root = tree.root(size);
        assert_eq!(*root, root_by_definition(tree.first(size)));
        for index in 0..size {
            let place = usize::try_from(index).unwrap();
            let leaf = &tree.leaves[place];
            let proof = inclusion_proof(index, size, &tree.kept).unwrap();
            assert_eq!(proof, path_by_definition(place, tree.first(size)));
            verify_inclusion(leaf, index, size, &proof, root).unwrap();
            let is_believed = |leaf: &Hash, index, size, proof: &[Hash], root: &Hash| {
                verify_inclusion(leaf, index, size, proof, root).is_ok()
            };
            for other in changed(&proof) {
                assert!(!is_believed(leaf, index, size, &other, root));
            }
            for other in (0..=size).filter(|other| *other != index) {
                assert!(!is_believed(leaf, other, size, &proof, root));
            }
            // A size without its root is nobody's statement.
            for other in (0..=SIZE_OF_ALL).filter(|other| *other != size) {
                assert!(!is_believed(leaf, index, other, &proof, tree.root(other)));
            }
            let mut stranger = *leaf;
            stranger.0[31] ^= 1;
            assert!(!is_believed(&stranger, index, size, &proof, root));
            assert!(!is_believed(leaf, index, size, &proof, &Hash::EMPTY_ROOT));
        }
    }
}

#[test]
fn every_consistency_proof_is_that_of_the_definition_and_no_other_is_believed() {
    let tree = Tree::grow(SIZE_OF_ALL);
    for new in 1..=SIZE_OF_ALL {
        for old in 1..=new {
            let (old_root, new_root) = (tree.root(old), tree.root(new));
            let proof = consistency_proof(old, new, &tree.kept).unwrap();
            let place = usize::try_from(old).unwrap();
            assert_eq!(
                proof,
                subproof_by_definition(place, tree.first(new), true),
                "{old} of {new}"
            );
            verify_consistency(old, old_root, new, new_root, &proof).unwrap();
            for other in changed(&proof) {
                let believed = verify_consistency(old, old_root, new, new_root, &other);
                assert!(believed.is_err(), "{old} of {new}");
            }
            for other in (1..=SIZE_OF_ALL).filter(|other| *other != old) {
                let root = tree.root(other);
                assert!(verify_consistency(other, root, new, new_root, &proof).is_err());
            }
            for other in (1..=SIZE_OF_ALL).filter(|other| *other != new) {
                let root = tree.root(other);
                assert!(verify_consistency(old, old_root, other, root, &proof).is_err());
            }
            let mut stranger = *old_root;
            stranger.0[0] ^= 1;
            assert!(verify_consistency(old, &stranger, new, new_root, &proof).is_err());
            assert!(
                verify_consistency(old, new_root, new, old_root, &proof).is_err() || old == new
            );
        }
    }
}

#[test]
fn from_the_empty_tree_nothing_is_proven_and_nothing_may_be_shown() {
    let tree = Tree::grow(3);
    let empty = &Hash::EMPTY_ROOT;
    let root = tree.root(3);
    assert_eq!(consistency_proof(0, 3, &tree.kept), Ok(Vec::new()));
    verify_consistency(0, empty, 0, empty, &[]).unwrap();
    verify_consistency(0, empty, 3, root, &[]).unwrap();
    for (old_root, proof) in [(root, vec![]), (empty, vec![*root])] {
        let refused = verify_consistency(0, old_root, 3, root, &proof).unwrap_err();
        assert_eq!(refused.code(), "transparency.consistency_unproven");
    }
    let refused = verify_consistency(0, root, 0, root, &[]).unwrap_err();
    assert_eq!(refused.code(), "transparency.consistency_unproven");
}

#[test]
fn storage_is_asked_for_no_more_than_is_needed_and_a_gap_is_named() {
    let tree = Tree::grow(SIZE_OF_ALL);
    for size in 1..=SIZE_OF_ALL {
        for index in 0..size {
            let asked = inclusion_nodes(index, size).unwrap();
            assert!(asked.len() <= 12);
            let fetched: HashMap<NodeId, Hash> =
                asked.iter().map(|id| (*id, tree.kept[id])).collect();
            assert_eq!(fetched.len(), asked.len(), "nothing is asked for twice");
            let proof = inclusion_proof(index, size, &fetched).unwrap();
            assert_eq!(proof, inclusion_proof(index, size, &tree.kept).unwrap());
            let asked = consistency_nodes(index, size).unwrap();
            let fetched: HashMap<NodeId, Hash> =
                asked.iter().map(|id| (*id, tree.kept[id])).collect();
            let proof = consistency_proof(index, size, &fetched).unwrap();
            assert_eq!(proof, consistency_proof(index, size, &tree.kept).unwrap());
            for gap in &asked {
                let mut holed = fetched.clone();
                holed.remove(gap);
                let refused = consistency_proof(index, size, &holed).unwrap_err();
                assert_eq!(refused.code(), "transparency.node_missing");
            }
        }
        let asked = Frontier::nodes(size).unwrap();
        let fetched: HashMap<NodeId, Hash> = asked.iter().map(|id| (*id, tree.kept[id])).collect();
        let edge = Frontier::from_nodes(size, &fetched).unwrap();
        assert_eq!((edge.size(), edge.root()), (size, *tree.root(size)));
        assert!(Frontier::from_nodes(size, &HashMap::new()).is_err());
    }
}

#[test]
fn positions_outside_the_tree_are_refused() {
    let none: HashMap<NodeId, Hash> = HashMap::new();
    let code = "transparency.position_out_of_range";
    for (index, size) in [
        (0, 0),
        (5, 5),
        (u64::MAX, 5),
        (0, SIZE_MAX + 1),
        (0, u64::MAX),
    ] {
        let refused = inclusion_proof(index, size, &none).unwrap_err();
        assert_eq!(refused.code(), code);
        assert_eq!(inclusion_nodes(index, size).unwrap_err().code(), code);
        let refused = verify_inclusion(&Hash([0; 32]), index, size, &[], &Hash([0; 32]));
        assert_eq!(
            refused.unwrap_err().code(),
            "transparency.inclusion_unproven"
        );
    }
    for (old, new) in [(6, 5), (1, u64::MAX)] {
        assert_eq!(consistency_nodes(old, new).unwrap_err().code(), code);
        let hash = Hash([0; 32]);
        let refused = verify_consistency(old, &hash, new, &hash, &[]).unwrap_err();
        assert_eq!(refused.code(), "transparency.consistency_unproven");
    }
    assert_eq!(Frontier::nodes(u64::MAX).unwrap_err().code(), code);
}

/// A tree of any size whose leaves are all alike: a subtree's hash depends on its level alone.
struct Alike(Vec<Hash>);

impl Alike {
    fn new() -> Self {
        let mut levels = vec![leaf_hash(b"alike")];
        for _ in 1..64 {
            let below = levels.last().unwrap();
            levels.push(node_hash(below, below));
        }
        Self(levels)
    }
}

impl Nodes for Alike {
    fn node(&self, id: NodeId) -> Option<Hash> {
        self.0.get(usize::from(id.level)).copied()
    }
}

/// Knuth's multiplier for a linear congruence; the upper bits are good enough to choose sizes.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u64::try_from((u128::from(self.0) * u128::from(bound)) >> 64).unwrap()
    }
}

#[test]
fn proofs_of_trees_of_any_size_verify() {
    let (nodes, mut numbers) = (Alike::new(), Numbers(9));
    for round in 0..4_000_u64 {
        // Of all lengths from 1 bit to 62; every eighth one at the very edge of a power of two.
        let bits = 1 + round % 62;
        let power = 1_u64 << (bits - 1);
        let new = match round % 8 {
            0 => power,
            1 => (power + 1).min(SIZE_MAX),
            2 => power + (power - 1),
            _ => power + numbers.below(power),
        };
        let old = 1 + numbers.below(new);
        let index = numbers.below(new);
        let root = Frontier::from_nodes(new, &nodes).unwrap().root();
        let old_root = Frontier::from_nodes(old, &nodes).unwrap().root();
        let leaf = leaf_hash(b"alike");
        let mut proof = inclusion_proof(index, new, &nodes).unwrap();
        assert!(proof.len() <= 63);
        verify_inclusion(&leaf, index, new, &proof, &root).unwrap();
        if let Some(hash) = proof.last_mut() {
            hash.0[7] ^= 2;
            assert!(verify_inclusion(&leaf, index, new, &proof, &root).is_err());
        }
        let mut proof = consistency_proof(old, new, &nodes).unwrap();
        assert!(proof.len() <= 63);
        verify_consistency(old, &old_root, new, &root, &proof).unwrap();
        if let Some(hash) = proof.first_mut() {
            hash.0[7] ^= 2;
            assert!(verify_consistency(old, &old_root, new, &root, &proof).is_err());
        }
    }
}
