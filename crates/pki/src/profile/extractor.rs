//! The closed set of extractors: each finds one value in a certificate, as text.
//!
//! An extractor answers with a value, with nothing, or with what is wrong. Two values where one
//! belongs are wrong: a reader that takes the first can be led to another than the next reader.

mod admission;
mod alternative_name;
mod extension;
mod fascn;
mod policy;
mod subject;
mod text;

pub(super) use admission::AdmissionPart;
pub(super) use extension::ValueType;
pub(super) use fascn::FascnPart;

use crate::{Certificate, DistinguishedName, Oid};
use std::fmt::Write as _;

/// Where a value stands in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Extractor {
    /// An attribute of the subject, in whatever set it stands.
    Subject(Oid),
    /// The value of an extension; `mask` is applied to a single octet.
    Extension {
        oid: Oid,
        value_type: ValueType,
        mask: u8,
    },
    /// An `otherName` of the subject alternative name.
    OtherName { oid: Oid, value_type: ValueType },
    /// A part of the FASC-N in the subject alternative name.
    Fascn(FascnPart),
    /// The UUID in a `urn:uuid:` of the subject alternative name.
    Uuid,
    /// A part of the admission extension.
    Admission(AdmissionPart),
    /// The one certificate policy of these that the certificate itself states.
    Policy(Vec<Oid>),
    /// The certificate's serial number in hexadecimal digits.
    SerialNumber,
}

impl Extractor {
    /// Whether the value stands in the subject; what is wrong there has an error of its own.
    pub(super) fn is_subject(&self) -> bool {
        matches!(self, Self::Subject(_))
    }

    /// The value, or nothing.
    pub(super) fn read(&self, certificate: &Certificate) -> Result<Option<String>, &'static str> {
        match self {
            Self::Subject(oid) => subject::value_of(certificate.subject(), oid),
            Self::Extension {
                oid,
                value_type,
                mask,
            } => extension::value_of(certificate, oid, *value_type, *mask),
            Self::OtherName { oid, value_type } => {
                alternative_name::other_name(certificate, oid, *value_type)
            }
            Self::Fascn(part) => {
                Ok(alternative_name::fascn(certificate)?.and_then(|fascn| fascn.part(*part)))
            }
            Self::Uuid => alternative_name::uuid(certificate),
            Self::Admission(part) => admission::value_of(certificate, *part),
            Self::Policy(listed) => policy::value_of(certificate, listed),
            Self::SerialNumber => Ok(Some(serial_number(certificate))),
        }
    }
}

/// Every attribute of a subject is listed and stands once, unless it may be repeated: an
/// attribute of another profile must not ride along unread, and two common names would be two
/// identities.
pub(super) fn check_attributes(
    name: &DistinguishedName,
    allowed: &[Oid],
    repeatable: &[Oid],
) -> Result<(), &'static str> {
    subject::check_attributes(name, allowed, repeatable)
}

/// The members of one set stand together, alone and in any order; DER sorts them by their
/// encoding, so the order differs with the lengths of the values.
pub(super) fn check_set(
    name: &DistinguishedName,
    members: &[Oid],
    optional: &[Oid],
) -> Result<(), &'static str> {
    subject::check_set(name, members, optional)
}

fn serial_number(certificate: &Certificate) -> String {
    let mut text = String::new();
    for byte in certificate.serial() {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
