//! The basic fields of a certificate (RFC 5280 section 4.1).

use super::extensions::{self, Extensions};
use crate::algorithm::KeyForm;
use crate::{DistinguishedName, Error, SignatureAlgorithm, der_check};
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

/// Most octets of a serial number's value (RFC 5280 section 4.1.2.2), a sign octet not counted.
pub(crate) const SERIAL_BYTES_MAX: usize = 20;

pub(super) struct Fields {
    pub(super) subject: DistinguishedName,
    pub(super) issuer: DistinguishedName,
    pub(super) serial: Vec<u8>,
    pub(super) is_version_3: bool,
    pub(super) not_before: OffsetDateTime,
    pub(super) not_after: OffsetDateTime,
    pub(super) signature_algorithm: SignatureAlgorithm,
    pub(super) key_form: KeyForm,
    pub(super) public_key_bits: Vec<u8>,
    pub(super) public_key_info: Vec<u8>,
}

/// Reads the fields of bytes that are DER to the last one. `x509-parser` steps over bytes left
/// behind inside a SEQUENCE; OpenSSL, which parses the same bytes next, does not.
pub(super) fn parse(der: &[u8]) -> Result<(Fields, Extensions), Error> {
    if !der_check::is_one_der_value(der) {
        return Err(Error::CertificateMalformed(
            "it is not one strict DER value",
        ));
    }
    let (rest, parsed) = X509Certificate::from_der(der)
        .map_err(|_| Error::CertificateMalformed("a field is not readable"))?;
    if !rest.is_empty() {
        return Err(Error::CertificateMalformed("bytes follow the certificate"));
    }
    if parsed.signature_algorithm != parsed.tbs_certificate.signature {
        return Err(Error::CertificateMalformed(
            "its two signature algorithms differ",
        ));
    }
    if parsed.version() != X509Version::V3 && !parsed.extensions().is_empty() {
        return Err(Error::CertificateMalformed(
            "it has extensions but is not version 3",
        ));
    }
    let serial = parsed.raw_serial();
    let value_bytes = serial.len() - usize::from(serial.first() == Some(&0));
    if serial.is_empty() || value_bytes > SERIAL_BYTES_MAX {
        return Err(Error::CertificateMalformed("its serial number is too long"));
    }
    // x509-parser ends a name before an empty set, where OpenSSL reads on: the rest of the name
    // would be there for one and not for the other.
    for name in [parsed.subject(), parsed.issuer()] {
        if !der_check::is_one_der_value(name.as_raw()) {
            return Err(Error::CertificateMalformed(
                "a name has members that are not readable",
            ));
        }
    }
    let fields = Fields {
        subject: DistinguishedName::from_parsed(parsed.subject()),
        issuer: DistinguishedName::from_parsed(parsed.issuer()),
        serial: serial.to_vec(),
        is_version_3: parsed.version() == X509Version::V3,
        not_before: parsed.validity().not_before.to_datetime(),
        not_after: parsed.validity().not_after.to_datetime(),
        signature_algorithm: SignatureAlgorithm::from_parsed(&parsed.signature_algorithm),
        key_form: KeyForm::from_parsed(parsed.public_key()),
        public_key_bits: parsed.public_key().subject_public_key.data.to_vec(),
        public_key_info: parsed.public_key().raw.to_vec(),
    };
    Ok((fields, extensions::parse(&parsed)?))
}
