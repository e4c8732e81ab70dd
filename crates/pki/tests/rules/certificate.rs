//! Parsing: what is a certificate, and what is only nearly one.

use crate::authority::{Draft, raw_extension, signature_algorithm};
use crate::card::{Baseline, CRL_URL, OCSP_URL};
use cardea_pki::{CERTIFICATE_BYTES_MAX, Certificate};
use openssl::hash::MessageDigest;
use x509_cert::certificate::Version;
use x509_cert::der::Decode;
use x509_cert::serial_number::SerialNumber;

fn check(change: impl FnOnce(&mut Draft)) -> Result<(), &'static str> {
    let mut card = Baseline::new().card;
    change(&mut card);
    Certificate::parse(&card.der())
        .map(|_| ())
        .map_err(|error| error.code())
}

#[test]
fn a_field_that_breaks_the_standard_is_refused_at_parsing() {
    const MALFORMED: Result<(), &str> = Err("pki.certificate_malformed");
    assert_eq!(check(|_| {}), Ok(()), "baseline");
    let repeated = raw_extension("1.2.3.4", false, &[5, 0]);
    assert_eq!(
        check(|card| card.extensions().push(repeated.clone())),
        Ok(()),
        "private extension"
    );
    for (name, outcome) in [
        (
            "repeated extension",
            check(|card| {
                card.extensions()
                    .extend([repeated.clone(), repeated.clone()]);
            }),
        ),
        (
            "two signature algorithms",
            check(|card| {
                card.outer_algorithm = Some(signature_algorithm(
                    &card.issuer_key,
                    MessageDigest::sha384(),
                ));
            }),
        ),
        (
            "extensions in version 1",
            check(|card| card.tbs.version = Version::V1),
        ),
        (
            "unreadable key usage",
            check(|card| {
                card.set(raw_extension("2.5.29.15", true, &[0x04, 0x01, 0x80]));
            }),
        ),
    ] {
        assert_eq!(outcome, MALFORMED, "{name}");
    }
}

/// RFC 5280 section 4.1.2.2; a sign octet before the twenty does not count.
#[test]
fn a_serial_number_has_at_most_twenty_octets() {
    let with = |content: &[u8]| {
        let length = u8::try_from(content.len()).expect("short");
        let serial = SerialNumber::from_der(&[&[2, length], content].concat()).expect("a number");
        check(|card| card.tbs.serial_number = serial)
    };
    assert_eq!(with(&[0x7f; 20]), Ok(()));
    assert_eq!(with(&[&[0][..], &[0xff; 20]].concat()), Ok(()));
    assert_eq!(with(&[0x7f; 21]), Err("pki.certificate_malformed"));
}

#[test]
fn bytes_that_are_not_one_der_certificate_are_refused() {
    let der = Baseline::new().card.der();
    let with = |change: fn(&mut Vec<u8>)| {
        let mut bytes = der.clone();
        change(&mut bytes);
        bytes
    };
    // The outer header is 30 82 hh ll; the signature's BIT STRING stands at the end.
    for (name, bytes) in [
        ("nothing", Vec::new()),
        ("text", b"-----BEGIN CERTIFICATE-----".to_vec()),
        (
            "cut short",
            with(|bytes| {
                bytes.pop();
            }),
        ),
        ("a byte after it", with(|bytes| bytes.push(0))),
        (
            "indefinite length",
            with(|bytes| {
                bytes.splice(1..4, [0x80]);
                bytes.extend([0, 0]);
            }),
        ),
        (
            "long form of a long length",
            with(|bytes| {
                bytes.splice(1..2, [0x83, 0]);
            }),
        ),
        (
            "a byte after the signature inside",
            with(|bytes| {
                let length = u16::from_be_bytes([bytes[2], bytes[3]]) + 2;
                bytes.splice(2..4, length.to_be_bytes());
                bytes.extend([5, 0]);
            }),
        ),
    ] {
        let code = Certificate::parse(&bytes).expect_err(name).code();
        assert_eq!(code, "pki.certificate_malformed", "{name}");
    }
    let error = Certificate::parse(&vec![0; CERTIFICATE_BYTES_MAX + 1]).expect_err("too large");
    assert_eq!(error.code(), "pki.certificate_too_large");
}

#[test]
fn fields_are_read_as_they_stand() {
    let baseline = Baseline::new();
    let card = baseline.card.certificate();
    assert_eq!(card.subject_key_identifier().map(<[u8]>::len), Some(20));
    let authority = baseline.issuing.certificate();
    assert_eq!(
        card.authority_key_identifier(),
        authority.subject_key_identifier()
    );
    assert_eq!(
        card.crl_distribution_points().first().map(String::as_str),
        Some(CRL_URL)
    );
    assert_eq!(card.ocsp_urls(), [OCSP_URL]);
    assert!(authority.is_authority() && !card.is_authority());
    assert!(
        card.key_usage()
            .is_some_and(|usage| usage.digital_signature())
    );
    // DER puts the shorter member of a set first, whatever the issuer's order was.
    assert_eq!(
        card.subject().to_string(),
        "C=FR, title=Médecin, SN=DURAND + GN=CAMILLE + CN=899700366240"
    );
    let printed = format!("{card:?}");
    assert!(
        !printed.contains("DURAND") && printed.starts_with("Certificate("),
        "{printed}"
    );
}

#[test]
fn a_pem_bundle_gives_every_certificate_or_an_error() {
    let baseline = Baseline::new();
    let pem = |der: &[u8]| {
        openssl::x509::X509::from_der(der)
            .unwrap()
            .to_pem()
            .unwrap()
    };
    let bundle = [
        pem(&baseline.root.draft.der()),
        pem(&baseline.issuing.draft.der()),
    ]
    .concat();
    let parsed = Certificate::parse_pem_bundle(&bundle).expect("a bundle");
    let subjects: Vec<_> = parsed.iter().map(|one| one.subject().to_string()).collect();
    assert_eq!(
        subjects,
        [
            "C=FR, O=ESSAI, CN=AC RACINE ESSAI",
            "C=FR, O=ESSAI, CN=AC ESSAI PERSONNES"
        ]
    );
    for (name, bytes) in [("an empty file", &b""[..]), ("a page", b"<html>")] {
        let code = Certificate::parse_pem_bundle(bytes).expect_err(name).code();
        assert_eq!(code, "pki.certificate_malformed", "{name}");
    }
}
