//! A witness goes back for a restore record that its keeper takes, and for nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::parts::{Log, ORIGIN, TIME, prepare, signer};
use cardea_transparency::{Checkpoint, Note, NoteSigner, RestoreRecord, SignatureKind};
use cardea_witness::{Config, Error, Witness, accept_restore};

/// A witness that has cosigned this many entries, stopped.
fn stopped(folder: &Path, log: &Log, size: u64) -> Config {
    let config = prepare(folder, &log.signer.verifier().to_string(), ORIGIN);
    let witness = Witness::open(&config).unwrap();
    witness
        .cosign(log.request(0, size).as_bytes(), TIME)
        .unwrap();
    config
}

fn record(log: &Log, signer: &NoteSigner, (before, after): (u64, u64), at: u64) -> Note {
    let head = |size| Checkpoint::new(ORIGIN, size, log.root(size)).unwrap();
    let record = RestoreRecord::new(&head(before), &head(after), at, "the disk is gone");
    record.unwrap().sign(signer).unwrap()
}

fn written(folder: &Path, note: &Note) -> PathBuf {
    let file = folder.join("record.note");
    std::fs::write(&file, note.to_string()).unwrap();
    file
}

#[test]
fn a_record_that_explains_takes_the_witness_back_and_is_cosigned() {
    let (folder, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(9, "true");
    let config = stopped(folder.path(), &log, 9);
    let file = written(folder.path(), &record(&log, &log.signer, (9, 6), TIME + 10));
    let mut back = Log::signing_with(log.signer.clone());
    back.grow(6, "true");
    back.grow(8, "after");
    let refused = Witness::open(&config)
        .unwrap()
        .cosign(back.request(6, 8).as_bytes(), TIME + 20);
    assert!(matches!(refused, Err(Error::SizeConflict { known: 9, .. })));

    let output = Command::new(env!("CARGO_BIN_EXE_cardea-witness"))
        .args(["log", "accept-restore", "--config"])
        .arg(folder.path().join("witness.toml"))
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let witness = Witness::open(&config).unwrap();
    let cosigned = Note::parse(&output.stdout).unwrap();
    cosigned
        .verify(std::slice::from_ref(witness.verifier()))
        .unwrap();
    cosigned
        .verify(std::slice::from_ref(log.signer.verifier()))
        .unwrap();
    let state = folder.path().join("state");
    let names = std::fs::read_dir(&state)
        .unwrap()
        .map(|it| it.unwrap().path());
    let by = names.filter(|it| it.to_string_lossy().contains(".before-"));
    let by: Vec<PathBuf> = by.collect();
    assert_eq!(by.len(), 1);
    let evidence = std::fs::read(&by[0]).unwrap();
    let evidence = Checkpoint::parse(Note::parse(&evidence).unwrap().text()).unwrap();
    assert_eq!(evidence.size(), 9);

    // It goes on from there; the time of its cosignatures never goes back.
    witness.cosign(back.request(6, 8).as_bytes(), TIME).unwrap();
    let again = witness.cosign(log.request(6, 9).as_bytes(), TIME);
    assert!(matches!(again, Err(Error::SizeConflict { known: 8, .. })));
}

/// The disk is lost, and nobody knows how far the log had been signed: the witness goes back by its
/// keeper's hand, from what it cosigned before the restore and from nothing that it cosigned since.
#[test]
fn a_record_of_a_lost_log_takes_the_witness_back_from_what_it_saw_before() {
    let mut log = Log::new();
    log.grow(9, "true");
    for (at, is_taken) in [(TIME + 10, true), (TIME - 10, false)] {
        let folder = tempfile::tempdir().unwrap();
        let config = stopped(folder.path(), &log, 9);
        let after = Checkpoint::new(ORIGIN, 6, log.root(6)).unwrap();
        let lost = RestoreRecord::of_lost_log(&after, at, "the disk is lost").unwrap();
        let file = written(folder.path(), &lost.sign(&log.signer).unwrap());
        let accepted = accept_restore(&config, &file, TIME + 20);
        assert_eq!(accepted.is_ok(), is_taken, "{accepted:?}");
        let mut back = Log::signing_with(log.signer.clone());
        back.grow(6, "true");
        back.grow(8, "after");
        let witness = Witness::open(&config).unwrap();
        let goes_on = witness.cosign(back.request(6, 8).as_bytes(), TIME + 30);
        assert_eq!(goes_on.is_ok(), is_taken);
    }
}

#[test]
fn a_record_that_does_not_explain_takes_nothing_back() {
    let mut log = Log::new();
    log.grow(12, "true");
    let forged = signer(ORIGIN, SignatureKind::Ed25519);
    let mut other = Log::signing_with(log.signer.clone());
    other.grow(9, "false");
    let cases: [(&str, Note); 5] = [
        ("of another key", record(&log, &forged, (9, 6), TIME + 10)),
        (
            "of less than was seen",
            record(&log, &log.signer, (8, 6), TIME + 10),
        ),
        (
            "of another tree",
            record(&other, &log.signer, (9, 6), TIME + 10),
        ),
        (
            "from before it was seen",
            record(&log, &log.signer, (9, 6), TIME - 10),
        ),
        (
            "of a time to come",
            record(&log, &log.signer, (9, 6), TIME + 20 + 301),
        ),
    ];
    for (what, note) in cases {
        let folder = tempfile::tempdir().unwrap();
        let config = stopped(folder.path(), &log, 9);
        let file = written(folder.path(), &note);
        let refused = accept_restore(&config, &file, TIME + 20).unwrap_err();
        assert_eq!(refused.code(), "witness.restore_refused", "{what}");
        let witness = Witness::open(&config).unwrap();
        witness
            .cosign(log.request(9, 12).as_bytes(), TIME + 30)
            .unwrap();
    }
}

/// One that has seen no more than the log goes on from has nothing to take back, and vouches.
#[test]
fn a_witness_that_was_behind_cosigns_the_record_and_stays_where_it_is() {
    let (folder, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(9, "true");
    let config = stopped(folder.path(), &log, 5);
    let file = written(folder.path(), &record(&log, &log.signer, (9, 6), TIME + 10));
    let cosigned = accept_restore(&config, &file, TIME + 20).unwrap();
    let witness = Witness::open(&config).unwrap();
    cosigned
        .verify(std::slice::from_ref(witness.verifier()))
        .unwrap();
    witness
        .cosign(log.request(5, 6).as_bytes(), TIME + 30)
        .unwrap();
}

#[test]
fn what_is_no_record_is_refused() {
    let (folder, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(9, "true");
    let config = stopped(folder.path(), &log, 9);
    let file = written(folder.path(), &log.checkpoint(6));
    let refused = accept_restore(&config, &file, TIME).unwrap_err();
    assert_eq!(refused.code(), "witness.restore_refused");
    std::fs::write(&file, "nothing").unwrap();
    let refused = accept_restore(&config, &file, TIME).unwrap_err();
    assert_eq!(refused.code(), "witness.restore_refused");
    let refused = accept_restore(&config, &folder.path().join("none"), TIME).unwrap_err();
    assert_eq!(refused.code(), "witness.file_unreadable");
}
