//! Values of extensions that belong to a card profile.

use super::text;
use crate::{Certificate, Oid};
use serde::Deserialize;
use x509_cert::der::asn1::{Ia5StringRef, OctetStringRef, PrintableStringRef, Utf8StringRef};
use x509_cert::der::{self, Decode};

/// The ASN.1 type that a value must have; another type is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::profile) enum ValueType {
    /// A non-negative INTEGER below 2³², in decimal digits.
    Integer,
    /// A BOOLEAN, as `true` or `false`.
    Boolean,
    /// One octet in an OCTET STRING nested in the extension's own, in decimal digits.
    Octet,
    /// A PrintableString.
    PrintableString,
    /// A UTF8String.
    Utf8String,
    /// An IA5String.
    Ia5String,
}

/// The value of the extension. 0 and an absent extension are two different things.
pub(super) fn value_of(
    certificate: &Certificate,
    oid: &Oid,
    value_type: ValueType,
    mask: u8,
) -> Result<Option<String>, &'static str> {
    certificate
        .private_extension(oid.as_str())
        .map(|extension| read(&extension.value, value_type, mask))
        .transpose()
}

/// Reads one DER value.
pub(super) fn read(value: &[u8], value_type: ValueType, mask: u8) -> Result<String, &'static str> {
    let text = decode(value, value_type, mask).map_err(|_| match value_type {
        ValueType::Integer => "an INTEGER is malformed or out of range",
        ValueType::Boolean => "a BOOLEAN is malformed",
        ValueType::Octet => "an OCTET STRING of one octet is malformed",
        ValueType::PrintableString | ValueType::Utf8String | ValueType::Ia5String => {
            "a text is malformed or of another type"
        }
    })?;
    text::check(&text)?;
    Ok(text)
}

fn decode(value: &[u8], value_type: ValueType, mask: u8) -> der::Result<String> {
    Ok(match value_type {
        ValueType::Integer => u32::from_der(value)?.to_string(),
        ValueType::Boolean => bool::from_der(value)?.to_string(),
        ValueType::Octet => {
            let octets = OctetStringRef::from_der(value)?;
            let [octet] = octets.as_bytes() else {
                return Err(der::ErrorKind::Failed.into());
            };
            (octet & mask).to_string()
        }
        ValueType::PrintableString => PrintableStringRef::from_der(value)?.as_str().to_owned(),
        ValueType::Utf8String => Utf8StringRef::from_der(value)?.as_str().to_owned(),
        ValueType::Ia5String => Ia5StringRef::from_der(value)?.as_str().to_owned(),
    })
}
