//! Distinguished names, kept as sets of attributes and never compared as text.

use crate::{Error, Oid};
use openssl::x509::X509NameRef;
use std::cmp::Ordering;
use std::fmt;
use x509_parser::x509::X509Name;

/// One attribute of a relative distinguished name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The attribute's type, such as `2.5.4.3` for the common name.
    pub oid: Oid,
    /// The value, or `None` when it is not of a string type that this crate reads
    /// (NumericString, PrintableString, UTF8String, IA5String).
    pub value: Option<String>,
}

/// A distinguished name (RFC 5280 section 4.1.2.4): a sequence of *sets* of attributes.
///
/// The members of a set have no order of their own: DER sorts them by their encoding, so the
/// order differs from card to card with the lengths of the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName {
    der: Vec<u8>,
    relative_names: Vec<Vec<Attribute>>,
}

impl DistinguishedName {
    pub(crate) fn from_parsed(name: &X509Name<'_>) -> Self {
        let relative_names = name
            .iter_rdn()
            .map(|set| {
                set.iter()
                    .map(|attribute| Attribute {
                        oid: Oid::from_parsed(attribute.attr_type()),
                        value: attribute.as_str().ok().map(str::to_owned),
                    })
                    .collect()
            })
            .collect();
        Self {
            der: name.as_raw().to_vec(),
            relative_names,
        }
    }

    /// The name's DER encoding, as it stands in the certificate.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The relative distinguished names in encoded order, each a set of attributes.
    pub fn relative_names(&self) -> impl Iterator<Item = &[Attribute]> {
        self.relative_names.iter().map(Vec::as_slice)
    }

    /// Every attribute of one type, in whatever set it stands.
    pub fn attributes_of<'a>(&'a self, oid: &'a str) -> impl Iterator<Item = &'a Attribute> {
        self.relative_names
            .iter()
            .flatten()
            .filter(move |attribute| attribute.oid == oid)
    }
}

/// Whether two names are equal by the rules of RFC 5280 section 7.1, as OpenSSL applies them.
pub(crate) fn names_match(left: &X509NameRef, right: &X509NameRef) -> Result<bool, Error> {
    Ok(left.try_cmp(right)? == Ordering::Equal)
}

fn short_name(oid: &Oid) -> Option<&'static str> {
    Some(match oid.as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.42" => "GN",
        "0.9.2342.19200300.100.1.25" => "DC",
        _ => return None,
    })
}

/// Writes one value so that it cannot break out of its place or of a log line.
fn write_escaped(formatter: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    for character in value.chars() {
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => write!(formatter, "\\{character}")?,
            control if control.is_control() => {
                write!(formatter, "\\u{{{:x}}}", u32::from(control))?
            }
            plain => write!(formatter, "{plain}")?,
        }
    }
    Ok(())
}

/// Encoded order, for people: `C=FR, O=…, GN=… + CN=… + SN=…`. Never parse it back.
impl fmt::Display for DistinguishedName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, set) in self.relative_names.iter().enumerate() {
            formatter.write_str(if index == 0 { "" } else { ", " })?;
            for (member, attribute) in set.iter().enumerate() {
                formatter.write_str(if member == 0 { "" } else { " + " })?;
                match short_name(&attribute.oid) {
                    Some(name) => write!(formatter, "{name}=")?,
                    None => write!(formatter, "{}=", attribute.oid)?,
                }
                write_escaped(formatter, attribute.value.as_deref().unwrap_or("?"))?;
            }
        }
        Ok(())
    }
}
