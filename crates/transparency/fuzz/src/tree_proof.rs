//! Any bytes as a proof about a small tree: none is believed but the one that the tree makes.

use std::collections::HashMap;

use cardea_transparency::{
    Frontier, Hash, NodeId, consistency_proof, inclusion_proof, leaf_hash, verify_consistency,
    verify_inclusion,
};

const HASH_BYTES: usize = 32;
/// In place of 32 bytes, the number of a hash of the tree: a fuzzer finds no hashes by itself.
const FROM_TREE: u8 = 0xff;

struct Tree {
    kept: HashMap<NodeId, Hash>,
    all: Vec<Hash>,
    roots: Vec<Hash>,
    leaves: Vec<Hash>,
}

/// The first bytes say sizes and index, the rest is the proof: hashes of the tree by number, or
/// hashes as they are.
pub fn check(data: &[u8]) {
    let Some((&[size, old, index], proof)) = data.split_first_chunk() else {
        return;
    };
    let size = size % 65;
    let tree = grow(size);
    let proof = read(proof, &tree);
    let (size, old, index) = (u64::from(size), u64::from(old % 66), u64::from(index % 66));
    let root = |size: u64| usize::try_from(size).ok().and_then(|it| tree.roots.get(it));
    let Some(new_root) = root(size) else {
        return;
    };
    let leaf = usize::try_from(index)
        .ok()
        .and_then(|it| tree.leaves.get(it));
    if let Some(leaf) = leaf {
        let is_believed = verify_inclusion(leaf, index, size, &proof, new_root).is_ok();
        let honest = inclusion_proof(index, size, &tree.kept).expect("the tree has it");
        assert_eq!(is_believed, proof == honest, "leaf {index} of {size}");
    }
    if let Some(old_root) = root(old) {
        let is_believed = verify_consistency(old, old_root, size, new_root, &proof).is_ok();
        let honest = consistency_proof(old, size, &tree.kept).expect("the tree has it");
        assert_eq!(is_believed, proof == honest, "{old} of {size}");
    }
}

fn grow(size: u8) -> Tree {
    let mut edge = Frontier::default();
    let mut tree = Tree {
        kept: HashMap::new(),
        all: Vec::new(),
        roots: vec![edge.root()],
        leaves: Vec::new(),
    };
    for number in 0..size {
        let leaf = leaf_hash(&[number]);
        tree.leaves.push(leaf);
        for (id, hash) in edge.append(leaf) {
            tree.kept.insert(id, hash);
            tree.all.push(hash);
        }
        tree.roots.push(edge.root());
        tree.all.push(edge.root());
    }
    tree
}

fn read(mut bytes: &[u8], tree: &Tree) -> Vec<Hash> {
    let mut proof = Vec::new();
    loop {
        match bytes {
            [FROM_TREE, number, rest @ ..] if !tree.all.is_empty() => {
                let place = usize::from(*number) % tree.all.len();
                proof.extend(tree.all.get(place));
                bytes = rest;
            }
            _ => match bytes.split_at_checked(HASH_BYTES) {
                Some((hash, rest)) => {
                    proof.extend(Hash::from_slice(hash));
                    bytes = rest;
                }
                None => return proof,
            },
        }
    }
}
