//! Proofs, notes and keys that other programs made (`fixtures/vectors/README.md`).

use std::collections::HashMap;
use std::path::Path;

use cardea_transparency::{
    Checkpoint, Frontier, Hash, KeyName, NodeId, Note, SignatureKind, VerifierKey,
    consistency_proof, inclusion_proof, leaf_hash, verify_consistency, verify_inclusion,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Proofs {
    leaf: Leaf,
    leaves: Vec<String>,
    roots: Vec<String>,
    inclusion: Vec<Inclusion>,
    consistency: Vec<Consistency>,
}

#[derive(Deserialize)]
struct Leaf {
    data: String,
    hash: String,
}

#[derive(Deserialize)]
struct Inclusion {
    index: u64,
    size: u64,
    proof: Vec<String>,
}

#[derive(Deserialize)]
struct Consistency {
    old_size: u64,
    new_size: u64,
    proof: Vec<String>,
}

fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/vectors");
    let file = folder.join(name);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn hash(hex: &str) -> Hash {
    Hash::from_slice(&bytes(hex)).unwrap()
}

fn hashes(hex: &[String]) -> Vec<Hash> {
    hex.iter().map(|text| hash(text)).collect()
}

#[test]
fn trees_and_proofs_are_those_of_others() {
    let proofs: Proofs = serde_json::from_str(&read("merkle/proofs.json")).unwrap();
    assert_eq!(
        leaf_hash(&bytes(&proofs.leaf.data)),
        hash(&proofs.leaf.hash)
    );
    let roots = hashes(&proofs.roots);
    let root = |size: u64| roots[usize::try_from(size).unwrap() - 1];
    let mut tree = Frontier::default();
    let mut kept: HashMap<NodeId, Hash> = HashMap::new();
    let leaves: Vec<Hash> = proofs
        .leaves
        .iter()
        .map(|leaf| leaf_hash(&bytes(leaf)))
        .collect();
    for leaf in &leaves {
        kept.extend(tree.append(*leaf));
        assert_eq!(tree.root(), root(tree.size()));
    }
    assert_eq!(proofs.inclusion.len() + proofs.consistency.len(), 10);
    for Inclusion { index, size, proof } in &proofs.inclusion {
        let proof = hashes(proof);
        assert_eq!(inclusion_proof(*index, *size, &kept).unwrap(), proof);
        let leaf = leaves[usize::try_from(*index).unwrap()];
        verify_inclusion(&leaf, *index, *size, &proof, &root(*size)).unwrap();
    }
    for consistency in &proofs.consistency {
        let proof = hashes(&consistency.proof);
        let (old, new) = (consistency.old_size, consistency.new_size);
        assert_eq!(consistency_proof(old, new, &kept).unwrap(), proof);
        verify_consistency(old, &root(old), new, &root(new), &proof).unwrap();
    }
}

fn note(name: &str) -> (String, Vec<VerifierKey>) {
    let keys = read(&format!("signed-note/{name}.vkeys"));
    let keys = keys.lines().map(|key| {
        let parsed = VerifierKey::parse(key).unwrap();
        assert_eq!(parsed.to_string(), key);
        parsed
    });
    (read(&format!("signed-note/{name}.note")), keys.collect())
}

#[test]
fn notes_of_others_verify_and_are_written_as_they_were() {
    for name in ["go-example", "c2sp-example", "arche2025h1"] {
        let (text, keys) = note(name);
        let parsed = Note::parse(text.as_bytes()).unwrap();
        assert_eq!(parsed.to_string(), text, "{name}");
        assert_eq!(parsed.verify(&keys).unwrap().len(), keys.len(), "{name}");
        for key in &keys {
            parsed.verify(std::slice::from_ref(key)).unwrap();
        }
    }
}

#[test]
fn witnesses_of_a_public_log_say_when_they_saw_it() {
    let (text, keys) = note("arche2025h1");
    let parsed = Note::parse(text.as_bytes()).unwrap();
    let checkpoint = Checkpoint::parse(parsed.text()).unwrap();
    assert_eq!(
        checkpoint.origin(),
        "arche2025h1.staging.ct.transparency.dev"
    );
    assert_eq!(checkpoint.size(), 1_432_088_532);
    for verified in parsed.verify(&keys).unwrap() {
        match verified.key.kind() {
            SignatureKind::Ed25519 => assert_eq!(verified.timestamp, None),
            SignatureKind::Cosignature => assert_eq!(verified.timestamp, Some(0x6a12_2120)),
        }
    }
    // The same key in another name, or said to sign something else, has signed nothing.
    let key = keys.last().unwrap().to_string();
    let public = key.splitn(3, '+').last().unwrap();
    assert!(public.starts_with('B'), "a witness's key");
    let renamed = KeyName::new("witness1.example").unwrap();
    let other = VerifierKey::new(renamed, SignatureKind::Cosignature, [9; 32]);
    assert_eq!(
        parsed.verify(&[other]).unwrap_err().code(),
        "transparency.signature_missing"
    );
}

#[test]
fn no_byte_of_a_note_can_be_changed() {
    for name in ["go-example", "c2sp-example", "arche2025h1"] {
        let (text, keys) = note(name);
        let is_whole = |note: &Note| {
            note.verify(&keys)
                .is_ok_and(|verified| verified.len() == keys.len())
        };
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] ^= 1;
            if let Ok(note) = Note::parse(&changed) {
                // A signature of a key that nobody asked for is free text.
                let is_passed_over = !is_of_a_known_key(&text, place, &keys);
                assert!(is_passed_over || !is_whole(&note), "{name} at {place}");
            }
        }
    }
}

/// Whether a byte stands in the text, or in the line of one of these keys.
fn is_of_a_known_key(note: &str, place: usize, keys: &[VerifierKey]) -> bool {
    let mut end = 0;
    for line in note.split_inclusive('\n') {
        end += line.len();
        if place < end {
            return !line.starts_with('\u{2014}')
                || Note::parse(format!("x\n\n{line}").as_bytes())
                    .is_ok_and(|note| keys.iter().any(|key| note.signatures()[0].is_of(key)));
        }
    }
    false
}

#[test]
fn a_changed_verifier_key_is_refused() {
    let (_, keys) = note("go-example");
    let key = keys[0].to_string();
    for place in 0..key.len() {
        let mut changed = key.clone().into_bytes();
        changed[place] ^= 1;
        let changed = String::from_utf8(changed).unwrap();
        let refused = VerifierKey::parse(&changed).unwrap_err();
        assert_eq!(refused.code(), "transparency.key_malformed", "{changed}");
    }
    for begin in 0..key.len() {
        assert!(VerifierKey::parse(&key[..begin]).is_err());
        assert!(begin == 0 || VerifierKey::parse(&key[begin..]).is_err());
    }
}
