//! `cardea-vcard issue-all`, `professions` and the states that a card can be issued in.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cardea-vcard"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn workshop() -> TempDir {
    let folder = TempDir::new().unwrap();
    succeed(
        folder.path(),
        &["pki", "init", "pki", "--authority-key", "p256"],
    );
    folder
}

#[test]
fn a_deck_has_a_card_of_every_profession_and_says_what_each_comes_to() {
    let workshop = workshop();
    let folder = workshop.path();
    let arguments = [
        "issue-all",
        "--out",
        "cards",
        "--pki",
        "pki",
        "--key",
        "p256",
        "--json",
    ];
    let index: Value = serde_json::from_str(&succeed(folder, &arguments)).unwrap();
    let cards = index["cards"].as_array().unwrap();
    let professions: Value =
        serde_json::from_str(&succeed(folder, &["professions", "--json"])).unwrap();
    for profession in professions.as_array().unwrap() {
        let code = profession["code"].as_str().unwrap();
        let known = cards.iter().any(|card| {
            card["profession"]["code"] == code
                && card["profession"]["system"] == profession["system"]
        });
        assert!(known, "no card of {profession}");
    }
    for card in cards {
        let name = card["folder"].as_str().unwrap();
        let card_folder = format!("cards/{name}");
        let shown = succeed(folder, &["show", &card_folder, "--json"]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["family_name"], card["family_name"], "{name}");
        let blocked = card["condition"] == "blocked_pin";
        assert_eq!(shown["pin_tries_left"] == 0, blocked, "{name}");
    }
    let outcomes = |condition: &str| {
        let card = cards.iter().find(|card| card["condition"] == condition);
        card.unwrap()["expected"].clone()
    };
    assert_eq!(outcomes("good")["outcome"], "signed_in");
    assert_eq!(outcomes("expires_soon")["outcome"], "signed_in");
    assert_eq!(outcomes("revoked")["code"], "login.card_revoked");
    assert_eq!(outcomes("expired")["code"], "agent.card_expired");
    assert_eq!(outcomes("not_yet_valid")["code"], "login.card_not_accepted");
    assert_eq!(outcomes("blocked_pin")["code"], "card.pin_blocked");
    let readme = std::fs::read_to_string(folder.join("cards/README.md")).unwrap();
    assert!(readme.contains("| `state-revoked` |"), "{readme}");
    // A second deck does not overwrite cards that somebody may be using.
    let again = run(folder, &arguments);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("virtual_card.folder_taken"));
}

#[test]
fn one_card_can_be_issued_in_each_state_but_not_in_two() {
    let workshop = workshop();
    let folder = workshop.path();
    let issue = |name: &str, flags: &[&str]| {
        let card = [
            "issue",
            "--profile",
            "cps",
            "--profession",
            "60",
            "--key",
            "p256",
            "--name",
            "Alix ESSAI",
            "--rpps",
            "99720000999",
            "--out",
            name,
        ];
        run(folder, &[&card[..], flags].concat())
    };
    for (name, flags) in [
        ("good", &[][..]),
        ("old", &["--expired"][..]),
        ("new", &["--not-yet-valid"]),
        ("soon", &["--expires-in-days", "3"]),
        ("revoked", &["--revoked"]),
        ("blocked", &["--blocked-pin"]),
    ] {
        let output = issue(name, flags);
        assert!(output.status.success(), "{name}: {output:?}");
    }
    assert!(!issue("both", &["--revoked", "--expired"]).status.success());
    assert!(!issue("never", &["--expires-in-days", "0"]).status.success());
    let ends_within = |name: &str, seconds: &str| {
        let certificate = folder.join(name).join("authentication.pem");
        let mut openssl = Command::new("openssl");
        openssl.args(["x509", "-noout", "-checkend", seconds, "-in"]);
        !openssl.arg(certificate).output().unwrap().status.success()
    };
    assert!(!ends_within("soon", "172800") && ends_within("soon", "345600"));
    assert!(!ends_within("good", "345600"));
    let index = std::fs::read_to_string(folder.join("pki/authorities/ACI-FO-PP/index.txt"));
    let index = index.unwrap_or_default();
    assert!(index.lines().any(|line| line.starts_with('R')), "{index}");
}
