//! A log and a witness for tests.

use std::collections::HashMap;
use std::path::Path;

use cardea_transparency::{
    AddCheckpoint, Checkpoint, Frontier, Hash, KeyName, NodeId, Note, NoteSigner, SignatureKind,
    consistency_proof, inclusion_proof, leaf_hash,
};
use cardea_witness::{Config, Witness, make_key};
use openssl::pkey::PKey;

pub(super) const ORIGIN: &str = "log.example/2026";
pub(super) const TIME: u64 = 1_795_996_800;

/// A log that can show any size that it had.
pub(super) struct Log {
    pub(super) signer: NoteSigner,
    pub(super) tree: Frontier,
    kept: HashMap<NodeId, Hash>,
    roots: Vec<Hash>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self::signing_with(signer(ORIGIN, SignatureKind::Ed25519))
    }

    pub(super) fn signing_with(signer: NoteSigner) -> Self {
        Self {
            signer,
            tree: Frontier::default(),
            kept: HashMap::new(),
            roots: vec![Hash::EMPTY_ROOT],
        }
    }

    pub(super) fn append(&mut self, leaf: Hash) {
        self.kept.extend(self.tree.append(leaf));
        self.roots.push(self.tree.root());
    }

    /// Grows to a size, by leaves that depend on `salt`.
    pub(super) fn grow(&mut self, size: u64, salt: &str) {
        while self.tree.size() < size {
            let leaf = leaf_hash(format!("{salt} {}", self.tree.size()).as_bytes());
            self.append(leaf);
        }
    }

    pub(super) fn root(&self, size: u64) -> Hash {
        self.roots[usize::try_from(size).unwrap()]
    }

    pub(super) fn checkpoint(&self, size: u64) -> Note {
        let checkpoint = Checkpoint::new(ORIGIN, size, self.root(size)).unwrap();
        let mut note = checkpoint.to_note().unwrap();
        note.add(self.signer.sign(&note, 0).unwrap()).unwrap();
        note
    }

    pub(super) fn proof(&self, old: u64, new: u64) -> Vec<Hash> {
        consistency_proof(old, new, &self.kept).unwrap()
    }

    pub(super) fn inclusion(&self, index: u64, size: u64) -> Vec<Hash> {
        inclusion_proof(index, size, &self.kept).unwrap()
    }

    pub(super) fn request(&self, old: u64, new: u64) -> String {
        let proof = self.proof(old, new);
        let request = AddCheckpoint::new(old, proof, self.checkpoint(new));
        request.unwrap().to_string()
    }
}

pub(super) fn signer(name: &str, kind: SignatureKind) -> NoteSigner {
    let key = PKey::generate_ed25519().unwrap();
    NoteSigner::new(KeyName::new(name).unwrap(), kind, key).unwrap()
}

/// A witness in a folder, with its key and a log that has begun.
pub(super) fn prepare(folder: &Path, log_key: &str, origin: &str) -> Config {
    let text = format!(
        "name = \"witness.example\"\nkey_file = \"key.pem\"\nstate_folder = \"state\"\n\
         [serve]\nlisten = \"127.0.0.1:0\"\n\
         [[log]]\norigin = \"{origin}\"\nkeys = [\"{log_key}\"]\n"
    );
    let file = folder.join("witness.toml");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&file).unwrap();
    make_key(&config).unwrap();
    Witness::begin(&config, origin, TIME).unwrap();
    config
}
