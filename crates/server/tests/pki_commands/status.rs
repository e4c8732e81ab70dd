//! `cardea pki status`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use cardea_test_pki::{AuthorityName, CrlSpec, PkiSettings, PublicationSettings, TestPki};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::folder::{Folder, one_document, pem, stdout};

/// A configuration whose anchors are those of a PKI made for `at`, and whose addresses are all at
/// `address`.
fn server(at: OffsetDateTime, address: &str) -> (Folder, TestPki) {
    let settings = PkiSettings {
        publication: PublicationSettings {
            base_url: format!("http://{address}"),
            ocsp_url: format!("http://{address}"),
            ldap_host: address.to_owned(),
        },
        ..PkiSettings::fast(at)
    };
    let pki = TestPki::new(&settings).unwrap();
    let folder = Folder::new();
    let example = include_str!("../../cardea.example.toml");
    let hosts = r#"hosts = ["127.0.0.1:8090", "127.0.0.1:8091"]"#;
    let configured = example.replacen(hosts, &format!("hosts = [\"{address}\"]"), 1);
    assert_ne!(configured, example, "the example names its hosts as above");
    folder.write("cardea.toml", configured.as_bytes());
    std::fs::create_dir(folder.path().join("pki")).unwrap();
    folder.write("pki/anchors.pem", &pem(&pki.card_anchors_der()));
    folder.write("pki/intermediates.pem", &pem(&pki.intermediates_der()));
    (folder, pki)
}

fn status(folder: &Folder, more: &str) -> (Option<i32>, Value) {
    let output = folder.pki(&format!("status --json {more}"));
    (output.status.code(), one_document(&output))
}

#[test]
fn a_good_server_needs_no_attention() {
    let (folder, _) = server(datetime!(2026-01-15 12:00 UTC), "127.0.0.1:9");
    let (exit, status) = status(&folder, "--config cardea.toml");
    assert_eq!(exit, Some(0), "{status}");
    assert_eq!(status["attention"], json!([]));
    let anchor = &status["trust_anchors"][0];
    assert_eq!(
        (&anchor["name"], &anchor["profile"]),
        (&json!("test-cards"), &json!("cps"))
    );
    let certificates = anchor["certificates"].as_array().unwrap();
    assert_eq!(certificates.len(), 6, "two roots, four issuing authorities");
    assert!(
        certificates.iter().all(|it| it["state"] == "current"),
        "{status}"
    );
    assert!(
        status["lists"]
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["state"] == "missing")
    );
    let addresses = anchor["addresses"].as_array().unwrap();
    assert!(
        addresses.iter().all(|it| it.get("answer").is_none()),
        "nobody was asked"
    );
    let text = stdout(&folder.pki("status"));
    for part in [
        "anchor  ",
        "TEST AC RACINE",
        "missing",
        "not asked",
        "Nothing needs attention.",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// What operators added counts for running servers as what the files have.
#[test]
fn certificates_of_the_database_are_shown_with_where_they_come_from() {
    let (folder, _) = server(datetime!(2026-01-15 12:00 UTC), "127.0.0.1:9");
    let other = TestPki::shared().unwrap();
    let root = AuthorityName::FORT_PERSONNES.root();
    let root = other.authority(root).unwrap();
    folder.write("added.pem", root.certificate_pem().as_bytes());
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardea"));
    command.current_dir(folder.path());
    let added = command.args(["anchors", "add", "added.pem", "--yes"]);
    assert!(added.output().unwrap().status.success());
    let (exit, answer) = status(&folder, "");
    assert_eq!(exit, Some(0), "{answer}");
    let certificates = answer["trust_anchors"][0]["certificates"].as_array();
    let from = |it: &Value| it["source"].as_str().unwrap().to_owned();
    let sources: Vec<String> = certificates.unwrap().iter().map(from).collect();
    let of = |end: &str| sources.iter().filter(|it| it.ends_with(end)).count();
    let counts = (of("pki/anchors.pem"), of("pki/intermediates.pem"));
    assert_eq!((counts, of("database")), ((2, 4), 1), "{sources:?}");
    let text = stdout(&folder.pki("status"));
    assert!(
        text.contains("database") && text.contains("anchors.pem"),
        "{text}"
    );

    // A database that is none.
    folder.write("cardea.sqlite", b"nothing");
    let (exit, answer) = status(&folder, "");
    assert_eq!(exit, Some(1), "{answer}");
    let attention = answer["attention"][0].as_str().unwrap();
    assert!(attention.contains("database cannot be read"), "{attention}");
}

#[test]
fn expired_authorities_need_attention() {
    // Authorities are five years old by then and live twenty.
    let (folder, _) = server(datetime!(2005-01-15 12:00 UTC), "127.0.0.1:9");
    let (exit, answer) = status(&folder, "");
    assert_eq!(exit, Some(1), "{answer}");
    assert_eq!(
        answer["trust_anchors"][0]["certificates"][0]["state"],
        "expired"
    );
    let text = stdout(&folder.pki("status"));
    assert!(
        text.contains("Needs attention:") && text.contains("is expired"),
        "{text}"
    );
}

#[test]
fn an_anchor_file_that_cannot_be_used_needs_attention() {
    let (folder, _) = server(datetime!(2026-01-15 12:00 UTC), "127.0.0.1:9");
    folder.write("pki/anchors.pem", b"nothing");
    let (exit, answer) = status(&folder, "");
    assert_eq!(exit, Some(1), "{answer}");
    let attention = answer["attention"][0].as_str().unwrap();
    assert!(attention.contains("anchors.pem"), "{attention}");
}

#[test]
fn a_configuration_that_cannot_be_used_is_named() {
    let folder = Folder::new();
    let (exit, answer) = status(&folder, "--config missing.toml");
    assert_eq!(exit, Some(2));
    assert_eq!(answer["code"], "server.config_unreadable");
    let output = folder.pki("status --config missing.toml");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
}

#[test]
fn addresses_are_asked_when_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (folder, pki) = server(datetime!(2026-01-15 12:00 UTC), &address);
    // Directories are asked elsewhere: this one closes each connection that is not HTTP.
    let root = AuthorityName::FORT_PERSONNES.root();
    let list = pki.authority(root).unwrap();
    let list = list.crl(&CrlSpec::new(root, pki.at())).unwrap();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let read = connection.read(&mut request).unwrap_or_default();
            if request[..read].starts_with(b"GET ") {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", list.len());
                let _ = connection.write_all(head.as_bytes());
                let _ = connection.write_all(&list);
            }
        }
    });
    let (_, answer) = status(&folder, "--probe");
    let addresses = answer["trust_anchors"][0]["addresses"].as_array().unwrap();
    let usable = |prefix: &str| {
        let mut found = addresses
            .iter()
            .filter(|it| it["address"].as_str().unwrap().starts_with(prefix));
        let first = found.next().unwrap();
        first["answer"]["usable"].clone()
    };
    assert_eq!(usable("http://"), true, "{answer}");
    assert_eq!(usable("ldap://"), false, "{answer}");
    assert_eq!(usable(&address), true, "{answer}");
    assert!(
        answer["attention"][0]
            .as_str()
            .unwrap()
            .starts_with("ldap://"),
        "{answer}"
    );
}
