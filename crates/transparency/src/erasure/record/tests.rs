use openssl::pkey::PKey;

use super::{ErasedWhat, ErasureRecord};
use crate::{Checkpoint, Error, Hash, KeyName, Note, NoteSigner, SignatureKind};

const ORIGIN: &str = "id.example.org/log";
const AT: u64 = 1_795_996_800;
const ERASED: [(u64, Hash); 2] = [(3, Hash([1; 32])), (8, Hash([2; 32]))];

fn record() -> ErasureRecord {
    ErasureRecord::new(ORIGIN, AT, ErasedWhat::Entries(&ERASED)).unwrap()
}

fn signer(name: &str) -> NoteSigner {
    let key = PKey::generate_ed25519().unwrap();
    NoteSigner::new(KeyName::new(name).unwrap(), SignatureKind::Ed25519, key).unwrap()
}

fn signed(record: &ErasureRecord, signer: &NoteSigner) -> Note {
    let mut note = record.to_note().unwrap();
    note.add(signer.sign(&note, 0).unwrap()).unwrap();
    note
}

fn owned((id, digest): (&str, &str)) -> (String, String) {
    (id.to_owned(), digest.to_owned())
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> &'static str {
    outcome.unwrap_err().code()
}

#[test]
fn what_was_signed_is_read_again_and_is_of_these_entries_alone() {
    let log = signer(ORIGIN);
    let note = signed(&record(), &log);
    let note = Note::parse(note.to_string().as_bytes()).unwrap();
    let read = ErasureRecord::verify(&note, log.verifier()).unwrap();
    assert_eq!((&read, read.at()), (&record(), AT));
    assert!(read.covers(ErasedWhat::Entries(&ERASED)));
    let [one, other] = ERASED;
    for others in [
        vec![],
        vec![one],
        vec![other, one],
        vec![one, (9, other.1)],
        vec![one, (8, Hash([3; 32]))],
        vec![one, other, (9, other.1)],
    ] {
        assert!(!read.covers(ErasedWhat::Entries(&others)), "{others:?}");
    }
    let look_ups = [("a", "x"), ("b", "")].map(owned);
    assert!(!read.covers(ErasedWhat::LookUps(&look_ups)));
    let of_look_ups = ErasureRecord::new(ORIGIN, AT, ErasedWhat::LookUps(&look_ups)).unwrap();
    assert!(of_look_ups.covers(ErasedWhat::LookUps(&look_ups)));
    for others in [
        [("a", "xb"), ("", "")],
        [("a", "y"), ("b", "")],
        [("b", ""), ("a", "x")],
    ] {
        let others = others.map(owned);
        assert!(
            !of_look_ups.covers(ErasedWhat::LookUps(&others)),
            "{others:?}"
        );
    }
    assert!(!of_look_ups.covers(ErasedWhat::LookUps(&look_ups[..1])));
    assert!(!of_look_ups.covers(ErasedWhat::Entries(&ERASED)));
    // Nobody takes one for the other.
    assert!(Checkpoint::parse(note.text()).is_err());
    let head = Checkpoint::new(ORIGIN, 2, Hash([1; 32])).unwrap();
    let malformed = "transparency.erasure_record_malformed";
    assert_eq!(code(ErasureRecord::parse(&head.to_string())), malformed);
    let unordered = [other, one];
    let refused = ErasureRecord::new(ORIGIN, AT, ErasedWhat::Entries(&unordered));
    assert_eq!(code(refused), malformed);
}

/// Attack H14: each member of a record is under the signature, and its key is the log's.
#[test]
fn h14_a_record_of_which_anything_was_changed_is_refused() {
    let log = signer(ORIGIN);
    let whole = signed(&record(), &log).to_string();
    let (text, signatures) = whole.rsplit_once("\n\n").unwrap();
    let lines: Vec<_> = text.split('\n').collect();
    for (line, changed) in [
        (1, "id.example.com/log".to_owned()),
        (2, format!("at {}", AT + 1)),
        (3, lines[3].replace("entries 2", "entries 3")),
        (3, lines[3].replace("entries", "look-ups")),
        (3, format!("entries 2 {}", Hash([7; 32]))),
    ] {
        let mut lines = lines.clone();
        lines[line] = &changed;
        let forged = format!("{}\n\n{signatures}", lines.join("\n"));
        let note = Note::parse(forged.as_bytes()).unwrap();
        let refused = ErasureRecord::verify(&note, log.verifier());
        assert_eq!(code(refused), "transparency.signature_invalid", "{changed}");
    }
    let note = signed(&record(), &signer(ORIGIN));
    let refused = ErasureRecord::verify(&note, log.verifier());
    assert_eq!(code(refused), "transparency.signature_missing");
    let elsewhere = ErasureRecord::new("id.example.com/log", AT, ErasedWhat::Entries(&ERASED));
    let note = signed(&elsewhere.unwrap(), &log);
    let refused = ErasureRecord::verify(&note, log.verifier());
    assert_eq!(code(refused), "transparency.erasure_record_malformed");
}

#[test]
fn a_text_in_another_form_is_no_record() {
    let text = record().to_string();
    assert_eq!(ErasureRecord::parse(&text).unwrap(), record());
    for other in [
        text.trim_end().to_owned(),
        format!("{text}more\n"),
        text.replace("record 1", "record 2"),
        text.replace("at ", "at 0"),
        text.replace("at ", "on "),
        text.replace("entries 2", "entries 02"),
        text.replace("entries 2", "entries"),
        text.replace("entries", "people"),
        text.replace('=', ""),
    ] {
        assert_eq!(
            code(ErasureRecord::parse(&other)),
            "transparency.erasure_record_malformed",
            "{other}"
        );
    }
}
