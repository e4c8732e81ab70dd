//! `cardea-witness verify`: an exported log, changed in every way that somebody could think of.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_transparency::{
    ERASURE_KIND, ErasedWhat, ErasureRecord, ExportedEntry, Flags, Hash, Leaf, Note, NoteSigner,
    PersonalPart, PublicPart, Rest, SIGNED_ERASURES_KIND, Salt, SignatureKind, VerifierKey,
};
use cardea_witness::verify::{self, Demand, Findings};
use serde_json::Value;

use super::parts::{Log, ORIGIN, TIME, signer};

const ENTRIES: u64 = 40;
/// The entry that says what was erased.
const RECORD: u64 = 35;

struct Export {
    folder: tempfile::TempDir,
    log: Log,
    witness: NoteSigner,
    lines: Vec<String>,
}

fn entry(index: u64) -> ExportedEntry {
    let (kind, details) = match index {
        RECORD => (ERASURE_KIND, r#"{"by":{},"places":[4,14,24,34]}"#),
        _ => ("login.succeeded", r#"{"amr":["sc","pin"]}"#),
    };
    let public = PublicPart {
        id: format!("event-{index}"),
        kind: kind.to_owned(),
        occurred_at: 1_795_996_800 + i64::try_from(index).unwrap(),
    };
    let personal = PersonalPart {
        authorization_request_id: None,
        session_id: Some(format!("session-{index}")),
        sub: Some("person".to_owned()),
        client_id: Some("portal".to_owned()),
        code: None,
        details: details.to_owned(),
    };
    let salt = Salt([u8::try_from(index + 1).unwrap(); 32]);
    let flags = Flags {
        may_be_forgotten: index % 10 == 7,
        made_afterwards: index < 3,
    };
    let commitment = personal.commitment(&salt);
    let entry = public.digest(&commitment);
    let rest = match index % 10 {
        4 => Rest::Erased(public, commitment),
        7 => Rest::Forgotten(entry),
        _ => Rest::Whole(public, salt, personal),
    };
    ExportedEntry {
        index,
        flags,
        hash: Leaf { flags, entry }.hash(),
        rest,
    }
}

impl Export {
    fn new() -> Self {
        let (mut log, mut lines) = (Log::new(), Vec::new());
        for index in 0..ENTRIES {
            let entry = entry(index);
            log.append(entry.hash);
            lines.push(entry.to_line().unwrap());
        }
        let export = Self {
            folder: tempfile::tempdir().unwrap(),
            log,
            witness: signer("witness.example", SignatureKind::Cosignature),
            lines,
        };
        export.write_head(&export.head(ENTRIES));
        export.write(&export.lines);
        export
    }

    fn head(&self, size: u64) -> Note {
        let mut note = self.log.checkpoint(size);
        note.add(self.witness.sign(&note, TIME).unwrap()).unwrap();
        note
    }

    fn write_head(&self, note: &Note) {
        std::fs::write(self.folder.path().join("checkpoint"), note.to_string()).unwrap();
    }

    fn write(&self, lines: &[String]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(self.folder.path().join("entries.jsonl"), text).unwrap();
    }

    fn keep(&self, name: &str, note: &Note) -> PathBuf {
        let file = self.folder.path().join(name);
        std::fs::write(&file, note.to_string()).unwrap();
        file
    }

    fn demand(&self) -> Demand {
        Demand {
            folder: self.folder.path().to_path_buf(),
            log_key: self.log.signer.verifier().clone(),
            witness_keys: vec![self.witness.verifier().clone()],
            known: Vec::new(),
        }
    }

    /// The code and the first bad place.
    fn fault(&self) -> (&'static str, Option<u64>) {
        let refused = verify::run(&self.demand(), &mut Findings::default()).unwrap_err();
        (refused.code(), refused.first_bad_index())
    }
}

#[test]
fn a_whole_export_is_good() {
    let export = Export::new();
    let mut demand = export.demand();
    demand.known = [0, 1, 17, ENTRIES, 17]
        .map(|size| export.keep(&format!("kept-{size}"), &export.log.checkpoint(size)))
        .to_vec();
    let mut findings = Findings::default();
    verify::run(&demand, &mut findings).unwrap();
    assert_eq!(findings.head.unwrap().size(), ENTRIES);
    assert_eq!(findings.witnesses, [("witness.example".to_owned(), TIME)]);
    let counts = findings.entries;
    assert_eq!((counts.whole, counts.erased, counts.forgotten), (32, 4, 4));
    assert_eq!(counts.made_afterwards, 3);
    assert_eq!(
        counts.erased_unsigned, 4,
        "from before erasures were signed"
    );
}

/// `fixtures/ledger`: written by a server and cosigned by a witness, and good for ever.
#[test]
fn an_export_that_somebody_kept_is_still_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/ledger/export");
    let key = |name: &str| {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        VerifierKey::parse(text.trim_end()).unwrap()
    };
    let demand = Demand {
        folder: folder.clone(),
        log_key: key("log.vkey"),
        witness_keys: vec![key("witness.vkey")],
        known: vec![folder.join("checkpoint")],
    };
    let mut findings = Findings::default();
    verify::run(&demand, &mut findings).unwrap();
    assert_eq!((findings.entries.whole, findings.witnesses.len()), (9, 1));
}

/// Attack H14, by whoever has the files: each line changed, left out, doubled, moved, cut off.
#[test]
fn the_first_entry_that_is_wrong_is_named() {
    let export = Export::new();
    for place in 0..ENTRIES {
        let at = usize::try_from(place).unwrap();
        let changed = |change: &dyn Fn(&mut Vec<String>)| {
            let mut lines = export.lines.clone();
            change(&mut lines);
            export.write(&lines);
            export.fault()
        };
        let next = Some(place);
        let gone = changed(&|lines| drop(lines.remove(at)));
        let expected = if place == ENTRIES - 1 {
            "witness.entries_missing"
        } else {
            "witness.entry_misplaced"
        };
        assert_eq!(gone, (expected, next));
        let doubled = changed(&|lines| lines.insert(at, lines[at].clone()));
        let expected = if place == ENTRIES - 1 {
            "witness.entries_excess"
        } else {
            "witness.entry_misplaced"
        };
        assert_eq!(doubled, (expected, Some(place + 1)));
        let cut = changed(&|lines| lines.truncate(at));
        assert_eq!(cut, ("witness.entries_missing", next));
        if place > 0 {
            let swapped = changed(&|lines| lines.swap(at - 1, at));
            assert_eq!(swapped, ("witness.entry_misplaced", Some(place - 1)));
        }
        let broken = changed(&|lines| lines[at].truncate(20));
        assert_eq!(broken, ("witness.export_malformed", next));
        // Every member says something that its leaf was made for.
        let line: Value = serde_json::from_str(&export.lines[at]).unwrap();
        for (member, value) in line.as_object().unwrap() {
            let other = match (member.as_str(), value) {
                ("index", _) => continue,
                ("flags", flags) => Value::from(flags.as_u64().unwrap() ^ 2),
                ("salt" | "commitment" | "entry_sha256" | "leaf", _) => Value::from("A".repeat(43)),
                ("personal", personal) => {
                    let mut personal = personal.clone();
                    personal["sub"] = Value::from("another person");
                    personal
                }
                (_, Value::String(text)) => Value::from(format!("{text}x")),
                (_, number) => Value::from(number.as_i64().unwrap() + 1),
            };
            let altered = changed(&|lines| {
                let mut line = line.clone();
                line[member] = other.clone();
                lines[at] = line.to_string();
            });
            assert_eq!(altered, ("witness.entry_altered", next), "{member}");
        }
    }
}

/// Attack H14, by whoever changes an entry and its leaf together: that is another tree.
#[test]
fn a_history_that_was_written_anew_has_another_root() {
    let export = Export::new();
    let mut lines = export.lines.clone();
    let mut forged = entry(11);
    if let Rest::Whole(_, _, personal) = &mut forged.rest {
        personal.sub = Some("another person".to_owned());
    }
    forged.hash = forged.leaf().hash();
    lines[11] = forged.to_line().unwrap();
    export.write(&lines);
    assert_eq!(export.fault(), ("witness.root_mismatch", None));
    // Who has the log's key, too, signs it; the witness's cosignature can't be made, and a
    // checkpoint kept from earlier contradicts it.
    let mut rewritten = Log::signing_with(export.log.signer.clone());
    for (index, line) in lines.iter().enumerate() {
        let entry = ExportedEntry::parse(line).unwrap();
        assert_eq!(entry.index, u64::try_from(index).unwrap());
        rewritten.append(entry.hash);
    }
    export.write_head(&rewritten.checkpoint(ENTRIES));
    assert_eq!(export.fault(), ("witness.cosignature_missing", None));
    let mut demand = export.demand();
    demand.witness_keys.clear();
    verify::run(&demand, &mut Findings::default()).unwrap();
    for (size, contradicts) in [(11, false), (12, true), (30, true), (ENTRIES, true)] {
        demand.known = vec![export.keep("kept", &export.log.checkpoint(size))];
        let outcome = verify::run(&demand, &mut Findings::default());
        assert_eq!(outcome.is_err(), contradicts, "{size}");
        if let Err(refused) = outcome {
            assert_eq!(refused.code(), "witness.history_contradicted");
        }
    }
}

/// Attack H14, by whoever takes out what is personal and puts nothing on record, or a record that
/// stands before what it excuses.
#[test]
fn h14_an_erasure_that_no_entry_tells_of_is_found() {
    let export = Export::new();
    for size in [34, 35] {
        let entries = usize::try_from(size).unwrap();
        export.write(&export.lines[..entries]);
        export.write_head(&export.head(size));
        assert_eq!(export.fault(), ("witness.erasure_unrecorded", Some(4)));
    }
    let mut forged = Log::new();
    let (mut early, mut gone) = (entry(RECORD), entry(4));
    (early.index, gone.index) = (0, 1);
    if let Rest::Whole(_, _, personal) = &mut early.rest {
        personal.details = r#"{"places":[0,1,2,3]}"#.to_owned();
    }
    early.hash = early.leaf().hash();
    let lines = [early, gone].map(|it| {
        forged.append(it.hash);
        it.to_line().unwrap()
    });
    export.write(&lines);
    export.write_head(&forged.checkpoint(2));
    let mut demand = export.demand();
    demand.log_key = forged.signer.verifier().clone();
    demand.witness_keys.clear();
    let refused = verify::run(&demand, &mut Findings::default()).unwrap_err();
    assert_eq!(refused.code(), "witness.erasure_unrecorded");
    assert_eq!(refused.first_bad_index(), Some(1));
}

/// An entry of a log whose erasures are signed.
fn said(index: u64, kind: &str, details: &str) -> ExportedEntry {
    let mut said = entry(11);
    said.index = index;
    if let Rest::Whole(public, _, personal) = &mut said.rest {
        public.kind = kind.to_owned();
        details.clone_into(&mut personal.details);
    }
    said.hash = said.leaf().hash();
    said
}

fn record(log: &NoteSigner, entries: &[(u64, Hash)]) -> String {
    let record = ErasureRecord::new(ORIGIN, TIME, ErasedWhat::Entries(entries)).unwrap();
    let mut note = record.to_note().unwrap();
    note.add(log.sign(&note, TIME).unwrap()).unwrap();
    note.to_string()
}

/// Attack H14, by whoever writes into the database: she wipes what is personal, and has an entry in
/// the log that says it was an erasure. The log's key has not signed it.
#[test]
fn h14_an_erasure_that_the_log_has_not_signed_is_found() {
    let export = Export::new();
    let key = &export.log.signer;
    let (begun, mut gone) = (record(key, &[]), entry(4));
    gone.index = 1;
    let signed = record(key, &[(1, gone.hash)]);
    let other = signer(ORIGIN, SignatureKind::Ed25519);
    let begun = serde_json::json!({ "record": begun }).to_string();
    let recorded = |places: &[u64], record: &str| {
        serde_json::json!({ "places": places, "record": record }).to_string()
    };
    let unsigned = r#"{"by":{},"places":[1]}"#.to_owned();
    let excused = |details: &str, later: &str| {
        let mut log = Log::signing_with(export.log.signer.clone());
        let lines = [
            said(0, SIGNED_ERASURES_KIND, &begun),
            gone.clone(),
            said(2, ERASURE_KIND, details),
        ]
        .map(|it| {
            log.append(it.hash);
            it.to_line().unwrap()
        });
        export.write(&lines);
        std::fs::write(export.folder.path().join("erasures.jsonl"), later).unwrap();
        let mut note = log.checkpoint(3);
        note.add(export.witness.sign(&note, TIME).unwrap()).unwrap();
        export.write_head(&note);
        let mut findings = Findings::default();
        let outcome = verify::run(&export.demand(), &mut findings);
        outcome.map(|()| findings.entries.erased_unsigned)
    };
    assert_eq!(excused(&recorded(&[1], &signed), "").unwrap(), 0);
    let of_other = record(&other, &[(1, gone.hash)]);
    let of_other_leaf = record(key, &[(1, entry(14).hash)]);
    for forged in [
        unsigned.clone(),
        recorded(&[1], &of_other),
        recorded(&[1], &of_other_leaf),
        recorded(&[0, 1], &signed),
        recorded(&[1], "no note"),
    ] {
        let refused = excused(&forged, "").unwrap_err();
        assert_eq!(refused.code(), "witness.erasure_unsigned", "{forged}");
        assert_eq!(refused.first_bad_index(), Some(1));
        // Not by the file beside the entries either, unless the log has signed it.
        let refused = excused(&forged, &format!("{unsigned}\n{forged}\n")).unwrap_err();
        assert_eq!(refused.code(), "witness.erasure_unsigned", "{forged}");
        let later = format!("{}\n", recorded(&[1], &signed));
        assert_eq!(excused(&forged, &later).unwrap(), 0);
    }
    // One that took an entry behind the checkpoint as well says which leaf that had.
    let leaf_behind = entry(20).hash;
    let of_both = record(key, &[(1, gone.hash), (20, leaf_behind)]);
    for (leaf, is_believed) in [(leaf_behind, true), (gone.hash, false)] {
        let line = serde_json::json!({
            "places": [1, 20], "record": of_both, "behind": [URL_SAFE_NO_PAD.encode(leaf.0)],
        });
        let outcome = excused("{}", &format!("{line}\n")).map_err(|it| it.code());
        let expected = if is_believed {
            Ok(0)
        } else {
            Err("witness.erasure_unsigned")
        };
        assert_eq!(outcome, expected);
    }
    let refused = excused("{}", "").unwrap_err();
    assert_eq!(refused.code(), "witness.erasure_unrecorded");
}

/// A witness that is named twice is one witness, and a key is that of the log it names.
#[test]
fn nobody_counts_twice_or_for_another_log() {
    let export = Export::new();
    let mut demand = export.demand();
    demand.witness_keys.push(export.witness.verifier().clone());
    let mut findings = Findings::default();
    verify::run(&demand, &mut findings).unwrap();
    assert_eq!(findings.witnesses.len(), 1);
    let other = signer("other.example", SignatureKind::Ed25519);
    let mut head = export.log.checkpoint(ENTRIES);
    head.add(other.sign(&head, 0).unwrap()).unwrap();
    export.write_head(&head);
    let mut demand = export.demand();
    demand.log_key = other.verifier().clone();
    demand.witness_keys.clear();
    let refused = verify::run(&demand, &mut Findings::default()).unwrap_err();
    assert_eq!(refused.code(), "witness.export_malformed");
}

/// A log that was cut off and signed anew is shorter than what somebody kept of it.
#[test]
fn a_log_that_was_cut_off_is_found_by_who_kept_a_checkpoint() {
    let export = Export::new();
    let kept = export.keep("kept", &export.head(ENTRIES));
    export.write(&export.lines[..36]);
    export.write_head(&export.head(36));
    let mut demand = export.demand();
    verify::run(&demand, &mut Findings::default()).unwrap();
    demand.known = vec![kept];
    let refused = verify::run(&demand, &mut Findings::default()).unwrap_err();
    assert_eq!(refused.code(), "witness.history_contradicted");
}

#[test]
fn who_signed_is_looked_at_first() {
    let export = Export::new();
    let stranger = Log::new();
    let refusal = |demand: &Demand| {
        let refused = verify::run(demand, &mut Findings::default()).unwrap_err();
        refused.code()
    };
    let mut demand = export.demand();
    demand.log_key = stranger.signer.verifier().clone();
    assert_eq!(refusal(&demand), "witness.checkpoint_refused");
    let mut demand = export.demand();
    let other = signer("other.example", SignatureKind::Cosignature);
    demand.witness_keys.push(other.verifier().clone());
    assert_eq!(refusal(&demand), "witness.cosignature_missing");
    // The log's own key is no witness.
    let mut demand = export.demand();
    demand.witness_keys = vec![demand.log_key.clone()];
    assert_eq!(refusal(&demand), "witness.cosignature_missing");
    // Signatures that do not verify: the log's over another size, the witness's over another note.
    let head = export.head(ENTRIES).to_string();
    let file = export.folder.path().join("checkpoint");
    std::fs::write(&file, head.replace("\n40\n", "\n39\n")).unwrap();
    assert_eq!(export.fault(), ("witness.checkpoint_refused", None));
    let mut mixed = export.log.checkpoint(ENTRIES);
    let elsewhere = export.log.checkpoint(3);
    mixed
        .add(export.witness.sign(&elsewhere, TIME).unwrap())
        .unwrap();
    export.write_head(&mixed);
    assert_eq!(export.fault(), ("witness.checkpoint_refused", None));
    std::fs::write(&file, "no note").unwrap();
    assert_eq!(export.fault(), ("witness.export_malformed", None));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(export.fault(), ("witness.file_unreadable", None));
    export.write_head(&export.head(ENTRIES));
    let mut demand = export.demand();
    let other = head.replace(ORIGIN, "other.example");
    std::fs::write(export.folder.path().join("kept"), other).unwrap();
    demand.known = vec![export.folder.path().join("kept")];
    assert_eq!(refusal(&demand), "witness.checkpoint_refused");
    std::fs::remove_file(export.folder.path().join("entries.jsonl")).unwrap();
    assert_eq!(export.fault(), ("witness.file_unreadable", None));
}

fn run(export: &Export, folder: &Path, json: bool) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardea-witness"));
    command.arg("verify").arg(folder);
    command.args(["--log-key", &export.log.signer.verifier().to_string()]);
    command.args(["--witness-key", &export.witness.verifier().to_string()]);
    if json {
        command.arg("--json");
    }
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[test]
fn the_program_says_what_it_found() {
    let export = Export::new();
    let folder = export.folder.path();
    let (code, text) = run(&export, folder, false);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("32 whole, 4 erased, 4 forgotten"), "{text}");
    assert!(text.contains("witness.example at 2026-11-30T"), "{text}");
    let (code, text) = run(&export, folder, true);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report["valid"]), (Some(0), &Value::from(true)));
    assert_eq!(report["origin"], ORIGIN);
    assert_eq!(report["size"], ENTRIES);
    assert_eq!(report["entries"]["erased"], 4);
    export.write(&export.lines[..25]);
    let (code, text) = run(&export, folder, true);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report["valid"]), (Some(1), &Value::from(false)));
    assert_eq!(report["code"], "witness.entries_missing");
    assert_eq!(report["first_bad_index"], 25);
    let (code, text) = run(&export, folder, false);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("WRONG") && text.contains("(witness.entries_missing)"),
        "{text}"
    );
    assert_eq!(run(&export, Path::new("/no/such/folder"), true).0, Some(2));
}
