//! Whom a certificate must name for a client to be its holder (RFC 8705 section 2.1.2).

use std::net::IpAddr;

use openssl::x509::GeneralNameRef;

use crate::{Attribute, Certificate, DistinguishedName, openssl_errors};

/// Longest text of a distinguished name.
const NAME_BYTES_MAX: usize = 1024;
/// Most attributes of one.
const ATTRIBUTES_MAX: usize = 32;

/// The short names of attribute types: those of RFC 4514 section 3, and those that OpenSSL writes
/// and organisations' certificates have.
const SHORT_NAMES: [(&str, &str); 23] = [
    ("CN", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("SURNAME", "2.5.4.4"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("TITLE", "2.5.4.12"),
    ("BUSINESSCATEGORY", "2.5.4.15"),
    ("POSTALCODE", "2.5.4.17"),
    ("GN", "2.5.4.42"),
    ("GIVENNAME", "2.5.4.42"),
    ("ORGANIZATIONIDENTIFIER", "2.5.4.97"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
    ("JURISDICTIONL", "1.3.6.1.4.1.311.60.2.1.1"),
    ("JURISDICTIONST", "1.3.6.1.4.1.311.60.2.1.2"),
    ("JURISDICTIONC", "1.3.6.1.4.1.311.60.2.1.3"),
    ("JURISDICTIONCOUNTRYNAME", "1.3.6.1.4.1.311.60.2.1.3"),
];

/// Tags of the string types that [`Attribute`] reads (X.690): UTF8String, NumericString,
/// PrintableString and IA5String.
const STRING_TAGS: [u8; 4] = [0x0c, 0x12, 0x13, 0x16];

/// The one name that the certificate of a client must bear.
///
/// It says nothing about who issued the certificate: that is for a path to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedSubject {
    /// `tls_client_auth_subject_dn`: the whole subject.
    DistinguishedName(ExpectedName),
    /// `tls_client_auth_san_dns`: a DNS name of the subject alternative name extension.
    Dns(String),
    /// `tls_client_auth_san_uri`: a URI of it, letter for letter.
    Uri(String),
    /// `tls_client_auth_san_ip`: an address of it.
    Ip(IpAddr),
    /// `tls_client_auth_san_email`: a mail address of it, letter for letter.
    Email(String),
}

/// A distinguished name that was given as text (RFC 4514).
///
/// It is compared attribute by attribute with what a certificate's encoding holds, never as text:
/// one name has many texts, and one text would fit many names if separators stood in values. The
/// string type of a value is no part of the text form, so that a PrintableString equals a
/// UTF8String of the same characters; upper and lower case are different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedName {
    /// In the encoding's order, which is the text's from its end (section 2.1).
    relative_names: Vec<Vec<(String, String)>>,
}

impl ExpectedSubject {
    /// Whether a certificate names this subject.
    #[must_use]
    pub fn is_named_by(&self, certificate: &Certificate) -> bool {
        let any = |fits: &dyn Fn(&GeneralNameRef) -> bool| {
            let names = certificate.openssl().subject_alt_names();
            openssl_errors::forget();
            names.is_some_and(|names| names.iter().any(fits))
        };
        match self {
            Self::DistinguishedName(name) => name.is_of(certificate.subject()),
            Self::Dns(expected) => any(&|name| {
                let name = name.dnsname();
                name.is_some_and(|name| name.eq_ignore_ascii_case(expected))
            }),
            Self::Uri(expected) => any(&|name| name.uri() == Some(expected)),
            Self::Ip(expected) => any(&|name| match (expected, name.ipaddress()) {
                (IpAddr::V4(expected), Some(bytes)) => expected.octets() == bytes,
                (IpAddr::V6(expected), Some(bytes)) => expected.octets() == bytes,
                (_, None) => false,
            }),
            Self::Email(expected) => any(&|name| name.email() == Some(expected)),
        }
    }
}

impl ExpectedName {
    /// Reads a name in the form of RFC 4514, such as `CN=portal,O=Example,C=FR`; spaces around
    /// separators are taken as in its predecessor (RFC 2253 section 4).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > NAME_BYTES_MAX {
            return Err("is longer than 1024 bytes");
        }
        let mut parser = Parser { rest: text };
        let mut relative_names = vec![Vec::new()];
        let mut count: usize = 0;
        loop {
            let attribute = parser.attribute()?;
            count = count.saturating_add(1);
            if count > ATTRIBUTES_MAX {
                return Err("has more than 32 attributes");
            }
            if let Some(current) = relative_names.last_mut() {
                current.push(attribute);
            }
            match parser.next() {
                None => break,
                Some('+') => {}
                Some(_) => relative_names.push(Vec::new()),
            }
        }
        relative_names.reverse();
        Ok(Self { relative_names })
    }

    fn is_of(&self, subject: &DistinguishedName) -> bool {
        let expected = self.relative_names.iter().map(Vec::as_slice);
        subject.relative_names().count() == self.relative_names.len()
            && subject
                .relative_names()
                .zip(expected)
                .all(|(found, expected)| is_same_set(found, expected))
    }
}

/// The members of a set have no order (X.501): each expected one is found once.
fn is_same_set(found: &[Attribute], expected: &[(String, String)]) -> bool {
    let mut left: Vec<&Attribute> = found.iter().collect();
    found.len() == expected.len()
        && expected.iter().all(|(oid, value)| {
            let fits = |attribute: &&Attribute| {
                attribute.oid == oid.as_str() && attribute.value.as_ref() == Some(value)
            };
            match left.iter().position(fits) {
                Some(place) => {
                    left.swap_remove(place);
                    true
                }
                None => false,
            }
        })
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next()?;
        self.rest = characters.as_str();
        Some(next)
    }

    /// `type=value`, up to the separator behind it.
    fn attribute(&mut self) -> Result<(String, String), &'static str> {
        let (kind, rest) = self
            .rest
            .split_once('=')
            .ok_or("must be of the form type=value,type=value (RFC 4514)")?;
        let oid = oid_of(kind.trim_matches(' ')).ok_or("has an attribute type that is unknown")?;
        self.rest = rest.trim_start_matches(' ');
        let value = if self.rest.starts_with('#') {
            self.hexadecimal()?
        } else {
            self.string()?
        };
        if value.is_empty() {
            return Err("has an empty value");
        }
        Ok((oid, value))
    }

    /// A value with its escapes undone (section 2.4).
    fn string(&mut self) -> Result<String, &'static str> {
        const ESCAPE: &str = "has a \\ that escapes nothing";
        let mut bytes = Vec::new();
        // Spaces at the end belong to the value only where they are escaped.
        let mut kept: usize = 0;
        while let Some(next) = self.rest.chars().next() {
            match next {
                ',' | ';' | '+' => break,
                '"' | '<' | '>' | '\0' => return Err("has a character that must be escaped"),
                '\\' => {
                    self.next();
                    let pair = self.rest.get(..2);
                    let byte = pair.and_then(hexadecimal_byte);
                    if let Some(byte) = byte {
                        bytes.push(byte);
                        self.rest = self.rest.get(2..).unwrap_or_default();
                    } else {
                        let escaped = self.next().ok_or(ESCAPE)?;
                        if !" \"#+,;<=>\\".contains(escaped) {
                            return Err(ESCAPE);
                        }
                        bytes.extend(escaped.to_string().bytes());
                    }
                    kept = bytes.len();
                }
                plain => {
                    self.next();
                    bytes.extend(plain.to_string().bytes());
                    if plain != ' ' {
                        kept = bytes.len();
                    }
                }
            }
        }
        bytes.truncate(kept);
        String::from_utf8(bytes).map_err(|_| "has escapes that are not UTF-8")
    }

    /// `#` and the value's encoding, as types without a short name have it (section 2.4).
    fn hexadecimal(&mut self) -> Result<String, &'static str> {
        const REASON: &str = "has a value after # that is not the DER of a string";
        self.next();
        let end = self.rest.find([',', ';', '+']).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        let digits = digits.trim_end_matches(' ');
        let pairs = digits.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = pairs
            .map(|pair| std::str::from_utf8(pair).ok().and_then(hexadecimal_byte))
            .collect();
        let bytes = bytes.ok_or(REASON)?;
        // Below 128 bytes, a length is one byte (X.690 section 8.1.3.4).
        let (tag, length, contents) = match bytes.as_slice() {
            [tag, length @ 0..=127, contents @ ..] => (tag, length, contents),
            _ => return Err(REASON),
        };
        if !STRING_TAGS.contains(tag) || usize::from(*length) != contents.len() {
            return Err(REASON);
        }
        String::from_utf8(contents.to_vec()).map_err(|_| REASON)
    }
}

fn oid_of(kind: &str) -> Option<String> {
    let upper = kind.to_ascii_uppercase();
    if let Some((_, oid)) = SHORT_NAMES.iter().find(|(name, _)| *name == upper) {
        return Some((*oid).to_owned());
    }
    let dotted = upper.strip_prefix("OID.").unwrap_or(&upper);
    let is_arc = |arc: &str| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit());
    (dotted.contains('.') && dotted.split('.').all(is_arc)).then(|| dotted.to_owned())
}

fn hexadecimal_byte(pair: &str) -> Option<u8> {
    let is_pair = pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_pair.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::ExpectedName;

    fn same(one: &str, other: &str) -> bool {
        ExpectedName::parse(one).unwrap() == ExpectedName::parse(other).unwrap()
    }

    #[test]
    fn one_name_has_many_texts() {
        for (one, other) in [
            (
                "CN=portal,O=Example,C=FR",
                "cn=portal, o=Example ; 2.5.4.6=FR",
            ),
            ("CN=a\\,b", "CN=a\\2Cb"),
            ("CN=Lučić", "CN=Lu\\C4\\8Di\\C4\\87"),
            ("CN=a\\ ", "CN=a\\20"),
            ("2.5.4.97=#0c0450534446", "organizationIdentifier=PSDF"),
            ("OID.2.5.4.97=#130450534446,C=FR", "2.5.4.97=PSDF,C=FR"),
            ("CN=a  ", "CN=a"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn separators_in_values_make_no_other_name() {
        for (one, other) in [
            ("CN=a\\,O=b", "CN=a,O=b"),
            ("CN=a\\+O=b", "CN=a+O=b"),
            ("CN=a,O=b", "O=b,CN=a"),
            ("CN=portal", "CN=Portal"),
            ("CN=a\\ ", "CN=a"),
            ("CN=a+O=b", "CN=a,O=b"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            ",",
            "portal",
            "CN=",
            "CN=a,",
            "CN=a,,O=b",
            "CN=a+",
            "WHAT=a",
            "1=a",
            "1..2=a",
            "CN=a\\",
            "CN=a\\x",
            "CN=a\"b",
            "CN=<a",
            "CN=\\ff",
            "CN=#",
            "CN=#0c",
            "CN=#0c0361",
            "CN=#040161",
            "CN=#0c0161ff",
            "CN=#zz",
            "CN=#0c01é",
        ] {
            assert!(ExpectedName::parse(text).is_err(), "{text}");
        }
        assert!(ExpectedName::parse(&"CN=a,".repeat(300)).is_err());
        let many = vec!["CN=a"; 33].join(",");
        assert!(ExpectedName::parse(&many).is_err());
    }
}
