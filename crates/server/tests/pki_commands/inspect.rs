//! `cardea pki inspect`.

use std::io::Write;
use std::process::Stdio;

use cardea_test_pki::hba::HbaProfile;
use cardea_test_pki::piv::PivProfile;
use cardea_test_pki::{
    AuthorityName, CardProfile, CertificateSpec, CountryPki, IssuedCertificate, KeyKind, TestPki,
};
use serde_json::json;

use crate::folder::{Folder, one_document, pharmacist, stdout};

fn folder_of(certificate: &IssuedCertificate) -> Folder {
    let folder = Folder::new();
    folder.write("leaf.crt", &certificate.der);
    folder
}

fn text(folder: &Folder, language: &str) -> String {
    let output = folder.pki(&format!("inspect --lang {language} leaf.crt"));
    assert_eq!(output.status.code(), Some(0));
    stdout(&output)
}

fn issue(profile: &CardProfile) -> IssuedCertificate {
    let pki = TestPki::shared().unwrap();
    let profile = profile.clone().with_key(KeyKind::P256);
    pki.issue_card(&profile).unwrap().authentication
}

#[test]
fn a_pharmacists_card_is_read_aloud_in_both_languages() {
    let folder = folder_of(&pharmacist().authentication);
    let french = text(&folder, "fr");
    for part in [
        "Certificat d'authentification d'une carte professionnelle\n",
        "certificat de TEST",
        "Dominique LEFEVRE-TEST",
        "numéro RPPS 997",
        "pharmacien (code 21, TRE_G15)",
        "CPS, carte de professionnel de santé, n° 8025000001/2600000001",
        "se connecter à un site",
        "TEST AC IGC-CARDEA FORT PERSONNES",
        "Non vérifié",
        "cardea pki validate",
    ] {
        assert!(french.contains(part), "{part}: {french}");
    }
    let english = text(&folder, "en");
    for part in [
        "Authentication certificate of a professional card\n",
        "TEST certificate",
        "RPPS number 997",
        "pharmacist (code 21, TRE_G15)",
        "sign in to a site",
        "EC P-256",
        "Not verified",
    ] {
        assert!(english.contains(part), "{part}: {english}");
    }
}

#[test]
fn a_student_is_not_shown_as_a_doctor() {
    let folder = folder_of(&issue(&CardProfile::student()));
    let english = text(&folder, "en");
    assert!(english.contains("TRE_G16"), "{english}");
    assert!(english.contains("student"), "{english}");
    assert!(text(&folder, "fr").contains("en formation"));
}

#[test]
fn staff_have_a_structure_and_no_profession() {
    let folder = folder_of(&issue(&CardProfile::secretary()));
    let french = text(&folder, "fr");
    for part in [
        "aucune ; intitulé",
        "FINESS",
        "employé d'un établissement",
        "CPE, carte",
    ] {
        assert!(french.contains(part), "{part}: {french}");
    }
}

/// Certificates with what they must be called, one of their warnings (empty for none at all), and
/// whether they may do for signing in.
fn certificates() -> Vec<(IssuedCertificate, [&'static str; 3])> {
    let pki = TestPki::shared().unwrap();
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    let numbered = profile.clone().with_card_number("8025000001/2600000001");
    let spec = numbered.authentication(pki.at()).unwrap();
    let mut real = spec.clone();
    real.certificate_kind = Some(0);
    real.not_after = time::macros::datetime!(2090-01-01 0:00 UTC);
    let expired = spec.clone().expired(pki.at() - time::Duration::days(4000));
    let software = profile.software(pki.at()).unwrap();
    let server = CertificateSpec::tls_server("portal.cardea.test", pki.at());
    let mut authority = pharmacist().authentication;
    let fort = pki.authority(AuthorityName::FORT_PERSONNES).unwrap();
    authority.der = fort.certificate_der().to_vec();
    let issue = |spec: &CertificateSpec| pki.issue(spec).unwrap();
    let signature = pharmacist().signature;
    vec![
        (
            signature,
            ["card_signature", "signature_certificate", "not_its_use"],
        ),
        (
            issue(&software),
            [
                "software_authentication",
                "software_certificate",
                "not_on_a_card",
            ],
        ),
        (
            issue(&expired),
            ["card_authentication", "expired", "expired"],
        ),
        (
            issue(&spec),
            ["card_authentication", "test", "in_tests_only"],
        ),
        (
            issue(&server),
            ["server", "no_card_certificate", "not_its_use"],
        ),
        (
            authority,
            ["authority", "no_card_certificate", "not_its_use"],
        ),
        (issue(&real), ["card_authentication", "", "possible"]),
    ]
}

#[test]
fn what_will_not_do_for_a_login_is_said_plainly() {
    for (certificate, [certified, warning, sign_in]) in certificates() {
        let output = folder_of(&certificate).pki("inspect --json leaf.crt");
        assert_eq!(output.status.code(), Some(0), "{certified}");
        let reading = one_document(&output);
        assert_eq!(reading["verified"], false);
        assert_eq!(reading["certified"], certified, "{warning}: {reading}");
        assert_eq!(reading["sign_in"], sign_in, "{certified}: {reading}");
        let warnings = reading["warnings"].as_array().unwrap();
        if warning.is_empty() {
            assert!(warnings.is_empty(), "{reading}");
        } else {
            assert!(warnings.contains(&json!(warning)), "{warning}: {reading}");
        }
    }
}

/// No line may say yes where another says expired.
#[test]
fn an_expired_card_is_expired_on_every_line() {
    let pki = TestPki::shared().unwrap();
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    let spec = profile.authentication(pki.at()).unwrap();
    let expired = spec.clone().expired(pki.at() - time::Duration::days(4000));
    let folder = folder_of(&pki.issue(&expired).unwrap());
    let french = text(&folder, "fr");
    let english = text(&folder, "en");
    for (text, parts) in [
        (
            &french,
            [
                "commandez une nouvelle carte",
                "Pour se connecter     non : expiré\n",
                "EXPIRÉ depuis",
            ],
        ),
        (
            &english,
            [
                "order a new card",
                "To sign in            no: expired\n",
                "EXPIRED",
            ],
        ),
    ] {
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(
            !text.contains("renouvel") && !text.contains("renewed"),
            "{text}"
        );
    }
    let folder = folder_of(&pki.issue(&spec).unwrap());
    assert!(text(&folder, "fr").contains("seulement dans un environnement de test"));
    assert!(text(&folder, "en").contains("only in a test environment"));
}

#[test]
fn a_weak_key_is_told() {
    let mut builder = openssl::x509::X509::builder().unwrap();
    let key = openssl::pkey::PKey::from_rsa(openssl::rsa::Rsa::generate(1024).unwrap()).unwrap();
    let mut name = openssl::x509::X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "old").unwrap();
    let name = name.build();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    let day = |days| openssl::asn1::Asn1Time::days_from_now(days).unwrap();
    builder.set_not_before(&day(0)).unwrap();
    builder.set_not_after(&day(10)).unwrap();
    let serial = openssl::bn::BigNum::from_u32(5).unwrap();
    builder
        .set_serial_number(&serial.to_asn1_integer().unwrap())
        .unwrap();
    builder
        .sign(&key, openssl::hash::MessageDigest::sha1())
        .unwrap();
    let folder = Folder::new();
    folder.write("leaf.crt", &builder.build().to_pem().unwrap());
    let reading = one_document(&folder.pki("inspect --json leaf.crt"));
    assert_eq!(reading["key"], json!({"type": "RSA", "bits": 1024}));
    assert_eq!(reading["warnings"], json!(["no_card_certificate", "weak"]));
}

#[test]
fn a_name_cannot_command_the_terminal() {
    let long = "A".repeat(5000);
    let given = format!("\u{1b}]0;owned\u{7}\u{202e}\u{200b}{long}");
    let profile = CardProfile::pharmacist().with_name(&given, "D\nURAND\u{9b}31m");
    let folder = folder_of(&issue(&profile));
    for arguments in [
        "inspect leaf.crt",
        "inspect --lang en leaf.crt",
        "inspect --json leaf.crt",
    ] {
        let output = folder.pki(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments}");
        let text = stdout(&output);
        let raw = |it: char| it.is_control() && it != '\n' || matches!(it, '\u{202e}' | '\u{200b}');
        assert!(!text.chars().any(raw), "{arguments}: {text:?}");
        if !arguments.contains("--json") {
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(longest < Some(400), "{longest:?}");
            assert!(text.contains("D\\u{a}URAND"), "{text}");
        }
    }
}

#[test]
fn the_language_is_the_locales_unless_it_is_chosen() {
    let folder = folder_of(&pharmacist().authentication);
    let run = |locale: Option<&str>, arguments: &[&str]| {
        let mut command = folder.command();
        if let Some(locale) = locale {
            command.env("LANG", locale);
        }
        command.args(["inspect", "leaf.crt"]).args(arguments);
        stdout(&command.output().unwrap())
    };
    assert!(run(None, &[]).starts_with("Certificat d'"));
    assert!(run(Some("en_GB.UTF-8"), &[]).starts_with("Authentication"));
    assert!(run(Some("en_GB.UTF-8"), &["--lang", "fr"]).starts_with("Certificat d'"));
}

#[test]
fn a_file_without_certificate_is_unusable() {
    let folder = Folder::new();
    folder.write("text", b"nothing");
    for (file, code) in [
        ("text", "server.input_not_recognised"),
        ("missing", "server.input_unreadable"),
        (".", "server.input_unreadable"),
    ] {
        let output = folder.pki(&format!("inspect --json {file}"));
        assert_eq!(output.status.code(), Some(2), "{file}");
        assert_eq!(one_document(&output)["code"], code, "{file}");
        let output = folder.pki(&format!("inspect {file}"));
        assert!(output.stdout.is_empty() && output.status.code() == Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains(code));
    }
}

#[test]
fn a_certificate_comes_through_a_pipe_too() {
    let card = pharmacist();
    let mut child = Folder::new()
        .command()
        .args(["inspect", "--lang", "en", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let chain = card.authentication.pem() + &card.signature.pem();
    let mut input = child.stdin.take().unwrap();
    input.write_all(chain.as_bytes()).unwrap();
    drop(input);
    let text = stdout(&child.wait_with_output().unwrap());
    assert!(text.starts_with("Authentication certificate"), "{text}");
    assert!(
        text.contains("Other certificates in this file, not shown: 1"),
        "{text}"
    );
}

/// Cards of the other profiles are recognised by their profile's own rules.
#[test]
fn cards_of_other_countries_are_read_by_their_profiles() {
    let germany = CountryPki::germany(TestPki::SHARED_AT).unwrap();
    let physician = HbaProfile::physician()
        .authentication(germany.at())
        .unwrap();
    let folder = folder_of(&germany.issue(&physician).unwrap());
    let english = text(&folder, "en");
    for part in [
        "Authentication certificate of a professional card\n",
        "Renate Müßterfrau",
        "1-HBA-Testkarte-883110000129083",
        "(Telematik-ID, a German health professional's number)",
        "Ärztin/Arzt (code 1.2.276.0.76.4.30, PractitionerProfessionOID)",
        "HBA, a German health professional's card, no. 12.80276883110000129083",
        "TEST certificate",
        "EC brainpoolP256r1",
    ] {
        assert!(english.contains(part), "{part}: {english}");
    }
    let united_states = CountryPki::united_states(TestPki::SHARED_AT).unwrap();
    let employee = PivProfile::employee()
        .authentication(united_states.at())
        .unwrap();
    let folder = folder_of(&united_states.issue(&employee).unwrap());
    let reading = one_document(&folder.pki("inspect --json leaf.crt"));
    assert_eq!(reading["profile"], "piv");
    assert_eq!(reading["certified"], "card_authentication");
    assert_eq!(reading["person"]["family_name"], "Sample");
    assert_eq!(reading["warnings"], json!(["test"]));
    assert!(text(&folder, "fr").contains("PIV, carte d'agent"));
}
