//! `cardea-witness verify-own`: the file of a person's own log, and changes of it.

use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_transparency::{Flags, Leaf, NoteSigner, PersonalPart, PublicPart, Salt, SignatureKind};
use cardea_witness::verify::own::{self, OwnDemand, OwnFindings};
use serde_json::{Value, json};

use super::parts::{Log, TIME, signer};

const ENTRIES: u64 = 30;
/// The places of hers.
const HERS: [u64; 4] = [0, 3, 17, 29];

struct OwnFile {
    folder: tempfile::TempDir,
    log: Log,
    witness: NoteSigner,
    document: Value,
}

fn parts(index: u64) -> (PublicPart, PersonalPart, Salt, Leaf) {
    let public = PublicPart {
        id: format!("event-{index}"),
        kind: "login.accepted".to_owned(),
        occurred_at: 1_795_996_800 + i64::try_from(index).unwrap(),
    };
    let sub = if HERS.contains(&index) {
        "her"
    } else {
        "another"
    };
    let personal = PersonalPart {
        authorization_request_id: None,
        session_id: Some(format!("session-{index}")),
        sub: Some(sub.to_owned()),
        client_id: Some("portal".to_owned()),
        code: None,
        details: r#"{"workstation":"Comptoir 2"}"#.to_owned(),
    };
    let salt = Salt([u8::try_from(index + 1).unwrap(); 32]);
    let entry = public.digest(&personal.commitment(&salt));
    let flags = Flags::default();
    (public, personal, salt, Leaf { flags, entry })
}

fn line(log: &Log, index: u64) -> Value {
    let (public, personal, salt, leaf) = parts(index);
    let proof = log.inclusion(index, ENTRIES);
    json!({
        "index": index, "flags": 0, "leaf": URL_SAFE_NO_PAD.encode(leaf.hash().0),
        "id": public.id, "kind": public.kind, "occurred_at": public.occurred_at,
        "salt": URL_SAFE_NO_PAD.encode(salt.0),
        "personal": {
            "authorization_request_id": null, "session_id": personal.session_id,
            "sub": personal.sub, "client_id": personal.client_id, "code": null,
            "details": personal.details,
        },
        "proof": proof.iter().map(|it| URL_SAFE_NO_PAD.encode(it.0)).collect::<Vec<_>>(),
    })
}

impl OwnFile {
    fn new() -> Self {
        let mut log = Log::new();
        for index in 0..ENTRIES {
            log.append(parts(index).3.hash());
        }
        let witness = signer("witness.example", SignatureKind::Cosignature);
        let mut note = log.checkpoint(ENTRIES);
        note.add(witness.sign(&note, TIME).unwrap()).unwrap();
        let document = json!({
            "format": "cardea-own-log/1", "issuer": "https://id.example.test", "sub": "her",
            "made_at": 1_795_996_900, "from": null, "until": null, "waiting": 0, "next": null,
            "checkpoint": note.to_string(),
            "entries": HERS.map(|index| line(&log, index)),
        });
        let folder = tempfile::tempdir().unwrap();
        Self {
            folder,
            log,
            witness,
            document,
        }
    }

    fn file(&self, document: &Value) -> PathBuf {
        let file = self.folder.path().join("own.json");
        std::fs::write(&file, serde_json::to_vec_pretty(document).unwrap()).unwrap();
        file
    }

    fn check(&self, document: &Value) -> Result<OwnFindings, (&'static str, Option<u64>)> {
        let demand = OwnDemand {
            file: self.file(document),
            log_key: self.log.signer.verifier().clone(),
            witness_keys: vec![self.witness.verifier().clone()],
        };
        let mut findings = OwnFindings::default();
        let outcome = own::run(&demand, &mut findings);
        outcome.map_err(|error| (error.code(), error.first_bad_index()))?;
        Ok(findings)
    }

    fn changed(&self, change: impl Fn(&mut Value)) -> (&'static str, Option<u64>) {
        let mut document = self.document.clone();
        change(&mut document);
        self.check(&document).unwrap_err()
    }
}

#[test]
fn a_persons_own_log_is_proven_without_the_server() {
    let own = OwnFile::new();
    let findings = own.check(&own.document).unwrap();
    assert_eq!(findings.entries, 4);
    assert_eq!(findings.sub.as_deref(), Some("her"));
    assert_eq!(findings.witnesses, [("witness.example".to_owned(), TIME)]);
    let run = |key: String| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardea-witness"));
        command.arg("verify-own").arg(own.file(&own.document));
        command
            .args(["--json", "--log-key", &key])
            .output()
            .unwrap()
    };
    let output = run(own.log.signer.verifier().to_string());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{report}");
    assert_eq!(report["entries"], 4);
    // Another log's key: the file proves nothing.
    let other = Log::new();
    let output = run(other.signer.verifier().to_string());
    assert_eq!(output.status.code(), Some(1));
}

/// Attack H14: whatever is changed in the file is found, with its place.
#[test]
fn h14_any_change_of_the_file_is_found() {
    let own = OwnFile::new();
    for (member, value, code) in [
        ("id", json!("event-x"), "witness.entry_altered"),
        ("kind", json!("login.refused"), "witness.entry_altered"),
        ("occurred_at", json!(1), "witness.entry_altered"),
        ("flags", json!(1), "witness.entry_altered"),
        ("index", json!(18), "witness.entry_unproven"),
        ("index", json!(2), "witness.entry_misplaced"),
        ("proof", json!([]), "witness.entry_unproven"),
    ] {
        let (found, place) = own.changed(|it| it["entries"][2][member] = value.clone());
        assert_eq!(found, code, "{member}");
        assert!(place.is_some(), "{member}");
    }
    for (member, value) in [("details", "{}"), ("client_id", "x"), ("session_id", "x")] {
        let (found, place) = own.changed(|it| it["entries"][1]["personal"][member] = json!(value));
        assert_eq!(
            (found, place),
            ("witness.entry_altered", Some(3)),
            "{member}"
        );
    }
    let twice = own.changed(|it| it["entries"][3] = it["entries"][2].clone());
    assert_eq!(twice.0, "witness.entry_misplaced");
    let exchanged = own.changed(|it| it["entries"].as_array_mut().unwrap().swap(0, 1));
    assert_eq!(exchanged.0, "witness.entry_misplaced");
    // Somebody else's entry is in the log, and none of hers.
    let foreign = own.changed(|it| it["entries"][1] = line(&own.log, 5));
    assert_eq!(foreign, ("witness.entry_foreign", Some(5)));
    let smaller = own.log.checkpoint(ENTRIES - 1).to_string();
    let other = own.changed(|it| it["checkpoint"] = json!(smaller));
    assert_eq!(other.0, "witness.cosignature_missing");
    for broken in [
        ("format", json!("cardea-own-log/2")),
        ("checkpoint", json!("")),
        ("entries", json!({})),
        ("more", json!(1)),
    ] {
        let (found, _) = own.changed(|it| it[broken.0] = broken.1.clone());
        assert_eq!(found, "witness.export_malformed", "{}", broken.0);
    }
    for member in ["salt", "leaf"] {
        let (found, _) = own.changed(|it| it["entries"][0][member] = json!("AA=="));
        assert_eq!(found, "witness.export_malformed", "{member}");
    }
}
