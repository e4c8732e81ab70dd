//! Any bytes as a note, a checkpoint, a request to a witness, a key, or a line of an export.

use cardea_transparency::{
    AddCheckpoint, Checkpoint, Error, ExportedEntry, Frontier, Leaf, Note, RestoreRecord,
    VerifierKey,
};

/// Whose signatures are looked for: the keys of the seeds.
const KEYS: [&str; 2] = [
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
];
/// The texts that these keys have signed.
const SIGNED: [&str; 2] = [
    "If you think cryptography is the answer to your problem,\n\
     then you don't know what your problem is.\n",
    "arche2025h1.staging.ct.transparency.dev\n1432088532\n\
     U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n",
];

/// Whatever is read is written as the same bytes, so there is one spelling of each thing; whatever
/// is not has a code; and nobody's signature gets under another text.
pub fn check(data: &[u8]) {
    match Note::parse(data) {
        Ok(note) => {
            assert_eq!(note.to_string().as_bytes(), data);
            check_signatures(&note);
            let checkpoint = Checkpoint::parse(note.text());
            same_again(checkpoint, Checkpoint::to_string, note.text());
        }
        Err(error) => check_error(&error),
    }
    match AddCheckpoint::parse(data) {
        Ok(request) => assert_eq!(request.to_string().as_bytes(), data),
        Err(error) => check_error(&error),
    }
    match Leaf::from_bytes(data) {
        Ok(leaf) => assert_eq!(leaf.to_bytes(), data),
        Err(error) => check_error(&error),
    }
    match Frontier::from_bytes(data) {
        Ok(tree) => assert_eq!(tree.to_bytes(), data),
        Err(error) => check_error(&error),
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    same_again(Checkpoint::parse(text), Checkpoint::to_string, text);
    same_again(RestoreRecord::parse(text), RestoreRecord::to_string, text);
    same_again(VerifierKey::parse(text), VerifierKey::to_string, text);
    match ExportedEntry::parse(text) {
        // JSON has several spellings of one line; what it says stays.
        Ok(entry) => {
            let line = entry.to_line().expect("an entry can be written");
            assert_eq!(ExportedEntry::parse(&line), Ok(entry));
        }
        Err(error) => check_error(&error),
    }
}

fn check_signatures(note: &Note) {
    let keys = KEYS.map(|key| VerifierKey::parse(key).expect("a good key"));
    match note.verify(&keys) {
        Ok(verified) => {
            assert!(!verified.is_empty());
            assert!(SIGNED.contains(&note.text()), "a forged signature");
        }
        Err(error) => check_error(&error),
    }
}

fn same_again<T>(read: Result<T, Error>, write: fn(&T) -> String, text: &str) {
    match read {
        Ok(read) => assert_eq!(write(&read), text),
        Err(error) => check_error(&error),
    }
}

fn check_error(error: &Error) {
    assert!(Error::ALL_CODES.contains(&error.code()), "{error}");
    let _ = error.to_string();
}
