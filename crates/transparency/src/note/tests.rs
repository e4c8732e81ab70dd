use openssl::pkey::PKey;

use super::{NOTE_BYTES_MAX, Note, NoteSignature, SIGNATURES_MAX};
use crate::{KeyName, NoteSigner, SignatureKind, VerifierKey};

const TIME: u64 = 1_795_996_800;

fn signer(name: &str, kind: SignatureKind) -> NoteSigner {
    let key = PKey::generate_ed25519().unwrap();
    NoteSigner::new(KeyName::new(name).unwrap(), kind, key).unwrap()
}

fn signed_by(signers: &[&NoteSigner]) -> Note {
    let mut note = Note::new("log.example\n0\nroot\n".to_owned()).unwrap();
    for signer in signers {
        let signature = signer.sign(&note, TIME).unwrap();
        note.add(signature).unwrap();
    }
    note
}

fn keys(signers: &[&NoteSigner]) -> Vec<VerifierKey> {
    signers.iter().map(|it| it.verifier().clone()).collect()
}

#[test]
fn a_log_and_its_witness_sign_one_note() {
    let log = signer("log.example", SignatureKind::Ed25519);
    let witness = signer("witness.example", SignatureKind::Cosignature);
    let note = signed_by(&[&log, &witness]);
    let read = Note::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!(read, note);
    let keys = keys(&[&witness, &log]);
    let verified = read.verify(&keys).unwrap();
    let seen: Vec<_> = verified
        .iter()
        .map(|it| (it.key.name().as_str(), it.timestamp))
        .collect();
    assert_eq!(
        seen,
        [("log.example", None), ("witness.example", Some(TIME))]
    );
}

#[test]
fn signatures_of_strangers_are_passed_over_and_alone_they_count_for_nothing() {
    let (log, stranger) = (
        signer("log.example", SignatureKind::Ed25519),
        signer("log.example", SignatureKind::Ed25519),
    );
    let note = signed_by(&[&stranger, &log]);
    assert_eq!(note.verify(&keys(&[&log])).unwrap().len(), 1);
    let note = signed_by(&[&stranger]);
    let refused = note.verify(&keys(&[&log])).unwrap_err();
    assert_eq!(refused.code(), "transparency.signature_missing");
    assert_eq!(
        note.verify(&[]).unwrap_err().code(),
        "transparency.signature_missing"
    );
}

#[test]
fn a_signature_in_a_known_name_that_does_not_verify_spoils_the_note() {
    let log = signer("log.example", SignatureKind::Ed25519);
    let witness = signer("witness.example", SignatureKind::Cosignature);
    let other = Note::new("another text\n".to_owned()).unwrap();
    for forged in [&log, &witness] {
        let honest = if std::ptr::eq(forged, &log) {
            &witness
        } else {
            &log
        };
        let mut note = signed_by(&[honest]);
        note.add(forged.sign(&other, TIME).unwrap()).unwrap();
        let refused = note.verify(&keys(&[&log, &witness])).unwrap_err();
        assert_eq!(refused.code(), "transparency.signature_invalid");
    }
    for length in [0, 1, 63, 65, 72] {
        let mut note = signed_by(&[]);
        let forged = NoteSignature::new(log.verifier(), vec![0; length]);
        note.add(forged).unwrap();
        let refused = note.verify(&keys(&[&log])).unwrap_err();
        assert_eq!(refused.code(), "transparency.signature_invalid");
    }
}

#[test]
fn a_cosignature_is_bound_to_its_time_and_is_no_log_signature() {
    let key = PKey::generate_ed25519().unwrap();
    let name = KeyName::new("one.example").unwrap();
    let witness = NoteSigner::new(name.clone(), SignatureKind::Cosignature, key.clone()).unwrap();
    let log = NoteSigner::new(name, SignatureKind::Ed25519, key).unwrap();
    let note = signed_by(&[]);
    let honest = witness.sign(&note, TIME).unwrap();
    let mut moved = honest.clone();
    moved.bytes[7] ^= 1;
    let mut beyond = honest.clone();
    beyond.bytes[0] |= 0x80;
    for bytes in [
        moved.bytes,
        beyond.bytes,
        log.sign(&note, TIME).unwrap().bytes,
    ] {
        let mut note = signed_by(&[]);
        note.add(NoteSignature::new(witness.verifier(), bytes))
            .unwrap();
        let refused = note.verify(&keys(&[&witness])).unwrap_err();
        assert_eq!(refused.code(), "transparency.signature_invalid");
    }
    // The cosignature's Ed25519 part is over other bytes than the text.
    let mut note = signed_by(&[]);
    let bytes = honest.bytes[8..].to_vec();
    note.add(NoteSignature::new(log.verifier(), bytes)).unwrap();
    assert!(note.verify(&keys(&[&log])).is_err());
}

#[test]
fn what_is_no_note_is_refused() {
    let line = "\u{2014} log.example AAAAAAAA\n";
    let good = format!("text\n\n{line}");
    Note::parse(good.as_bytes()).unwrap();
    for (why, text) in [
        ("empty", String::new()),
        ("no signature", "text\n".to_owned()),
        ("no signature after the empty line", "text\n\n".to_owned()),
        ("no empty line", format!("text\n{line}")),
        ("a control character", format!("te\txt\n\n{line}")),
        ("a carriage return", format!("text\r\n\n{line}")),
        ("no end", good.trim_end().to_owned()),
        ("something after", format!("{good}more\n")),
        ("an empty line after", format!("{good}\n")),
        ("a hyphen for the dash", good.replace('\u{2014}', "-")),
        ("no name", "text\n\n\u{2014}  AAAAAAAA\n".to_owned()),
        ("a plus in the name", good.replace("log.", "log+")),
        ("a space in the name", good.replace("log.", "log\u{a0}")),
        ("a third word", good.replace("AAAAAAAA", "AAAAAAAA AAAA")),
        ("no base64", good.replace("AAAAAAAA", "AAAAAAA!")),
        (
            "an alphabet of another base64",
            good.replace("AAAAAAAA", "AAAAAA__"),
        ),
        ("no padding", good.replace("AAAAAAAA", "AAAAAAA")),
        ("bits in the padding", good.replace("AAAAAAAA", "AAAAAAB=")),
        ("a key id alone", good.replace("AAAAAAAA", "AAAAAA==")),
        ("a short key id", good.replace("AAAAAAAA", "AAAA")),
        ("the same key twice", format!("{good}{line}")),
        ("a long name", good.replace("log", &"l".repeat(300))),
        (
            "a long text",
            good.replace("text", &"t".repeat(NOTE_BYTES_MAX)),
        ),
    ] {
        let refused = Note::parse(text.as_bytes()).expect_err(why);
        assert_eq!(refused.code(), "transparency.note_malformed", "{why}");
    }
    assert!(Note::parse(b"te\xffxt\n\n\xe2\x80\x94 a AAAAAAAA\n").is_err());
}

#[test]
fn empty_lines_belong_to_the_text() {
    let note = "one\n\n\ntwo\n\n\u{2014} log.example AAAAAAAA\n";
    let parsed = Note::parse(note.as_bytes()).unwrap();
    assert_eq!(parsed.text(), "one\n\n\ntwo\n");
    assert_eq!(parsed.to_string(), note);
}

#[test]
fn signatures_are_counted() {
    let line = |number: usize| format!("\u{2014} {number}.example AAAAAAAA\n");
    let lines: String = (0..SIGNATURES_MAX).map(line).collect();
    let mut note = Note::parse(format!("text\n\n{lines}").as_bytes()).unwrap();
    assert_eq!(note.signatures().len(), SIGNATURES_MAX);
    let refused = note.append(&line(SIGNATURES_MAX)).unwrap_err();
    assert_eq!(refused.code(), "transparency.note_malformed");
    let whole = format!("text\n\n{lines}{}", line(SIGNATURES_MAX));
    assert!(Note::parse(whole.as_bytes()).is_err());
}
