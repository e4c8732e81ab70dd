//! The identification of a certificate in OCSP (RFC 6960 section 4.1.1).

use crate::digest::{sha1, sha256, sha384, sha512};
use crate::{Certificate, Error};
use openssl::memcmp;
use x509_cert::der::asn1::{Any, Null, ObjectIdentifier, OctetString};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::CertId;

const ID_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const ID_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const ID_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const ID_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// Builds the identification for a request, with SHA-1.
///
/// SHA-1 is what every responder understands (RFC 5019 section 2.1.1), and no security rests on
/// it: the hash only names an issuer, whose key then verifies the answer.
pub(super) fn of(certificate: &Certificate, issuer: &Certificate) -> Result<CertId, Error> {
    let malformed = |_| Error::CertificateMalformed("OCSP cannot identify it");
    let octets = |bytes: &[u8]| OctetString::new(sha1(bytes)).map_err(malformed);
    Ok(CertId {
        hash_algorithm: AlgorithmIdentifierOwned {
            oid: ID_SHA1,
            parameters: Some(Any::from(Null)),
        },
        issuer_name_hash: octets(certificate.issuer().der())?,
        issuer_key_hash: octets(issuer.public_key_bits())?,
        serial_number: SerialNumber::new(certificate.serial()).map_err(malformed)?,
    })
}

/// Whether `id` means `certificate` as issued by `issuer`: name, key and serial number all agree.
pub(super) fn identifies(id: &CertId, certificate: &Certificate, issuer: &Certificate) -> bool {
    let is_digest = |actual: &[u8], expected: &OctetString| {
        let expected = expected.as_bytes();
        actual.len() == expected.len() && memcmp::eq(actual, expected)
    };
    let agrees = |bytes: &[u8], expected: &OctetString| match id.hash_algorithm.oid {
        ID_SHA1 => is_digest(&sha1(bytes), expected),
        ID_SHA256 => is_digest(&sha256(bytes), expected),
        ID_SHA384 => is_digest(&sha384(bytes), expected),
        ID_SHA512 => is_digest(&sha512(bytes), expected),
        _ => false,
    };
    id.serial_number.as_bytes() == certificate.serial()
        && agrees(certificate.issuer().der(), &id.issuer_name_hash)
        && agrees(issuer.public_key_bits(), &id.issuer_key_hash)
}
