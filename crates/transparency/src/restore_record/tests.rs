use openssl::pkey::PKey;

use super::RestoreRecord;
use crate::{Checkpoint, Error, Hash, KeyName, Note, NoteSigner, SignatureKind};

const ORIGIN: &str = "id.example.org/log";
const AT: u64 = 1_795_996_800;

fn checkpoint(origin: &str, size: u64, root: u8) -> Checkpoint {
    Checkpoint::new(origin, size, Hash([root; 32])).unwrap()
}

fn record() -> RestoreRecord {
    let (before, after) = (checkpoint(ORIGIN, 90, 9), checkpoint(ORIGIN, 40, 4));
    RestoreRecord::new(&before, &after, AT, "the disk is gone").unwrap()
}

fn signer(name: &str) -> NoteSigner {
    let key = PKey::generate_ed25519().unwrap();
    NoteSigner::new(KeyName::new(name).unwrap(), SignatureKind::Ed25519, key).unwrap()
}

fn reason<T: std::fmt::Debug>(outcome: Result<T, Error>) -> &'static str {
    outcome.unwrap_err().code()
}

#[test]
fn what_was_signed_is_read_again() {
    let log = signer(ORIGIN);
    let note = record().sign(&log).unwrap();
    let note = Note::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!(
        RestoreRecord::verify(&note, log.verifier()).unwrap(),
        record()
    );
    // Nobody takes one for the other.
    assert!(Checkpoint::parse(note.text()).is_err());
    let head = checkpoint(ORIGIN, 90, 9).to_string();
    assert_eq!(
        reason(RestoreRecord::parse(&head)),
        "transparency.restore_record_malformed"
    );
}

/// Attack H14: each member of a record is under the signature.
#[test]
fn h14_a_record_of_which_anything_was_changed_is_refused() {
    let log = signer(ORIGIN);
    let whole = record().sign(&log).unwrap().to_string();
    let (text, signatures) = whole.rsplit_once("\n\n").unwrap();
    let lines: Vec<_> = text.split('\n').collect();
    let root = Hash([8; 32]).to_string();
    for (line, changed) in [
        (1, "id.example.com/log".to_owned()),
        (2, format!("before 91 {}", Hash([9; 32]))),
        (2, format!("before 90 {root}")),
        (3, format!("after 39 {}", Hash([4; 32]))),
        (3, format!("after 40 {root}")),
        (4, format!("at {}", AT + 1)),
        (5, "why maintenance".to_owned()),
    ] {
        let mut lines = lines.clone();
        assert_ne!(lines[line], changed);
        lines[line] = &changed;
        let forged = format!("{}\n\n{signatures}", lines.join("\n"));
        let forged = Note::parse(forged.as_bytes()).unwrap();
        assert!(RestoreRecord::parse(forged.text()).is_ok(), "{changed}");
        let refused = RestoreRecord::verify(&forged, log.verifier());
        assert_eq!(
            reason(refused),
            "transparency.signature_invalid",
            "{changed}"
        );
    }
    let note = Note::parse(whole.as_bytes()).unwrap();
    let refused = RestoreRecord::verify(&note, signer(ORIGIN).verifier());
    assert_eq!(reason(refused), "transparency.signature_missing");
    // A key signs for its own log alone.
    let other = signer("other.example.org/log");
    let note = record().sign(&other).unwrap();
    let refused = RestoreRecord::verify(&note, other.verifier());
    assert_eq!(reason(refused), "transparency.restore_record_malformed");
}

#[test]
fn a_text_of_another_form_is_refused() {
    let text = record().to_string();
    assert_eq!(RestoreRecord::parse(&text).unwrap(), record());
    for (from, to) in [
        ("record 1", "record 2"),
        ("before 90 ", "before 090 "),
        ("before 90 ", "before "),
        ("before 90 ", "before 39 "),
        ("before 90 ", "before 40 "),
        ("after 40 ", "before 40 "),
        ("at 1", "at +1"),
        ("at ", ""),
        ("why the disk is gone", "why "),
        ("why the disk is gone\n", "why the disk is gone"),
        ("is gone\n", "is gone\nmore\n"),
        ("is gone\n", "is gone\n\n"),
        ("is gone", "is\tgone"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        let refused = RestoreRecord::parse(&changed);
        let code = reason(refused);
        assert_eq!(code, "transparency.restore_record_malformed", "{from} {to}");
    }
    let long = text.replace("the disk is gone", &"x".repeat(257));
    assert!(RestoreRecord::parse(&long).is_err());
    let malformed = text.replace("after 40 ", "after 40 x");
    assert_eq!(
        reason(RestoreRecord::parse(&malformed)),
        "transparency.hash_malformed"
    );
    let (before, after) = (
        checkpoint(ORIGIN, 90, 9),
        checkpoint("other.example/log", 40, 4),
    );
    let refused = RestoreRecord::new(&before, &after, AT, "why");
    assert_eq!(reason(refused), "transparency.restore_record_malformed");
    let longer = before.clone().with_extension("more").unwrap();
    let refused = RestoreRecord::new(&longer, &checkpoint(ORIGIN, 40, 4), AT, "why");
    assert_eq!(reason(refused), "transparency.restore_record_malformed");
}

#[test]
fn it_explains_what_was_lost_and_nothing_else() {
    let record = record();
    for (size, root) in [(41, 1), (70, 7), (89, 1), (90, 9)] {
        let seen = checkpoint(ORIGIN, size, root);
        record.explains(&seen, AT).unwrap();
        record.explains(&seen, 0).unwrap();
        // Attack H14: an old record for a log that is cut off later.
        let refused = record.explains(&seen, AT + 1);
        assert_eq!(reason(refused), "transparency.restore_unexplained");
    }
    for (origin, size, root) in [
        ("id.example.com/log", 70, 7),
        (ORIGIN, 39, 3),
        (ORIGIN, 40, 4),
        (ORIGIN, 40, 5),
        (ORIGIN, 90, 8),
        (ORIGIN, 91, 9),
    ] {
        let refused = record.explains(&checkpoint(origin, size, root), AT);
        assert_eq!(
            reason(refused),
            "transparency.restore_unexplained",
            "{size}"
        );
    }
    // Nothing was lost: nothing is explained.
    let same = checkpoint(ORIGIN, 90, 9);
    let record = RestoreRecord::new(&same, &same, AT, "a rehearsal").unwrap();
    for size in [89, 90, 91] {
        assert!(record.explains(&checkpoint(ORIGIN, size, 9), AT).is_err());
    }
}

/// A lost disk: what was signed last nobody knows, and whatever was seen before the restore is
/// explained, and nothing that was seen since or that the backup must hold.
#[test]
fn a_record_of_a_lost_log_explains_what_was_seen_before_the_restore() {
    let log = signer(ORIGIN);
    let after = checkpoint(ORIGIN, 40, 4);
    let lost = RestoreRecord::of_lost_log(&after, AT, "the disk is gone").unwrap();
    let note = lost.sign(&log).unwrap();
    let note = Note::parse(note.to_string().as_bytes()).unwrap();
    let read = RestoreRecord::verify(&note, log.verifier()).unwrap();
    assert_eq!((&read, read.before()), (&lost, None));
    assert!(note.text().contains("\nbefore unknown\n"));
    for size in [41, 90, 1_000_000] {
        read.explains(&checkpoint(ORIGIN, size, 7), AT).unwrap();
        let later = read.explains(&checkpoint(ORIGIN, size, 7), AT + 1);
        assert_eq!(reason(later), "transparency.restore_unexplained");
    }
    for (origin, size) in [(ORIGIN, 40), (ORIGIN, 1), ("id.example.com/log", 90)] {
        let refused = read.explains(&checkpoint(origin, size, 7), AT - 1);
        assert_eq!(reason(refused), "transparency.restore_unexplained");
    }
    // Nobody makes one that is known into one that is not.
    let known = record().sign(&log).unwrap().to_string();
    let line = format!("before 90 {}", Hash([9; 32]));
    let forged = known.replacen(&line, "before unknown", 1);
    assert_ne!(forged, known);
    let note = Note::parse(forged.as_bytes()).unwrap();
    let refused = RestoreRecord::verify(&note, log.verifier());
    assert_eq!(reason(refused), "transparency.signature_invalid");
}
