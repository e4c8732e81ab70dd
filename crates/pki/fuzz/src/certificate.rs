//! Any bytes as a certificate.

use cardea_pki::{CERTIFICATE_BYTES_MAX, Certificate, DistinguishedName};
use openssl::asn1::Asn1Time;
use openssl::x509::{X509, X509NameRef, X509Ref};
use std::cmp::Ordering;
use std::fmt::Write;
use time::OffsetDateTime;
use x509_parser::prelude::FromDer;

/// Parsing refuses with one of its two codes, or gives a certificate that reads the same each time
/// and says what OpenSSL and x509-parser say too.
pub fn check(data: &[u8]) {
    let certificate = match Certificate::parse(data) {
        Ok(certificate) => certificate,
        Err(error) => {
            let codes = ["pki.certificate_malformed", "pki.certificate_too_large"];
            assert!(codes.contains(&error.code()), "{error}");
            let _ = error.to_string();
            return;
        }
    };
    assert!(data.len() <= CERTIFICATE_BYTES_MAX);
    assert_eq!(certificate.der(), data);
    check_same_again(&certificate);
    check_against_openssl(&certificate);
    check_against_x509_parser(&certificate);
    bundle_agrees(&certificate);
}

fn check_same_again(certificate: &Certificate) {
    let again = Certificate::parse(certificate.der()).expect("what parsed once parses again");
    assert_eq!(&again, certificate);
    assert_eq!(spell_out(&again), spell_out(certificate));
    assert_eq!(again.sha256(), certificate.sha256());
}

/// Every accessor's answer; none of them may panic.
fn spell_out(certificate: &Certificate) -> String {
    let mut text = format!(
        "{certificate:?} {} {}",
        certificate.subject(),
        certificate.issuer()
    );
    let _ = write!(
        text,
        "{:?} {} {} {:?} {:?} {:?} {:?} {}",
        certificate.serial(),
        certificate.not_before(),
        certificate.not_after(),
        certificate.signature_algorithm(),
        certificate.key_usage(),
        certificate.extended_key_usage(),
        certificate.policies(),
        certificate.is_authority(),
    );
    let _ = write!(
        text,
        "{:?} {:?} {:?} {:?} {:?} {:?}",
        certificate.subject_key_identifier(),
        certificate.authority_key_identifier(),
        certificate.crl_distribution_points(),
        certificate.freshest_crl(),
        certificate.ocsp_urls(),
        certificate.issuer_urls(),
    );
    text
}

fn check_against_openssl(certificate: &Certificate) {
    let openssl = X509::from_der(certificate.der()).expect("OpenSSL reads what we accept");
    assert_eq!(
        openssl.to_der().expect("it was read"),
        certificate.der(),
        "one certificate has one encoding"
    );
    assert_eq!(
        integer(&openssl),
        magnitude(certificate.serial()),
        "the serial number"
    );
    check_name(certificate.subject(), openssl.subject_name());
    check_name(certificate.issuer(), openssl.issuer_name());
    check_time(certificate.not_before(), openssl.not_before());
    check_time(certificate.not_after(), openssl.not_after());
    // OpenSSL gives no identifier for a certificate with any extension that it can't read.
    if let Some(identifier) = openssl.subject_key_id() {
        assert_eq!(
            Some(identifier.as_slice()),
            certificate.subject_key_identifier()
        );
    }
    if let Some(identifier) = openssl.authority_key_id() {
        assert_eq!(
            Some(identifier.as_slice()),
            certificate.authority_key_identifier()
        );
    }
    let key = openssl.public_key().expect("we read it");
    assert!(key.public_eq(certificate.public_key()));
}

/// The serial number's sign and value.
fn integer(openssl: &X509Ref) -> (bool, Vec<u8>) {
    let number = openssl.serial_number().to_bn().expect("a number");
    (number.is_negative(), number.to_vec())
}

/// Sign and value of a two's complement.
fn magnitude(octets: &[u8]) -> (bool, Vec<u8>) {
    let is_negative = octets.first().is_some_and(|first| first & 0x80 != 0);
    let mut value = octets.to_vec();
    if is_negative {
        let mut carry = true;
        for octet in value.iter_mut().rev() {
            (*octet, carry) = (!*octet).overflowing_add(u8::from(carry));
        }
    }
    let shortest = value.into_iter().skip_while(|octet| *octet == 0).collect();
    (is_negative, shortest)
}

fn check_name(ours: &DistinguishedName, theirs: &X509NameRef) {
    assert_eq!(ours.der(), theirs.to_der().expect("it was read"), "a name");
    let attributes: usize = ours.relative_names().map(<[_]>::len).sum();
    assert_eq!(attributes, theirs.entries().count(), "{ours}");
}

fn check_time(ours: OffsetDateTime, theirs: &openssl::asn1::Asn1TimeRef) {
    let ours = Asn1Time::from_unix(ours.unix_timestamp()).expect("a time");
    assert_eq!(theirs.compare(&ours).ok(), Some(Ordering::Equal), "a time");
}

fn check_against_x509_parser(certificate: &Certificate) {
    let parsed = x509_parser::certificate::X509Certificate::from_der(certificate.der());
    let (rest, parsed) = parsed.expect("x509-parser reads what we accept");
    assert!(rest.is_empty());
    assert_eq!(parsed.raw_serial(), certificate.serial());
    assert_eq!(parsed.is_ca(), certificate.is_authority());
    let usage = parsed.key_usage().expect("it is not repeated");
    assert_eq!(
        usage.map(|usage| usage.value.digital_signature()),
        certificate
            .key_usage()
            .map(cardea_pki::KeyUsage::digital_signature)
    );
}

/// A certificate means the same in an operator's bundle.
fn bundle_agrees(certificate: &Certificate) {
    let openssl = X509::from_der(certificate.der()).expect("OpenSSL reads what we accept");
    let pem = openssl.to_pem().expect("it was read");
    let bundle = Certificate::parse_pem_bundle(&pem).expect("it is one certificate");
    assert_eq!(bundle.as_slice(), std::slice::from_ref(certificate));
}
