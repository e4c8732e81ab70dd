//! Values of the subject alternative name (RFC 5280 section 4.2.1.6).

use super::extension::{self, ValueType};
use super::fascn::Fascn;
use crate::{Certificate, Oid};
use x509_cert::der::asn1::OctetStringRef;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::name::{GeneralName, GeneralNames};
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME;
use x509_parser::prelude::FromDer;

/// `pivFASC-N` (FIPS 201 appendix B).
const PIV_FASCN: &str = "2.16.840.1.101.3.6.6";
/// RFC 4122 section 3; the name space is compared without regard to case (RFC 8141 section 3.1).
const UUID_URN: &str = "urn:uuid:";
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
const MALFORMED: &str = "the subject alternative name is malformed";

fn names(certificate: &Certificate) -> Result<GeneralNames, &'static str> {
    let (_, parsed) = X509Certificate::from_der(certificate.der()).map_err(|_| MALFORMED)?;
    let extension = parsed
        .get_extension_unique(&OID_X509_EXT_SUBJECT_ALT_NAME)
        .map_err(|_| MALFORMED)?;
    extension.map_or(Ok(Vec::new()), |extension| {
        GeneralNames::from_der(extension.value).map_err(|_| MALFORMED)
    })
}

/// The DER value of the one `otherName` of a type.
fn other_name_der(certificate: &Certificate, oid: &str) -> Result<Option<Vec<u8>>, &'static str> {
    let names = names(certificate)?;
    let mut found = names.iter().filter_map(|name| match name {
        GeneralName::OtherName(other) if other.type_id.to_string() == oid => Some(&other.value),
        _ => None,
    });
    let Some(value) = found.next() else {
        return Ok(None);
    };
    if found.next().is_some() {
        return Err("an alternative name is repeated");
    }
    value.to_der().map(Some).map_err(|_| MALFORMED)
}

pub(super) fn other_name(
    certificate: &Certificate,
    oid: &Oid,
    value_type: ValueType,
) -> Result<Option<String>, &'static str> {
    other_name_der(certificate, oid.as_str())?
        .map(|value| extension::read(&value, value_type, u8::MAX))
        .transpose()
}

pub(super) fn fascn(certificate: &Certificate) -> Result<Option<Fascn>, &'static str> {
    let Some(value) = other_name_der(certificate, PIV_FASCN)? else {
        return Ok(None);
    };
    let octets = OctetStringRef::from_der(&value).map_err(|_| "the FASC-N is no OCTET STRING")?;
    Fascn::decode(octets.as_bytes()).map(Some)
}

pub(super) fn uuid(certificate: &Certificate) -> Result<Option<String>, &'static str> {
    let mut found = None;
    for name in names(certificate)? {
        let GeneralName::UniformResourceIdentifier(uri) = name else {
            continue;
        };
        let Some((scheme, rest)) = uri.as_str().split_at_checked(UUID_URN.len()) else {
            continue;
        };
        if !scheme.eq_ignore_ascii_case(UUID_URN) {
            continue;
        }
        if found.replace(canonical_uuid(rest)?).is_some() {
            return Err("it has two UUIDs");
        }
    }
    Ok(found)
}

/// The lower-case form; the nil UUID names nobody.
fn canonical_uuid(text: &str) -> Result<String, &'static str> {
    let groups: Vec<&str> = text.split('-').collect();
    let is_group = |(group, length): (&&str, &usize)| {
        group.len() == *length && group.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if groups.len() != UUID_GROUPS.len() || !groups.iter().zip(&UUID_GROUPS).all(is_group) {
        return Err("the UUID is malformed");
    }
    if text.bytes().all(|byte| matches!(byte, b'0' | b'-')) {
        return Err("the UUID is the nil UUID");
    }
    Ok(text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::canonical_uuid;

    #[test]
    fn a_uuid_has_one_written_form() {
        assert_eq!(
            canonical_uuid("09D49C7E-FDD0-432E-ACEA-268AE905274C").unwrap(),
            "09d49c7e-fdd0-432e-acea-268ae905274c"
        );
        for text in [
            "",
            "09d49c7e-fdd0-432e-acea-268ae905274",
            "09d49c7e-fdd0-432e-acea-268ae905274g",
            "09d49c7efdd0-432e-acea-268ae905274c",
            "09d49c7e-fdd0-432e-acea-268ae905274c-00",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert!(canonical_uuid(text).is_err(), "{text}");
        }
    }
}
