//! The identification of a certificate in OCSP (RFC 6960 section 4.1.1).

use crate::{Certificate, Error};
use openssl::hash::{MessageDigest, hash};
use openssl::memcmp;
use x509_cert::der::asn1::{Any, Null, ObjectIdentifier, OctetString};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::CertId;

const ID_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");

/// Builds the identification for a request, with SHA-1.
///
/// SHA-1 is what every responder understands (RFC 5019 section 2.1.1), and no security rests on
/// it: the hash only names an issuer, whose key then verifies the answer.
pub(super) fn of(certificate: &Certificate, issuer: &Certificate) -> Result<CertId, Error> {
    let malformed = |_| Error::CertificateMalformed("OCSP cannot identify it");
    let digest = MessageDigest::sha1();
    let octets = |bytes: &[u8]| -> Result<OctetString, Error> {
        OctetString::new(hash(digest, bytes)?.to_vec()).map_err(malformed)
    };
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
pub(super) fn identifies(
    id: &CertId,
    certificate: &Certificate,
    issuer: &Certificate,
) -> Result<bool, Error> {
    let digest = match id.hash_algorithm.oid.to_string().as_str() {
        "1.3.14.3.2.26" => MessageDigest::sha1(),
        "2.16.840.1.101.3.4.2.1" => MessageDigest::sha256(),
        "2.16.840.1.101.3.4.2.2" => MessageDigest::sha384(),
        "2.16.840.1.101.3.4.2.3" => MessageDigest::sha512(),
        _ => return Ok(false),
    };
    let agrees = |bytes: &[u8], expected: &OctetString| -> Result<bool, Error> {
        let actual = hash(digest, bytes)?;
        let expected = expected.as_bytes();
        Ok(actual.len() == expected.len() && memcmp::eq(&actual, expected))
    };
    Ok(id.serial_number.as_bytes() == certificate.serial()
        && agrees(certificate.issuer().der(), &id.issuer_name_hash)?
        && agrees(issuer.public_key_bits(), &id.issuer_key_hash)?)
}
