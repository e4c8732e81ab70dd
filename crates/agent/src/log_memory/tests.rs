use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use cardea_assertion::{LogShown, NewestShown, RestoreShown, WatchShown};
use cardea_transparency::{
    AddCheckpoint, Checkpoint, Frontier, Hash, KeyName, NodeId, Note, NoteSigner, RestoreRecord,
    SignatureKind, consistency_proof, leaf_hash,
};
use openssl::pkey::PKey;

use super::{KnownLog, LogMemory, Outcome};
use crate::enrolment::{Enrolment, IssuerUrl};
use crate::language::Language;

mod freshness;

const ORIGIN: &str = "id.example/log";
const NOW: i64 = 1_795_996_800;

/// A log that shows any size that it had.
struct Log {
    signer: NoteSigner,
    tree: Frontier,
    kept: HashMap<NodeId, Hash>,
    roots: Vec<Hash>,
}

fn signer(name: &str, kind: SignatureKind) -> NoteSigner {
    let key = PKey::generate_ed25519().unwrap();
    NoteSigner::new(KeyName::new(name).unwrap(), kind, key).unwrap()
}

impl Log {
    fn new() -> Self {
        Self::signed_by(signer(ORIGIN, SignatureKind::Ed25519))
    }

    fn signed_by(signer: NoteSigner) -> Self {
        Self {
            signer,
            tree: Frontier::default(),
            kept: HashMap::new(),
            roots: vec![Hash::EMPTY_ROOT],
        }
    }

    /// Grows to a size, by leaves that depend on `salt`.
    fn grow(&mut self, size: u64, salt: &str) {
        while self.tree.size() < size {
            let leaf = leaf_hash(format!("{salt} {}", self.tree.size()).as_bytes());
            self.kept.extend(self.tree.append(leaf));
            self.roots.push(self.tree.root());
        }
    }

    /// The same beginning under the same key, as an older database has it.
    fn put_back_to(&self, size: u64, salt: &str) -> Self {
        let mut back = Self::signed_by(self.signer.clone());
        back.grow(size, salt);
        back
    }

    fn head(&self, size: u64) -> Checkpoint {
        let root = self.roots[usize::try_from(size).unwrap()];
        Checkpoint::new(ORIGIN, size, root).unwrap()
    }

    fn proof(&self, old: u64) -> Vec<Hash> {
        consistency_proof(old, self.tree.size(), &self.kept).unwrap()
    }

    fn shown_to(&self, known: u64, witnesses: &[&NoteSigner]) -> LogShown {
        let mut note = self.head(self.tree.size()).to_note().unwrap();
        note.add(self.signer.sign(&note, 0).unwrap()).unwrap();
        for witness in witnesses {
            note.add(witness.sign(&note, NOW.unsigned_abs()).unwrap())
                .unwrap();
        }
        let old = if known <= self.tree.size() { known } else { 0 };
        let request = AddCheckpoint::new(old, self.proof(old), note).unwrap();
        LogShown {
            key: self.signer.verifier().to_string(),
            checkpoint: request.to_string(),
            restores: Vec::new(),
            newest: None,
            watch: None,
        }
    }

    /// The newest checkpoint to who knows `known`, and that it goes on from `cosigned`.
    fn newest_to(&self, known: u64, cosigned: u64) -> NewestShown {
        let LogShown { checkpoint, .. } = self.shown_to(known, &[]);
        let proof = self.proof(cosigned).iter().map(Hash::to_base64).collect();
        NewestShown { checkpoint, proof }
    }

    fn restore(&self, record: &Note, after: u64) -> RestoreShown {
        RestoreShown {
            record: record.to_string(),
            proof: self.proof(after).iter().map(Hash::to_base64).collect(),
        }
    }
}

fn memory(folder: &Path, log: Option<KnownLog>) -> LogMemory {
    let enrolment = Enrolment {
        issuer: IssuerUrl::parse("https://id.example").unwrap(),
        name: "Test".to_owned(),
        origins: Vec::new(),
        roots: Vec::new(),
        ca_pem: None,
        log,
    };
    LogMemory::new(Arc::new(enrolment), folder)
}

fn take(memory: &LogMemory, shown: &LogShown) -> Result<Outcome, &'static str> {
    take_at(memory, shown, NOW)
}

fn take_at(memory: &LogMemory, shown: &LogShown, now: i64) -> Result<Outcome, &'static str> {
    let text = serde_json::to_string(shown).unwrap();
    let taken = memory.take_at(&text, now);
    taken.map(|it| it.outcome).map_err(|error| error.code())
}

/// Of what is told to the person, the code.
fn doubt(outcome: Result<Outcome, &'static str>) -> &'static str {
    match outcome {
        Ok(Outcome::Doubtful(why)) => why.code(),
        other => panic!("{other:?}"),
    }
}

fn kept(memory: &LogMemory) -> (u64, u64) {
    let question = memory.question().unwrap();
    (question.cosigned.0, question.newest.0)
}

fn evidence(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
    names.filter(|it| it.starts_with("log-evidence-")).count()
}

/// Attack H14: whoever runs the service has its key, too.
#[test]
fn h14_a_log_only_grows_and_one_that_does_not_is_refused_with_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, mut log) = (memory(folder.path(), None), Log::new());
    log.grow(5, "true");
    assert_eq!(memory.take_nothing().unwrap().outcome, Outcome::GoesOn);
    assert_eq!(take(&memory, &log.shown_to(0, &[])), Ok(Outcome::GoesOn));
    log.grow(9, "true");
    assert_eq!(take(&memory, &log.shown_to(5, &[])), Ok(Outcome::GoesOn));
    assert_eq!(take(&memory, &log.shown_to(9, &[])), Ok(Outcome::GoesOn));
    assert_eq!(kept(&memory).0, 9);
    assert_eq!(evidence(folder.path()), 0);

    let mut forked = log.put_back_to(8, "true");
    for size in [8, 9, 20] {
        forked.grow(size, "false");
        let refused = take(&memory, &forked.shown_to(9, &[]));
        assert_eq!(refused, Err("agent.log_rewritten"), "{size}");
    }
    // A proof from somewhere else proves nothing about what is kept.
    log.grow(12, "true");
    let refused = take(&memory, &log.shown_to(5, &[]));
    assert_eq!(refused, Err("agent.log_rewritten"));
    assert_eq!(evidence(folder.path()), 4);
    assert_eq!(take(&memory, &log.shown_to(9, &[])), Ok(Outcome::GoesOn));
    assert_eq!(
        memory.take_nothing().unwrap_err().code(),
        "agent.log_not_shown"
    );
}

#[test]
fn a_log_under_another_key_or_without_a_signature_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, mut log, mut other) = (memory(folder.path(), None), Log::new(), Log::new());
    log.grow(3, "true");
    other.grow(3, "true");
    take(&memory, &log.shown_to(0, &[])).unwrap();
    let refused = take(&memory, &other.shown_to(3, &[]));
    assert_eq!(refused, Err("agent.log_key_changed"));
    let unsigned = LogShown {
        key: log.signer.verifier().to_string(),
        ..other.shown_to(3, &[])
    };
    assert_eq!(take(&memory, &unsigned), Err("agent.log_invalid"));
    assert_eq!(memory.take("{").unwrap_err().code(), "agent.log_invalid");
}

#[test]
fn the_enrolment_s_keys_go_before_what_was_seen_first() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, mut other) = (Log::new(), Log::new());
    log.grow(3, "true");
    other.grow(2, "other");
    let witness = signer("witness.example", SignatureKind::Cosignature);
    let known = KnownLog {
        key: log.signer.verifier().clone(),
        witnesses: vec![witness.verifier().clone()],
        quorum: 1,
    };
    take(&memory(folder.path(), None), &other.shown_to(0, &[])).unwrap();
    let memory = memory(folder.path(), Some(known));
    assert_eq!(kept(&memory).0, 0);
    let refused = memory.take_nothing().unwrap_err();
    assert_eq!(refused.code(), "agent.log_not_shown");
    let refused = take(&memory, &other.shown_to(0, &[&witness]));
    assert_eq!(refused, Err("agent.log_key_changed"));
    let refused = take(&memory, &log.shown_to(0, &[]));
    assert_eq!(refused, Err("agent.log_not_cosigned"));
    let stranger = signer("witness.example", SignatureKind::Cosignature);
    let refused = take(&memory, &log.shown_to(0, &[&stranger]));
    assert_eq!(refused, Err("agent.log_not_cosigned"));
    let shown = log.shown_to(0, &[&witness]);
    assert_eq!(take(&memory, &shown), Ok(Outcome::GoesOn));
    assert_eq!(kept(&memory).0, 3);
}

/// Attack H14: a workstation that never saw the log knows from its enrolment that there is one.
#[test]
fn h14_a_log_that_the_enrolment_names_is_shown_from_the_first_login_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::new();
    log.grow(3, "true");
    let known = KnownLog {
        key: log.signer.verifier().clone(),
        witnesses: Vec::new(),
        quorum: 0,
    };
    let named = memory(folder.path(), Some(known));
    for _ in 0..2 {
        let refused = named.take_nothing().unwrap_err();
        assert_eq!(refused.code(), "agent.log_not_shown");
    }
    assert_eq!(take(&named, &log.shown_to(0, &[])), Ok(Outcome::GoesOn));
    let refused = named.take_nothing().unwrap_err();
    assert_eq!(refused.code(), "agent.log_not_shown");
    let other = tempfile::tempdir().unwrap();
    let unnamed = memory(other.path(), None);
    assert_eq!(unnamed.take_nothing().unwrap().outcome, Outcome::GoesOn);
}

#[test]
fn a_signed_restore_explains_once_and_nothing_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, mut log) = (memory(folder.path(), None), Log::new());
    log.grow(9, "true");
    take(&memory, &log.shown_to(0, &[])).unwrap();
    let mut back = log.put_back_to(6, "true");
    let record = RestoreRecord::new(&log.head(9), &log.head(6), 1_000, "the disk is gone");
    let record = record.unwrap().sign(&log.signer).unwrap();
    back.grow(7, "after");
    let shown = |log: &Log, known| LogShown {
        restores: vec![log.restore(&record, 6)],
        ..log.shown_to(known, &[])
    };
    let restored = Outcome::Restored {
        why: "the disk is gone".to_owned(),
    };
    assert_eq!(take(&memory, &shown(&back, 9)), Ok(restored));
    assert_eq!(kept(&memory).0, 7);
    assert_eq!(take(&memory, &back.shown_to(7, &[])), Ok(Outcome::GoesOn));
    // Answers of the days after name no restore, and the log grows.
    back.grow(8, "after");
    assert_eq!(take(&memory, &back.shown_to(7, &[])), Ok(Outcome::GoesOn));
    assert_eq!(kept(&memory).0, 8);

    // The record of then is shown again for a log that was cut off since.
    for size in [7, 8, 9] {
        let mut cut = log.put_back_to(6, "true");
        cut.grow(size, "another");
        let refused = take(&memory, &shown(&cut, 8));
        assert_eq!(refused, Err("agent.log_rewritten"), "{size}");
    }
}

/// After a lost disk nobody knows how far the log had been signed: what the agent keeps is
/// explained all the same, once, and nothing that it has seen since.
#[test]
fn a_lost_disk_is_explained_once_however_far_the_log_had_been_signed() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, mut log) = (memory(folder.path(), None), Log::new());
    log.grow(9, "true");
    take(&memory, &log.shown_to(0, &[])).unwrap();
    let mut back = log.put_back_to(6, "true");
    let record = RestoreRecord::of_lost_log(&log.head(6), 1_000, "the disk is lost").unwrap();
    let record = record.sign(&log.signer).unwrap();
    back.grow(7, "after");
    let shown = |log: &Log, known| LogShown {
        restores: vec![log.restore(&record, 6)],
        ..log.shown_to(known, &[])
    };
    let restored = Outcome::Restored {
        why: "the disk is lost".to_owned(),
    };
    assert_eq!(take(&memory, &shown(&back, 9)), Ok(restored));
    let mut cut = log.put_back_to(6, "true");
    cut.grow(8, "another");
    let refused = take(&memory, &shown(&cut, 7));
    assert_eq!(refused, Err("agent.log_rewritten"));
}

/// Whoever is new, or knew no more than the backup, hears of a restore by the way.
#[test]
fn a_restore_that_is_named_by_the_way_explains_nothing_later() {
    let mut log = Log::new();
    log.grow(9, "true");
    let record = RestoreRecord::new(&log.head(9), &log.head(6), 1_000, "the disk is gone");
    let record = record.unwrap().sign(&log.signer).unwrap();
    let shown = |log: &Log, known| LogShown {
        restores: vec![log.restore(&record, 6)],
        ..log.shown_to(known, &[])
    };
    for first in [0, 6] {
        let folder = tempfile::tempdir().unwrap();
        let memory = memory(folder.path(), None);
        let mut back = log.put_back_to(6, "true");
        if first > 0 {
            take(&memory, &back.shown_to(0, &[])).unwrap();
        }
        back.grow(8, "after");
        assert_eq!(take(&memory, &shown(&back, first)), Ok(Outcome::GoesOn));
        let mut cut = log.put_back_to(6, "true");
        cut.grow(7, "another");
        let refused = take(&memory, &shown(&cut, 8));
        assert_eq!(refused, Err("agent.log_rewritten"), "{first}");
    }
}

#[test]
fn a_restore_that_another_signed_or_that_ends_elsewhere_explains_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, mut log) = (memory(folder.path(), None), Log::new());
    log.grow(9, "true");
    take(&memory, &log.shown_to(0, &[])).unwrap();
    let back = log.put_back_to(6, "true");
    let forged = signer(ORIGIN, SignatureKind::Ed25519);
    for (before, after, signer) in [(9, 6, &forged), (8, 6, &log.signer)] {
        let record = RestoreRecord::new(&log.head(before), &log.head(after), 1_000, "why");
        let record = record.unwrap().sign(signer).unwrap();
        let shown = LogShown {
            restores: vec![back.restore(&record, after)],
            ..back.shown_to(9, &[])
        };
        assert_eq!(take(&memory, &shown), Err("agent.log_rewritten"));
    }
}

/// Attack H14: two programs of one person are shown two branches at the same moment. Whichever
/// comes second is refused.
#[test]
fn h14_two_branches_are_not_believed_by_two_programs_at_once() {
    for round in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::new();
        log.grow(5, "true");
        let [one, other] = [memory(folder.path(), None), memory(folder.path(), None)];
        take(&one, &log.shown_to(0, &[])).unwrap();
        let branches = ["here", "there"].map(|salt| {
            let mut branch = log.put_back_to(5, "true");
            branch.grow(9, salt);
            branch.shown_to(5, &[])
        });
        let together = std::sync::Barrier::new(2);
        let taken = std::thread::scope(|scope| {
            let begin = |memory, shown| {
                let together = &together;
                scope.spawn(move || {
                    together.wait();
                    take(memory, shown)
                })
            };
            let [here, there] = &branches;
            let running = [begin(&one, here), begin(&other, there)];
            running.map(|it| it.join().unwrap())
        });
        let believed = taken.iter().filter(|it| it.is_ok()).count();
        assert_eq!(believed, 1, "{round}: {taken:?}");
        assert!(taken.contains(&Err("agent.log_rewritten")));
    }
}

/// A file that is cut off, of another issuer, huge or not this user's alone keeps somebody out
/// until it is put by, and what is said names it.
#[test]
fn a_damaged_memory_is_no_beginning_and_says_the_way_back() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let (memory, mut log) = (memory(folder.path(), None), Log::new());
    log.grow(3, "true");
    take(&memory, &log.shown_to(0, &[])).unwrap();
    let good = std::fs::read(&memory.file).unwrap();
    let other = String::from_utf8_lossy(&good).replace("https://id.", "https://other.");
    assert_ne!(other.as_bytes(), good);
    let set_mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&memory.file, mode).unwrap();
    };
    for (what, mode) in [
        (&b"{}"[..], 0o600),
        (b"", 0o600),
        (&good[..good.len() / 2], 0o600),
        (other.as_bytes(), 0o600),
        (&[b' '; 300 * 1024], 0o600),
        (&good, 0o644),
    ] {
        std::fs::write(&memory.file, what).unwrap();
        set_mode(mode);
        let error = memory.question().unwrap_err();
        assert_eq!(error.code(), "agent.log_memory_unusable");
        let refused = take(&memory, &log.shown_to(0, &[]));
        assert_eq!(refused, Err("agent.log_memory_unusable"));
        assert_eq!(std::fs::read(&memory.file).unwrap(), what);
        for language in [Language::French, Language::English] {
            let advice = error.advice(language).unwrap();
            assert!(advice.contains(memory.file.to_str().unwrap()), "{advice}");
        }
    }
    set_mode(0o600);
    assert_eq!(kept(&memory).0, 3);
    std::fs::rename(&memory.file, folder.path().join("put-by")).unwrap();
    assert_eq!(take(&memory, &log.shown_to(0, &[])), Ok(Outcome::GoesOn));
}
