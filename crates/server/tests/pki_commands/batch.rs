//! `cardea pki validate --batch`.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::folder::{AT, Folder, pharmacist, stdout};

fn case(id: &str, leaf: &str) -> Value {
    json!({
        "id": id,
        "leaf": leaf,
        "anchors": ["anchors.pem"],
        "intermediates": ["intermediates.pem"],
        "crls": ["crls"],
        "at": AT,
    })
}

fn with(mut case: Value, member: &str, value: Value) -> Value {
    case[member] = value;
    case
}

/// Lines with the id and the code that their answers must have.
fn lines(folder: &Path) -> Vec<(String, Value, Option<&'static str>)> {
    let absolute = folder.join("leaf.crt");
    let good = || case("good", "leaf.crt");
    vec![
        (good().to_string(), json!("good"), None),
        ("{".to_owned(), Value::Null, Some("server.case_malformed")),
        (
            with(good(), "inhibit_any_polcy", json!(true)).to_string(),
            json!("good"),
            Some("server.case_malformed"),
        ),
        (
            case("missing", "nowhere.crt").to_string(),
            json!("missing"),
            Some("server.input_unreadable"),
        ),
        (String::new(), Value::Null, None),
        (
            with(case("", "garbage.crt"), "id", json!(7)).to_string(),
            json!(7),
            Some("server.input_not_recognised"),
        ),
        (
            case("revoked", "revoked.crt").to_string(),
            json!("revoked"),
            Some("pki.certificate_revoked"),
        ),
        (
            with(good(), "crls", Value::Null).to_string(),
            json!("good"),
            Some("pki.revocation_unknown"),
        ),
        (
            with(with(good(), "crls", json!([])), "revocation", json!("off")).to_string(),
            json!("good"),
            None,
        ),
        (
            with(good(), "profile", json!("nobody")).to_string(),
            json!("good"),
            Some("server.profile_unknown"),
        ),
        (
            case("absolute", absolute.to_str().unwrap()).to_string(),
            json!("absolute"),
            None,
        ),
        (
            with(good(), "profile", json!("cps")).to_string(),
            json!("good"),
            None,
        ),
    ]
}

/// Members that are nothing of ours, and one that nearly is.
fn lines_of_strangers() -> Vec<(String, Value, Option<&'static str>)> {
    let good = || case("good", "leaf.crt");
    vec![
        (
            with(good(), "source", json!({"crls": 7})).to_string(),
            json!("good"),
            None,
        ),
        (
            with(good(), "sources", json!(1)).to_string(),
            json!("good"),
            None,
        ),
        (
            with(good(), "source", json!(2)).to_string(),
            json!("good"),
            None,
        ),
        (
            with(good(), "Initial-Policies", json!([])).to_string(),
            json!("good"),
            Some("server.case_malformed"),
        ),
    ]
}

#[test]
fn every_line_is_answered_and_none_ends_the_batch() {
    let card = pharmacist();
    let folder = Folder::with_card(&card.authentication, &[&card.signature]);
    folder.write("revoked.crt", &card.signature.der);
    folder.write("garbage.crt", b"\x30\x03garbage");
    let mut lines = lines_of_strangers();
    lines.extend(self::lines(folder.path()));
    let text: Vec<&str> = lines.iter().map(|(line, ..)| line.as_str()).collect();
    // Some editors begin a text with this.
    let text = format!("\u{feff}{}", text.join("\n"));
    folder.write("cases.jsonl", text.as_bytes());
    // Paths start from the file's folder, wherever the program runs.
    let elsewhere = Folder::new();
    let file = folder.path().join("cases.jsonl");
    let output = elsewhere.pki(&format!("validate --batch {}", file.display()));
    assert_eq!(output.status.code(), Some(0));
    let notes = String::from_utf8(output.stderr.clone()).unwrap();
    let lines_of_notes: Vec<&str> = notes.lines().collect();
    assert_eq!(lines_of_notes.len(), 2, "each name once: {notes}");
    assert!(lines_of_notes[0].contains("\"source\""), "{notes}");
    assert!(lines_of_notes[1].contains("\"sources\""), "{notes}");
    let text = stdout(&output);
    let answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let expected: Vec<_> = lines.iter().filter(|(line, ..)| !line.is_empty()).collect();
    assert_eq!(answers.len(), expected.len(), "{text}");
    for (answer, (line, id, code)) in answers.iter().zip(expected) {
        assert_eq!(&answer["id"], id, "{line}: {answer}");
        assert_eq!(answer["code"].as_str(), *code, "{line}: {answer}");
        assert_eq!(answer["valid"], code.is_none(), "{line}");
    }
    assert_eq!(
        answers.last().unwrap()["identity"]["subject_id_type"],
        "rpps"
    );
}

#[test]
fn an_answer_comes_before_the_next_case_and_a_changed_file_is_read_again() {
    let card = pharmacist();
    let folder = Folder::with_card(&card.authentication, &[]);
    let mut child = folder
        .command()
        .args(["validate", "--json", "--batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut ask = |id: &str| -> Value {
        writeln!(input, "{}", case(id, "leaf.crt")).unwrap();
        input.flush().unwrap();
        serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap()
    };
    let first = ask("first");
    assert_eq!(
        (&first["id"], &first["valid"]),
        (&json!("first"), &json!(true))
    );
    folder.write("leaf.crt", &card.authentication.tampered_signature());
    let second = ask("second");
    assert_eq!(second["code"], "pki.untrusted_anchor", "{second}");
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_batch_that_cannot_be_read_is_unusable() {
    let folder = Folder::new();
    for file in ["missing.jsonl", "."] {
        let output = folder.pki(&format!("validate --json --batch {file}"));
        assert_eq!(output.status.code(), Some(2), "{file}");
        assert!(output.stdout.is_empty(), "{file}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("server.input_unreadable"), "{text}");
    }
    folder.write("empty.jsonl", b"");
    let output = folder.pki("validate --batch empty.jsonl");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.is_empty());
}

#[test]
fn options_of_one_case_do_not_go_with_a_batch() {
    let folder = Folder::new();
    folder.write("cases.jsonl", b"");
    for option in [
        "--anchors a.pem",
        "--profile cps",
        "--at 2026-01-15T12:00:00Z",
    ] {
        let output = folder.pki(&format!("validate --batch cases.jsonl {option}"));
        assert_eq!(output.status.code(), Some(2), "{option}");
    }
}
