//! The program as an operator runs it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::{Command, Output};

fn cardea(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cardea"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "it must fail");
    assert!(output.stdout.is_empty(), "nothing on standard output");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn help_names_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    let output = cardea(folder.path(), &["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(text.contains("serve") && text.contains("keys"), "{text}");
}

#[test]
fn a_mistake_in_the_configuration_is_named_by_file_key_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    let example = include_str!("../cardea.example.toml");
    let text = example.replacen("grace_seconds = 30", "grace_seconds = \"long\"", 1);
    std::fs::write(folder.path().join("cardea.toml"), text).unwrap();
    let message = refused(&cardea(folder.path(), &["serve"]));
    for part in ["cardea.toml:", "presence.grace_seconds", "invalid type"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn keys_are_made_printed_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    for (command, file) in [
        ("new-root", "root.pem"),
        ("new-challenge-key", "challenge.pem"),
    ] {
        let output = cardea(folder.path(), &["keys", command, "--out", file]);
        assert!(output.status.success());
        let jwk: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let members = jwk.as_object().unwrap();
        assert!(
            members.contains_key("kid") && !members.contains_key("d"),
            "a public key"
        );
        let again = cardea(folder.path(), &["keys", command, "--out", file]);
        assert!(refused(&again).contains("is not overwritten"));
    }
    let sign = |issuer: &str| {
        let arguments = [
            "keys",
            "sign-challenge-list",
            "--root",
            "root.pem",
            "--issuer",
            issuer,
            "--version",
            "7",
            "--key",
            "challenge.pem",
            "--out",
            "list.jws",
        ];
        cardea(folder.path(), &arguments)
    };
    assert!(sign("https://login.example.test").status.success());
    let list = std::fs::read_to_string(folder.path().join("list.jws")).unwrap();
    assert_eq!(list.trim().split('.').count(), 3);
    assert!(refused(&sign("http://login.example.test")).contains("must use https"));
}

#[test]
fn an_enrolment_document_is_signed_and_shown_with_the_fingerprints_to_compare() {
    let folder = tempfile::tempdir().unwrap();
    for (root, public) in [("root-1.pem", "root-1.jwk"), ("root-2.pem", "root-2.jwk")] {
        let output = cardea(folder.path(), &["keys", "new-root", "--out", root]);
        std::fs::write(folder.path().join(public), output.stdout).unwrap();
    }
    let sign = |name: &str, origin: &str| {
        let issuer = "https://login.example.test";
        let mut arguments = vec!["keys", "sign-enrolment", "--root", "root-1.pem"];
        arguments.extend(["--second-root", "root-2.jwk", "--issuer", issuer]);
        arguments.extend(["--name", name, "--origin", origin, "--out", "enrolment.jws"]);
        cardea(folder.path(), &arguments)
    };
    let signed = sign("Portail santé", "https://login.example.test");
    assert!(signed.status.success(), "{signed:?}");
    let shown = cardea(folder.path(), &["keys", "show-enrolment", "enrolment.jws"]);
    assert!(shown.status.success());
    assert_eq!(shown.stdout, signed.stdout);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("Portail santé"), "{text}");
    let fingerprints = text.lines().filter(|line| line.starts_with("root key "));
    assert_eq!(fingerprints.count(), 2, "{text}");
    refused(&sign("", "https://login.example.test"));
    refused(&sign("Portail", "https://login.example.test/path"));
    std::fs::write(folder.path().join("enrolment.jws"), "x.y.z").unwrap();
    refused(&cardea(
        folder.path(),
        &["keys", "show-enrolment", "enrolment.jws"],
    ));
}
