//! The subject's other names (RFC 5280 section 4.2.1.6).

use std::net::IpAddr;

use serde::Serialize;
use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::extensions::{GeneralName, SubjectAlternativeName};
use x509_parser::prelude::FromDer;

/// Most names that are shown.
const NAMES_MAX: usize = 20;
/// Microsoft's user principal name.
const UPN: &str = "1.3.6.1.4.1.311.20.2.3";
/// FASC-N of a PIV card (NIST SP 800-73).
const FASC_N: &str = "2.16.840.1.101.3.6.6";

/// One name with its kind.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct AlternativeName {
    pub(super) kind: &'static str,
    pub(super) value: String,
}

/// Reads the names; those of other kinds are named by their kind alone.
pub(super) fn read(names: &SubjectAlternativeName<'_>) -> Vec<AlternativeName> {
    names
        .general_names
        .iter()
        .take(NAMES_MAX)
        .map(|name| {
            let (kind, value) = match name {
                GeneralName::RFC822Name(text) => ("email", (*text).to_owned()),
                GeneralName::DNSName(text) => ("dns", (*text).to_owned()),
                GeneralName::URI(text) => ("uri", (*text).to_owned()),
                GeneralName::IPAddress(octets) => ("ip", address(octets)),
                GeneralName::DirectoryName(name) => ("directory", name.to_string()),
                GeneralName::OtherName(oid, value) => other(&oid.to_id_string(), value),
                _ => ("other", String::new()),
            };
            AlternativeName { kind, value }
        })
        .collect()
}

fn address(octets: &[u8]) -> String {
    let address = <[u8; 4]>::try_from(octets)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from));
    address.map_or_else(|_| hexadecimal(octets), |it| it.to_string())
}

fn other(oid: &str, value: &[u8]) -> (&'static str, String) {
    // The value stands in an explicit tag [0] (RFC 5280 section 4.2.1.6).
    let inner = one_value(value).and_then(|outer| one_value(outer.data));
    match (oid, inner) {
        (UPN, Some(inner)) if inner.tag() == Tag::Utf8String => {
            ("upn", String::from_utf8_lossy(inner.data).into_owned())
        }
        (FASC_N, Some(inner)) => ("fasc_n", hexadecimal(inner.data)),
        _ => ("other", format!("{oid} {}", hexadecimal(value))),
    }
}

fn one_value(der: &[u8]) -> Option<Any<'_>> {
    Any::from_der(der).ok().map(|(_, value)| value)
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
