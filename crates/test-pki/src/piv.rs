//! The United States identity card: the certificate for PIV authentication (FIPS 201).

use time::OffsetDateTime;
use x509_cert::der::asn1::{Ia5String, ObjectIdentifier};
use x509_cert::der::{Any, Encode, Tag};
use x509_cert::ext::pkix::name::{GeneralName, GeneralNames, OtherName};

use crate::certificate_spec::{CertificateSpec, RawExtension};
use crate::country_pki::card_certificate;
use crate::distinguished_name::DistinguishedName;
use crate::error::Error;
use crate::key::KeyKind;
use crate::object_identifier as oid;

/// The holder of an identity card. Every person here is invented.
#[derive(Clone, Debug)]
pub struct PivProfile {
    /// Common name.
    pub common_name: String,
    /// FASC-N of 25 bytes; `None` leaves it out.
    pub fascn: Option<Vec<u8>>,
    /// UUID of the card; `None` leaves it out.
    pub uuid: Option<String>,
    /// `piv-interim`; `None` leaves the extension out.
    pub interim: Option<bool>,
    /// Certificate policy.
    pub policy: ObjectIdentifier,
    /// Kind of the card's key.
    pub key: KeyKind,
}

impl PivProfile {
    /// An employee of an agency.
    #[must_use]
    pub fn employee() -> Self {
        Self {
            common_name: "Jordan Q. Sample".to_owned(),
            fascn: Some(encode_fascn(FASCN)),
            uuid: Some("09d49c7e-fdd0-432e-acea-268ae905274c".to_owned()),
            interim: Some(false),
            policy: oid::POLICY_PIV_AUTHENTICATION_TEST,
            key: KeyKind::P256,
        }
    }

    /// The subject name.
    #[must_use]
    pub fn subject(&self) -> DistinguishedName {
        DistinguishedName::new()
            .country("US")
            .organization("CARDEA-TEST Government")
            .organizational_unit("Department of Tests")
            .organizational_unit("Agency of Samples")
            .common_name(&self.common_name)
    }

    /// The certificate for PIV authentication of a card made at `at`.
    ///
    /// # Errors
    /// [`Error::EncodingFailed`] when a value cannot be encoded.
    pub fn authentication(&self, at: OffsetDateTime) -> Result<CertificateSpec, Error> {
        let mut spec = card_certificate(self.subject(), self.key, at);
        spec.extended_key_usage = vec![oid::EKU_CLIENT_AUTH, oid::EKU_SMARTCARD_LOGON];
        spec.policies = vec![self.policy];
        let mut names = Vec::new();
        if let Some(fascn) = &self.fascn {
            names.push(fascn_name(fascn)?);
        }
        if let Some(uuid) = &self.uuid {
            names.push(uri(&format!("urn:uuid:{uuid}"))?);
        }
        if !names.is_empty() {
            spec.extra_extensions.push(subject_alt_name(&names)?);
        }
        if let Some(interim) = self.interim {
            spec.extra_extensions.push(RawExtension {
                oid: oid::PIV_INTERIM,
                critical: false,
                der: interim.to_der()?,
            });
        }
        Ok(spec)
    }
}

/// A FASC-N as an `otherName`.
///
/// # Errors
/// [`Error::EncodingFailed`] when it cannot be encoded.
pub fn fascn_name(fascn: &[u8]) -> Result<GeneralName, Error> {
    Ok(GeneralName::OtherName(OtherName {
        type_id: oid::PIV_FASCN,
        value: Any::new(Tag::OctetString, fascn)?,
    }))
}

/// An address as an alternative name.
///
/// # Errors
/// [`Error::EncodingFailed`] when it cannot be encoded.
pub fn uri(text: &str) -> Result<GeneralName, Error> {
    Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(
        text,
    )?))
}

/// A subject alternative name of any names.
///
/// # Errors
/// [`Error::EncodingFailed`] when it cannot be encoded.
pub fn subject_alt_name(names: &GeneralNames) -> Result<RawExtension, Error> {
    Ok(RawExtension {
        oid: oid::SUBJECT_ALT_NAME,
        critical: false,
        der: names.to_der()?,
    })
}

/// The digits of the employee's FASC-N, with its marks: `<` start, `=` separator, `>` end.
pub const FASCN: &str = "<4700=0256=001337=1=1=1234567890199991>";

/// Encodes a FASC-N: five bits a character with the least significant first and odd parity, and
/// the check digit at the end. Characters that are none of it are written as zero.
#[must_use]
pub fn encode_fascn(text: &str) -> Vec<u8> {
    let mut values: Vec<u8> = text
        .chars()
        .map(|character| match character {
            '<' => 0xb,
            '=' => 0xd,
            '>' => 0xf,
            digit => digit
                .to_digit(10)
                .and_then(|it| it.try_into().ok())
                .unwrap_or(0),
        })
        .collect();
    values.push(values.iter().fold(0, |sum, value| sum ^ value));
    let bits: Vec<u8> = values
        .iter()
        .flat_map(|value| {
            let bits = [0, 1, 2, 3].map(|place| (value >> place) & 1);
            let parity = 1 ^ (bits.iter().sum::<u8>() & 1);
            bits.into_iter().chain([parity])
        })
        .collect();
    let bytes = bits.chunks(8);
    bytes
        .map(|byte| byte.iter().fold(0, |value, bit| (value << 1) | bit))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{FASCN, encode_fascn};

    /// The bytes are those of the government's own published test card.
    #[test]
    fn the_published_test_number_is_encoded_as_published() {
        let hex: String = encode_fascn(FASCN)
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        assert_eq!(hex, "D13810D828AB6C10C339E5A1685A08C92ADE0A6184E739C3E7");
    }
}
