//! Input that cannot be judged: exit status 2 and a code that begins with `server.`.

use std::process::Command;

use cardea_test_pki::{CardProfile, KeyKind, TestPki};
use serde_json::json;

use crate::folder::{AT, Folder, one_document, pharmacist};

/// Arguments, and the code that they earn.
const UNUSABLE: &[(&str, &str)] = &[
    (
        "--anchors anchors.pem -- missing.crt",
        "server.input_unreadable",
    ),
    (
        "--anchors missing.pem -- leaf.crt",
        "server.input_unreadable",
    ),
    (
        "--anchors anchors.pem --crls missing -- leaf.crt",
        "server.input_unreadable",
    ),
    ("--anchors anchors.pem -- crls", "server.input_unreadable"),
    ("--anchors anchors.pem -- pipe", "server.input_unreadable"),
    (
        "--anchors anchors.pem -- text.pem",
        "server.input_not_recognised",
    ),
    (
        "--anchors anchors.pem -- empty.pem",
        "server.input_not_recognised",
    ),
    (
        "--anchors anchors.pem -- broken.pem",
        "server.input_not_recognised",
    ),
    (
        "--anchors anchors.pem -- list.crl",
        "server.input_not_recognised",
    ),
    (
        "--anchors text.pem -- leaf.crt",
        "server.input_not_recognised",
    ),
    ("--anchors crls -- leaf.crt", "server.input_not_recognised"),
    (
        "--anchors anchors.pem --intermediates text.pem -- leaf.crt",
        "server.input_not_recognised",
    ),
    (
        "--anchors anchors.pem --crls text.pem -- leaf.crt",
        "server.input_not_recognised",
    ),
    (
        "--anchors anchors.pem --ocsp text.pem -- leaf.crt",
        "server.input_not_recognised",
    ),
    (
        "--anchors cut.crt -- leaf.crt",
        "server.input_not_recognised",
    ),
    (
        "--anchors anchors.pem -- cut.crt",
        "server.input_not_recognised",
    ),
    (
        "--anchors half.pem -- leaf.crt",
        "server.input_not_recognised",
    ),
    (
        "--anchors anchors.pem --crls leaf.crt -- leaf.crt",
        "server.input_not_recognised",
    ),
    (
        "--anchors anchors.pem --at yesterday leaf.crt",
        "server.case_malformed",
    ),
    (
        "--anchors anchors.pem --initial-policy x leaf.crt",
        "server.case_malformed",
    ),
    ("--anchors anchors.pem", "server.case_malformed"),
    ("-- leaf.crt", "server.case_malformed"),
    (
        "--anchors anchors.pem --profile nobody leaf.crt",
        "server.profile_unknown",
    ),
    (
        "--anchors anchors.pem --profile own.toml leaf.crt",
        "server.config_invalid",
    ),
];

#[test]
fn each_kind_of_unusable_input_has_its_code() {
    let folder = Folder::with_card(&pharmacist().authentication, &[]);
    folder.write("text.pem", b"not a certificate");
    folder.write("empty.pem", b"");
    folder.write(
        "broken.pem",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    folder.write("own.toml", b"name = 7");
    let mut half = std::fs::read(folder.path().join("anchors.pem")).unwrap();
    half.extend(b"-----BEGIN X509 CRL-----\n!\n-----END X509 CRL-----\n");
    folder.write("half.pem", &half);
    let leaf = std::fs::read(folder.path().join("leaf.crt")).unwrap();
    folder.write("cut.crt", &leaf[..leaf.len() - 1]);
    let list = std::fs::read(folder.path().join("crls/0.crl")).unwrap();
    folder.write("list.crl", &list);
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    for (arguments, code) in UNUSABLE {
        let output = folder.pki(&format!("validate --json {arguments}"));
        let answer = one_document(&output);
        assert_eq!(answer["code"], *code, "{arguments}: {answer}");
        assert_eq!(answer["valid"], false);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {answer}");
    }
}

/// One file that was cut short on its way must not hide what the others say.
#[test]
fn a_broken_file_beside_the_leaf_is_left_out_and_named() {
    let folder = Folder::with_card(&pharmacist().authentication, &[]);
    let cut = |name: &str, from: &str| {
        let whole = std::fs::read(folder.path().join(from)).unwrap();
        folder.write(name, &whole[..whole.len() / 2]);
    };
    cut("cut.crl", "crls/0.crl");
    cut("cut.crt", "leaf.crt");
    folder.write("cut.ocsp", &[0x30, 0x82, 1, 0, 0x0a, 1, 0, 0xa0]);
    folder.write(
        "broken.pem",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    for (broken, file) in [
        ("--crls cut.crl", "cut.crl"),
        ("--ocsp cut.ocsp", "cut.ocsp"),
        ("--intermediates cut.crt", "cut.crt"),
        ("--intermediates broken.pem", "broken.pem"),
    ] {
        let (exit, answer) = folder.validate(&format!("{broken} --crls crls"));
        assert_eq!(exit, 0, "{broken}: {answer}");
        let (exit, answer) = folder.validate(broken);
        assert_eq!(
            (exit, &answer["code"]),
            (1, &json!("pki.revocation_unknown")),
            "{broken}: {answer}"
        );
        let reason = answer["reason"].as_str().unwrap();
        let named = format!("{file} could not be used");
        assert!(reason.contains(&named), "{broken}: {reason}");
    }
}

#[test]
fn a_file_beyond_its_bound_is_not_read() {
    let folder = Folder::with_card(&pharmacist().authentication, &[]);
    let file = std::fs::File::create(folder.path().join("huge.crl")).unwrap();
    // Sparse: it takes no room.
    file.set_len(97 * 1024 * 1024).unwrap();
    let (exit, answer) = folder.validate("--crls huge.crl --revocation hard");
    assert_eq!(
        (exit, &answer["code"]),
        (2, &json!("server.input_too_large"))
    );
}

#[test]
fn an_option_that_is_not_known_is_refused() {
    let folder = Folder::with_card(&pharmacist().authentication, &[]);
    let output = folder.pki("validate --json --anchors anchors.pem --revocation soft leaf.crt");
    assert_eq!(output.status.code(), Some(2));
    let answer = one_document(&output);
    assert_eq!(answer["valid"], false);
    assert_eq!(answer["code"], "server.case_malformed");
    let reason = answer["reason"].as_str().unwrap();
    assert!(reason.contains("--revocation"), "{reason}");
    assert!(!output.stderr.is_empty(), "people are told too");
    let output = folder.pki("validate --inhibit-any-polcy --anchors anchors.pem leaf.crt");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty(), "nobody asked for JSON");
    let output = folder.pki("validate --json --help");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_certificate_that_breaks_the_rules_is_a_verdict() {
    let pki = TestPki::shared().unwrap();
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    let mut spec = profile.authentication(pki.at()).unwrap();
    spec.extra_extensions.push(cardea_test_pki::RawExtension {
        // Basic constraints once more: RFC 5280 section 4.2 forbids a second one.
        oid: cardea_test_pki::ObjectIdentifier::new_unwrap("2.5.29.19"),
        critical: false,
        der: vec![0x30, 0x00],
    });
    let twice = pki.issue(&spec).unwrap();
    let folder = Folder::with_card(&twice, &[]);
    let (exit, answer) = folder.validate("--crls crls");
    assert_eq!(
        (exit, &answer["code"]),
        (1, &json!("pki.certificate_malformed"))
    );
    // The same certificate as an intermediate is of no use, and does no harm.
    folder.write("twice.crt", &twice.der);
    folder.write("leaf.crt", &pharmacist().authentication.der);
    let output = folder.pki(&format!(
        "validate --json --anchors anchors.pem --intermediates twice.crt --crls crls --at {AT} \
         leaf.crt"
    ));
    let answer = one_document(&output);
    assert_eq!(answer["code"], "pki.untrusted_anchor");
    let reason = answer["reason"].as_str().unwrap();
    assert!(reason.contains("twice.crt could not be used"), "{reason}");
    let (exit, answer) = folder.validate("--intermediates twice.crt --crls crls");
    assert_eq!(exit, 0, "{answer}");
}
