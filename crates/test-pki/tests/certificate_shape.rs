//! What the certificates look like to OpenSSL, against the model's table.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use cardea_test_pki::{
    AuthorityName, CardProfile, CertificateSpec, IssuedCertificate, KeyKind, PersonIdentifier,
    TestPki,
};
use openssl::x509::X509;

fn text(certificate: &IssuedCertificate) -> String {
    der_text(&certificate.der)
}

fn der_text(der: &[u8]) -> String {
    let text = X509::from_der(der).unwrap().to_text().unwrap();
    // OpenSSL's own versions differ in the spaces around the equals sign.
    String::from_utf8(text).unwrap().replace(" = ", "=")
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "missing {part:?} in\n{text}");
    }
}

fn lacks(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(!text.contains(part), "unexpected {part:?} in\n{text}");
    }
}

#[test]
fn authentication_certificate_of_a_cps() {
    let pki = TestPki::shared().unwrap();
    let card = pki.issue_card(&CardProfile::pharmacist()).unwrap();
    let text = text(&card.authentication);
    contains(
        &text,
        &[
            "title=Pharmacien, ",
            "CN=899700000029",
            "SN=LEFEVRE-TEST",
            "GN=Dominique",
            "Issuer: C=FR, O=CARDEA-TEST, OU=0002 000000000, OU=IGC-CARDEA TEST, \
             CN=TEST AC IGC-CARDEA FORT PERSONNES",
            "Public-Key: (2048 bit)",
            "X509v3 Basic Constraints: \n                CA:FALSE",
            "X509v3 Key Usage: critical\n                Digital Signature\n",
            "TLS Web Client Authentication, Microsoft Smartcard Login",
            "othername: UPN::899700000029@carte-cps.fr",
            "Policy: 1.3.6.1.4.1.32473.71.1.1",
            "URI:http://igc.cardea.test/CRL/ACI-FO-PP.crl",
            "URI:ldap://annuaire.cardea.test/cn=TEST%20AC",
            "X509v3 Freshest CRL",
            "OCSP - URI:http://ocsp.cardea.test/ACI-FO-PP",
            "CA Issuers - URI:http://igc.cardea.test/AC/ACI-FO-PP.cer",
            &card.card_number,
        ],
    );
    lacks(&text, &["Private Key Usage Period", "1.2.250.1.71.1.2.8"]);
}

#[test]
fn signature_certificate_has_the_other_purpose() {
    let pki = TestPki::shared().unwrap();
    let card = pki
        .issue_card(&CardProfile::doctor().with_key(KeyKind::P256))
        .unwrap();
    let text = text(&card.signature);
    contains(
        &text,
        &[
            "X509v3 Key Usage: critical\n                Non Repudiation\n",
            "E-mail Protection",
            "X509v3 Private Key Usage Period",
            "Policy: 1.3.6.1.4.1.32473.71.2.1",
        ],
    );
    lacks(&text, &["Client Authentication", "UPN"]);
}

#[test]
fn establishment_card_has_a_structure_and_no_profession() {
    let pki = TestPki::shared().unwrap();
    let card = pki
        .issue_card(&CardProfile::secretary().with_key(KeyKind::P256))
        .unwrap();
    let text = text(&card.authentication);
    contains(
        &text,
        &[
            "ST=Paris (75), O=HOPITAL DES TESTS, OU=10B0000011",
            "title=Personnel sant",
            "CN=30B0000011",
            "CN=TEST AC IGC-CARDEA STANDARD PERSONNES",
            "1.2.250.1.71.1.2.2",
        ],
    );
    lacks(&text, &["1.2.250.1.71.1.2.7", "1.2.250.1.71.1.2.8"]);
}

#[test]
fn student_card_carries_its_code_in_the_training_extension() {
    let pki = TestPki::shared().unwrap();
    let card = pki
        .issue_card(&CardProfile::student().with_key(KeyKind::P256))
        .unwrap();
    let text = text(&card.authentication);
    contains(&text, &["en formation", "1.2.250.1.71.1.2.8"]);
    lacks(&text, &["1.2.250.1.71.1.2.7"]);
}

#[test]
fn software_certificate_has_the_same_common_name_but_no_card() {
    let pki = TestPki::shared().unwrap();
    let mut spec = CardProfile::doctor().software(pki.at()).unwrap();
    spec.key = KeyKind::P256;
    let text = text(&pki.issue(&spec).unwrap());
    contains(
        &text,
        &[
            "CN=899700000011",
            "ELEMENTAIRE PERSONNES",
            "1.2.250.1.71.1.2.5",
        ],
    );
    lacks(&text, &["1.2.250.1.71.1.2.2", "1.2.250.1.71.1.2.3"]);
}

/// The private extensions as bytes: the same values as in the public test cards of the model.
#[test]
fn private_extensions_are_encoded_as_in_the_model() {
    let pki = TestPki::shared().unwrap();
    let nurse = CardProfile::nurse()
        .with_key(KeyKind::P256)
        .with_card_number("9999000001/2600000001");
    let der = pki.issue_card(&nurse).unwrap().authentication.der;
    let arc = [0x06, 0x08, 0x2a, 0x81, 0x7a, 0x01, 0x47, 0x01, 0x02];
    let cases: [(u8, &[u8]); 4] = [
        (5, &[0x04, 0x03, 0x04, 0x01, 0x80]),
        (2, &[0x04, 0x03, 0x02, 0x01, 0x00]),
        (7, &[0x04, 0x03, 0x02, 0x01, 0x3c]),
        (3, b"\x04\x17\x13\x159999000001/2600000001"),
    ];
    for (number, value) in cases {
        let extension = [&arc[..], &[number], value].concat();
        let found = der
            .windows(extension.len())
            .any(|window| window == extension);
        assert!(found, "extension .{number} is not encoded as {value:02x?}");
    }
}

#[test]
fn authorities_have_the_shape_of_the_model() {
    let pki = TestPki::shared().unwrap();
    let root = pki.authority(AuthorityName::FORT_PERSONNES.root()).unwrap();
    let text = der_text(root.certificate_der());
    contains(
        &text,
        &[
            "Subject: C=FR, O=CARDEA-TEST, OU=0002 000000000, OU=IGC-CARDEA TEST, \
             CN=TEST AC RACINE IGC-CARDEA FORT",
            "X509v3 Basic Constraints: critical\n                CA:TRUE\n",
            "Certificate Sign, CRL Sign",
            "X509v3 Any Policy",
        ],
    );
    lacks(&text, &["CRL Distribution Points", "OCSP"]);
    let issuing = pki.authority(AuthorityName::FORT_PERSONNES).unwrap();
    let text = der_text(issuing.certificate_der());
    contains(&text, &["CA:TRUE, pathlen:0", "/CRL/ACR-FO.crl"]);
    lacks(&text, &["OCSP - URI"]);
}

#[test]
fn serial_numbers_take_sixteen_bytes_and_differ() {
    let pki = TestPki::shared().unwrap();
    let profile = CardProfile::doctor().with_key(KeyKind::P256);
    let card = pki.issue_card(&profile).unwrap();
    assert_eq!(card.authentication.serial.len(), 16);
    assert_ne!(card.authentication.serial, card.signature.serial);
    let parsed = X509::from_der(&card.authentication.der).unwrap();
    let serial = parsed.serial_number().to_bn().unwrap().to_vec();
    assert_eq!(serial, card.authentication.serial);
}

#[test]
fn card_certificates_live_three_years_to_the_second() {
    let pki = TestPki::shared().unwrap();
    let spec = CardProfile::doctor().authentication(pki.at()).unwrap();
    assert_eq!(
        spec.not_after,
        spec.not_before
            .replace_year(spec.not_before.year() + 3)
            .unwrap()
    );
}

#[test]
fn other_identifier_prefixes_reach_the_common_name() {
    let pki = TestPki::shared().unwrap();
    let adeli = PersonIdentifier::adeli("0B6077602").unwrap();
    let profile = CardProfile::nurse()
        .with_identifier(adeli)
        .with_key(KeyKind::P256);
    let card = pki.issue_card(&profile).unwrap();
    contains(
        &text(&card.authentication),
        &["CN=00B6077602", "UPN::00B6077602@carte-cps.fr"],
    );
}

#[test]
fn tls_server_certificate_names_its_host() {
    let pki = TestPki::shared().unwrap();
    let mut spec = CertificateSpec::tls_server("portail.cardea.test", pki.at());
    spec.key = KeyKind::P256;
    contains(
        &text(&pki.issue(&spec).unwrap()),
        &["DNS:portail.cardea.test", "TLS Web Server Authentication"],
    );
}
