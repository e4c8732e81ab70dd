//! The same trees and proofs by a library that we did not write.

use std::collections::HashMap;

use cardea_transparency::{
    Frontier, Hash, NodeId, consistency_proof, inclusion_proof, leaf_hash, verify_consistency,
    verify_inclusion,
};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof};
use sha2::Sha256;

const SIZE: u64 = 133;

fn bytes(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(|hash| hash.0).collect()
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    let chunks = bytes.chunks(32);
    chunks
        .map(|chunk| Hash::from_slice(chunk).unwrap())
        .collect()
}

#[test]
fn each_believes_the_other_s_proofs() {
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut tree = Frontier::default();
    let mut kept: HashMap<NodeId, Hash> = HashMap::new();
    let mut roots = vec![tree.root()];
    let mut their_roots = vec![theirs.root()];
    for size in 1..=SIZE {
        let leaf = size.to_be_bytes().to_vec();
        kept.extend(tree.append(leaf_hash(&leaf)));
        theirs.push(leaf);
        roots.push(tree.root());
        their_roots.push(theirs.root());
        assert_eq!(theirs.root().as_bytes().as_slice(), tree.root().0);
        for index in 0..size {
            let leaf = (index + 1).to_be_bytes().to_vec();
            let proof = inclusion_proof(index, size, &kept).unwrap();
            let place = usize::try_from(index).unwrap();
            let their_proof = theirs.prove_inclusion(place);
            verify_inclusion(
                &leaf_hash(&leaf),
                index,
                size,
                &hashes(their_proof.as_bytes()),
                &tree.root(),
            )
            .unwrap();
            let ours = InclusionProof::try_from_bytes(bytes(&proof)).unwrap();
            theirs.root().verify_inclusion(&leaf, index, &ours).unwrap();
        }
        for old in 1..=size {
            let place = usize::try_from(old).unwrap();
            let proof = consistency_proof(old, size, &kept).unwrap();
            let their_proof = theirs.prove_consistency(usize::try_from(size - old).unwrap());
            verify_consistency(
                old,
                &roots[place],
                size,
                &tree.root(),
                &hashes(their_proof.as_bytes()),
            )
            .unwrap();
            let ours = ConsistencyProof::try_from_bytes(bytes(&proof)).unwrap();
            let their_root = theirs.root();
            their_root
                .verify_consistency(&their_roots[place], &ours)
                .unwrap();
        }
    }
}
