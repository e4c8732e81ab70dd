//! A line in, a line out, whatever the line.

use serde_json::{Value, json};

use super::run;
use crate::Config;

fn replay(input: &[u8]) -> Vec<Value> {
    let mut output = Vec::new();
    run(&Config::default(), input, &mut output).unwrap();
    let text = String::from_utf8(output).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn act(second: u32, patient: u32) -> String {
    let (minute, second) = (second / 60, second % 60);
    json!({
        "t": format!("2026-11-30T10:{minute:02}:{second:02}+01:00"),
        "sub": "s", "profession": "10", "service": "records", "patient": format!("p{patient}"),
        "patient_present": false, "session": "x", "source": "w",
    })
    .to_string()
}

#[test]
fn a_robot_is_answered_with_reasons_in_two_languages() {
    let lines: Vec<_> = (0..120).map(|number| act(number, number)).collect();
    let answers = replay(lines.join("\n").as_bytes());
    assert_eq!(answers.len(), 120);
    assert_eq!(answers[0], json!({"decision": "allow", "reasons": []}));
    let first = answers
        .iter()
        .position(|it| it["decision"] == "step_up")
        .unwrap();
    assert!(first < 60);
    let reason = &answers[first]["reasons"][0];
    assert!(reason["fr"].as_str().unwrap().contains("carte"));
    assert!(reason["en"].as_str().unwrap().contains("card"));
    let words: Vec<_> = answers
        .iter()
        .map(|it| it["decision"].as_str().unwrap())
        .collect();
    for word in ["slow", "stop_session"] {
        assert!(words.contains(&word), "{word}");
    }
}

#[test]
fn a_signature_is_a_line_of_its_own_and_restores_what_was_asked_for() {
    let mut lines: Vec<_> = (0..60).map(|number| act(number, number)).collect();
    let before = replay(lines.join("\n").as_bytes());
    let asked = before
        .iter()
        .position(|it| it["decision"] == "step_up")
        .unwrap();
    lines.truncate(asked + 1);
    lines.push(
        json!({"t": "2026-11-30T10:30:00+01:00", "sub": "s", "fresh_signature": true}).to_string(),
    );
    lines.push(act(1_801, 1_000));
    let after = replay(lines.join("\n").as_bytes());
    assert_eq!(after.len(), lines.len());
    assert_eq!(after.last().unwrap()["decision"], "allow");
}

#[test]
fn a_bad_line_says_what_is_wrong_and_the_batch_goes_on() {
    let bad: [(&str, &str); 9] = [
        ("{", "EOF"),
        ("", "EOF"),
        ("[]", "invalid"),
        (
            r#"{"t":"yesterday","sub":"s","service":"r","patient":"p"}"#,
            "t: ",
        ),
        (
            r#"{"t":"2500-01-01T00:00:00Z","sub":"s","service":"r","patient":"p"}"#,
            "t: the year",
        ),
        (
            r#"{"t":"2026-01-01T00:00:00Z","sub":"","service":"r","patient":"p"}"#,
            "sub: ",
        ),
        (
            r#"{"t":"2026-01-01T00:00:00Z","sub":"s","patient":"p"}"#,
            "service: ",
        ),
        (
            r#"{"t":"2026-01-01T00:00:00Z","sub":"s","service":"r"}"#,
            "patient: 0",
        ),
        (
            r#"{"t":"2026-01-01T00:00:00Z","sub":"s","patient_present":3}"#,
            "patient_present: ",
        ),
    ];
    for (line, wanted) in bad {
        let input = format!("{}\n{line}\n{}\n", act(0, 0), act(1, 1));
        let answers = replay(input.as_bytes());
        assert_eq!(answers.len(), 3, "{line}");
        assert_eq!(answers[1]["error"], "guard.replay_line_invalid");
        assert_eq!(answers[1]["line"], 2);
        let reason = answers[1]["reason"].as_str().unwrap();
        assert!(reason.contains(wanted), "{line}: {reason}");
        assert_eq!(answers[2]["decision"], "allow");
    }
}

#[test]
fn long_lines_are_skipped_and_bytes_that_are_no_text_refused() {
    let mut input = vec![b'x'; 200_000];
    input.extend_from_slice(b"\n\xff\xfe\n");
    input.extend_from_slice(act(0, 0).as_bytes());
    let answers = replay(&input);
    assert_eq!(answers.len(), 3);
    assert!(answers[0]["reason"].as_str().unwrap().contains("65536"));
    assert_eq!(answers[1]["error"], "guard.replay_line_invalid");
    assert_eq!(
        answers[2]["decision"], "allow",
        "the last line needs no end"
    );
}

#[test]
fn optional_members_and_unknown_ones_are_taken() {
    let line = r#"{"t":"2026-01-01T00:00:00.25Z","sub":"s","service":"r","patients":["a",7],
        "kind":"write","signals":{"sequence":true},"follow_up":false,"session":3,"other":1}"#;
    let answers = replay(line.replace('\n', "").as_bytes());
    assert_eq!(answers[0]["decision"], "allow");
    assert_eq!(replay(b""), Vec::<Value>::new());
}
