//! A line in, a line out, whatever the line.

use std::cell::RefCell;
use std::io::{Read, Write};

use serde_json::{Value, json};

use super::run;
use crate::Config;

fn replay(input: &[u8]) -> Vec<Value> {
    let mut output = Vec::new();
    let mistakes = run(&Config::default(), input, &mut output).unwrap();
    let text = String::from_utf8(output).unwrap();
    let answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mistaken = answers.iter().filter(|it| it.get("error").is_some());
    assert_eq!(u64::try_from(mistaken.count()), Ok(mistakes));
    answers
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
fn signatures_that_nobody_asked_for_buy_nothing() {
    let acts: Vec<_> = (0..80).map(|number| act(number, number)).collect();
    let plain = replay(acts.join("\n").as_bytes());
    let asked = plain.iter().position(|it| it["decision"] == "step_up");
    let asked = asked.unwrap();
    let signature = json!({"t": "2026-11-30T09:00:00Z", "sub": "s", "fresh_signature": true});
    let mut lines = vec![signature.to_string(); 50];
    lines.extend_from_slice(&acts[..asked]);
    lines.extend(vec![signature.to_string(); 50]);
    lines.extend_from_slice(&acts[asked..]);
    let mut answers = replay(lines.join("\n").as_bytes());
    assert_eq!(answers.len(), 180);
    let allow = json!({"decision": "allow", "reasons": []});
    assert!(answers.drain(50 + asked..100 + asked).all(|it| it == allow));
    assert!(answers.drain(..50).all(|it| it == allow));
    assert_eq!(answers, plain);
}

/// Gives its input piece by piece, and demands before each that all lines so far are answered.
struct Conversation<'a> {
    pieces: std::vec::IntoIter<&'a [u8]>,
    given: usize,
    heard: &'a RefCell<Vec<u8>>,
}

impl Read for Conversation<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let lines = self.heard.borrow().split(|it| *it == b'\n').count() - 1;
        assert_eq!(
            lines, self.given,
            "a line is answered before the next is asked for"
        );
        let piece = self.pieces.next().unwrap_or_default();
        self.given += piece.iter().filter(|it| **it == b'\n').count();
        buffer[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

struct Ear<'a>(&'a RefCell<Vec<u8>>);

impl Write for Ear<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn each_line_is_answered_before_more_is_read() {
    let (one, two) = (format!("{}\n", act(0, 0)), format!("{}\n", act(1, 1)));
    let both = format!("{one}{two}{}", &one[..20]);
    let (middle, end) = one[20..].split_at(30);
    let pieces: Vec<&[u8]> = [&one, &two, &both, middle, end, "\n", "no act\n", &one]
        .map(str::as_bytes)
        .to_vec();
    let heard = RefCell::new(Vec::new());
    let conversation = Conversation {
        pieces: pieces.into_iter(),
        given: 0,
        heard: &heard,
    };
    let mistakes = run(&Config::default(), conversation, Ear(&heard)).unwrap();
    assert_eq!(mistakes, 2);
    assert_eq!(heard.borrow().iter().filter(|it| **it == b'\n').count(), 8);
}

#[test]
fn what_other_systems_write_around_lines_is_no_part_of_them() {
    let lines = [act(0, 0), act(1, 1)];
    let answers = replay(format!("\u{feff}{}\r\n{}\r\n", lines[0], lines[1]).as_bytes());
    assert_eq!(answers, replay(lines.join("\n").as_bytes()));
    // In the middle of a text the mark is none.
    let answers = replay(format!("{}\n\u{feff}{}\n", lines[0], lines[1]).as_bytes());
    assert_eq!(answers[1]["line"], 2);
}

#[test]
fn names_may_be_whole_numbers_and_are_never_rounded() {
    let act = |sub: &str, profession: &str, patient: &str| {
        format!(
            r#"{{"t":"2026-01-01T00:00:00Z","sub":{sub},"profession":{profession},"service":5,
            "patient":{patient},"session":3,"source":-4}}"#
        )
        .replace('\n', "")
    };
    let same = [act("7", "10", "99"), act("\"7\"", "\"10\"", "\"99\"")].map(|it| {
        let lines = vec![it; 200];
        replay(lines.join("\n").as_bytes())
    });
    assert_eq!(same[0], same[1]);
    assert!(same[0].iter().all(|it| it["decision"] == "allow"));
    for number in [
        "99901990000001234567890",
        "1.5",
        "1e3",
        "true",
        "null",
        "[1]",
    ] {
        for (member, line) in [
            ("sub: ", act(number, "10", "99")),
            ("patient: ", act("7", "10", number)),
        ] {
            let answers = replay(line.as_bytes());
            let reason = answers[0]["reason"].as_str().unwrap();
            assert!(reason.starts_with(member), "{reason}");
        }
    }
}

#[test]
fn a_reason_names_the_column_and_leaves_the_line_to_its_own_member() {
    let input = format!(
        "{}\n{{\"t\":\"2026-01-01T00:00:00Z\",\"sub\":[]}}\n",
        act(0, 0)
    );
    let answers = replay(input.as_bytes());
    assert_eq!(answers[1]["line"], 2);
    let reason = answers[1]["reason"].as_str().unwrap();
    assert!(!reason.contains("line 1"), "{reason}");
    assert!(reason.contains("(column 36)"), "{reason}");
}

#[test]
fn names_that_no_rule_knows_and_times_out_of_order_are_judged() {
    let line = |t: &str, patient: u32, more: &str| {
        format!(r#"{{"t":"{t}","sub":"s","service":"r","patient":{patient}{more}}}"#)
    };
    let lines = [
        line(
            "2026-01-01T00:00:10+00:00",
            1,
            r#","profession":"astrologer""#,
        ),
        line("2026-01-01T02:00:05+02:00", 2, r#","profession":null"#),
        line(
            "1970-01-01T00:00:00+14:00",
            3,
            r#","session":null,"source":"""#,
        ),
        line(
            "2200-12-31T23:59:59.999-14:00",
            4,
            r#","patient_present":null"#,
        ),
        line("2026-01-01T00:00:10z", 5, r#","fresh_signature":false"#),
    ];
    for answer in replay(lines.join("\n").as_bytes()) {
        assert_eq!(answer["decision"], "allow");
    }
    // A robot that is told to have acted in the past is counted with what is newest.
    let backwards: Vec<_> = (0..60).rev().map(|number| act(number, number)).collect();
    let answers = replay(backwards.join("\n").as_bytes());
    assert!(answers.iter().any(|it| it["decision"] == "step_up"));
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
