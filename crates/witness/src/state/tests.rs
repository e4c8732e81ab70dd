use std::os::unix::fs::PermissionsExt as _;

use cardea_transparency::{Checkpoint, Hash, KeyName, Note, NoteSigner, SignatureKind, leaf_hash};
use openssl::pkey::PKey;

use super::{Known, StateFolder};

const ORIGIN: &str = "log.example/with spaces";

fn signer(kind: SignatureKind) -> NoteSigner {
    let key = PKey::generate_ed25519().unwrap();
    NoteSigner::new(KeyName::new("witness.example").unwrap(), kind, key).unwrap()
}

fn note(origin: &str, size: u64, root: Hash) -> Note {
    let checkpoint = Checkpoint::new(origin, size, root).unwrap();
    checkpoint.to_note().unwrap()
}

fn signed(mut note: Note, signer: &NoteSigner, time: u64) -> Note {
    note.add(signer.sign(&note, time).unwrap()).unwrap();
    note
}

#[test]
fn what_is_written_is_read() {
    let (folder, signer) = (
        tempfile::tempdir().unwrap(),
        signer(SignatureKind::Cosignature),
    );
    let state = StateFolder::take(&folder.path().join("a/b")).unwrap();
    let missing = state.read(ORIGIN, signer.verifier()).unwrap_err();
    assert_eq!(missing.code(), "witness.state_missing");
    for (size, time) in [(0, 5), (3, 6)] {
        let root = if size == 0 {
            Hash::EMPTY_ROOT
        } else {
            leaf_hash(b"x")
        };
        let note = signed(note(ORIGIN, size, root), &signer, time);
        state.write(ORIGIN, &note).unwrap();
        let known = state.read(ORIGIN, signer.verifier()).unwrap();
        let timestamp = time;
        assert_eq!(
            known,
            Known {
                size,
                root,
                timestamp
            }
        );
    }
    let mode = std::fs::metadata(state.file(ORIGIN)).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    assert_ne!(state.file(ORIGIN), state.file("log.example"));
}

#[test]
fn a_file_that_is_not_the_witness_s_own_is_refused() {
    let (folder, own) = (
        tempfile::tempdir().unwrap(),
        signer(SignatureKind::Cosignature),
    );
    let state = StateFolder::take(folder.path()).unwrap();
    let good = signed(note(ORIGIN, 3, leaf_hash(b"x")), &own, 5);
    let text = good.to_string();
    let stranger = signed(
        note(ORIGIN, 3, leaf_hash(b"x")),
        &signer(SignatureKind::Cosignature),
        5,
    );
    let other_log = signed(note("other", 3, leaf_hash(b"x")), &own, 5);
    let no_checkpoint = signed(Note::new("text\n".to_owned()).unwrap(), &own, 5);
    for damaged in [
        String::new(),
        text[..text.len() - 9].to_owned(),
        text.replace("\n3\n", "\n2\n"),
        text.replacen("log", "lag", 1),
        stranger.to_string(),
        other_log.to_string(),
        no_checkpoint.to_string(),
    ] {
        std::fs::write(state.file(ORIGIN), damaged).unwrap();
        let refused = state.read(ORIGIN, own.verifier()).unwrap_err();
        assert_eq!(refused.code(), "witness.state_damaged");
    }
}

#[test]
fn a_folder_is_one_process_s() {
    let folder = tempfile::tempdir().unwrap();
    let first = StateFolder::take(folder.path()).unwrap();
    let refused = StateFolder::take(folder.path()).unwrap_err();
    assert_eq!(refused.code(), "witness.state_locked");
    drop(first);
    StateFolder::take(folder.path()).unwrap();
}

#[test]
fn what_cannot_be_stored_is_said() {
    let (folder, signer) = (
        tempfile::tempdir().unwrap(),
        signer(SignatureKind::Cosignature),
    );
    let path = folder.path().join("state");
    let state = StateFolder::take(&path).unwrap();
    let note = signed(note(ORIGIN, 3, leaf_hash(b"x")), &signer, 5);
    // In place of the file to be written stands a folder.
    let beside = state.file(ORIGIN).with_extension("new");
    std::fs::create_dir(&beside).unwrap();
    let refused = state.write(ORIGIN, &note).unwrap_err();
    assert_eq!(refused.code(), "witness.state_unwritable");
    std::fs::remove_dir(&beside).unwrap();
    // In place of the file itself.
    std::fs::create_dir(state.file(ORIGIN)).unwrap();
    let refused = state.write(ORIGIN, &note).unwrap_err();
    assert_eq!(refused.code(), "witness.state_uncertain");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = StateFolder::take(&file).unwrap_err();
    assert_eq!(refused.code(), "witness.state_unwritable");
}
