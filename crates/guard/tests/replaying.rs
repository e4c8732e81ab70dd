//! `cardea-guard replay` as a program of somebody else's talks to it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

fn replay(config: &Path, acts: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardea-guard"));
    command.arg("replay").arg("--config").arg(config);
    command.arg("--json").arg(acts).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn act(second: u32) -> Value {
    json!({
        "t": format!("2026-11-30T10:{:02}:{:02}+01:00", second / 60, second % 60),
        "sub": "s", "profession": "10", "service": "records", "patient": format!("p{second}"),
        "patient_present": false, "session": "x", "source": "w",
    })
}

/// It reads the decision over each act, and only then writes what comes next.
#[test]
fn a_program_signs_when_it_is_asked_to_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("guard.toml");
    fs::write(&config, "").unwrap();
    let mut child = replay(&config, "-").spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut ask = |event: &Value| -> Value {
        writeln!(input, "{event}").unwrap();
        serde_json::from_str(&output.next().unwrap().unwrap()).unwrap()
    };
    let (mut signatures, mut last) = (0, Value::Null);
    for second in 0..600 {
        last = ask(&act(second));
        if last["decision"] == "step_up" && signatures == 0 {
            signatures += 1;
            let signed = json!({"t": act(second)["t"], "sub": "s", "fresh_signature": true});
            assert_eq!(ask(&signed), json!({"decision": "allow", "reasons": []}));
            assert_eq!(ask(&act(second))["decision"], "allow");
        }
        if last["decision"] == "stop_account" {
            break;
        }
    }
    assert_eq!(signatures, 1);
    assert_ne!(last["decision"], "allow", "{last}");
    drop(input);
    assert!(output.next().is_none());
    assert!(child.wait().unwrap().success());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(said, "");
}

#[test]
fn bad_lines_are_counted_for_the_person_and_what_cannot_be_read_ends_in_failure() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("guard.toml");
    fs::write(&config, "").unwrap();
    let acts = folder.path().join("acts.jsonl");
    fs::write(&acts, format!("{}\r\n\r\nno act\r\n{}", act(0), act(1))).unwrap();
    let ended = replay(&config, &acts.display().to_string())
        .output()
        .unwrap();
    assert!(ended.status.success());
    let printed = String::from_utf8(ended.stdout).unwrap();
    let printed: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(printed.len(), 4);
    assert_eq!(
        (&printed[1]["line"], &printed[2]["line"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(printed[3]["decision"], "allow");
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(
        said.contains("no acts: 2 (guard.replay_line_invalid)"),
        "{said}"
    );

    let missing = folder.path().join("missing.jsonl").display().to_string();
    let no_text = folder.path().display().to_string();
    let cases = [
        (missing, "guard.file_unreadable"),
        (no_text, "guard.replay_broken"),
    ];
    for (file, code) in cases {
        let ended = replay(&config, &file).output().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        assert!(ended.stdout.is_empty());
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(said.contains(code), "{said}");
    }
}
