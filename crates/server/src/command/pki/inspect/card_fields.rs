//! The fields of French health professionals' certificates, read for display.
//!
//! A login reads them through the profile, strictly and after the path is validated. Here a field
//! that is missing or odd is simply not shown.

use serde::Serialize;
use x509_parser::asn1_rs::Any;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::X509Extension;
use x509_parser::prelude::FromDer;

/// What kind of certificate it is (private extension 1.2.250.1.71.1.2.5).
const KIND: &str = "1.2.250.1.71.1.2.5";
const CARD_TYPE: &str = "1.2.250.1.71.1.2.2";
const CARD_NUMBER: &str = "1.2.250.1.71.1.2.3";
const PROFESSION: &str = "1.2.250.1.71.1.2.7";
const PROFESSION_IN_TRAINING: &str = "1.2.250.1.71.1.2.8";
/// The bit of the kind that marks test certificates.
const TEST_BIT: u8 = 0x80;
const CARD_FAMILIES: [&str; 4] = ["cps", "cpf", "cpe", "cpa"];

/// Where the key is, by the certificate's own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// On a card.
    Card,
    /// In a file, or in a server.
    Software,
    /// Of the PKI before 2021, or a kind that is not known.
    Other,
}

/// The private extensions.
#[derive(Debug, Default)]
pub(super) struct CardFields {
    pub(super) kind: Option<Kind>,
    pub(super) test: Option<bool>,
    pub(super) family: Option<&'static str>,
    pub(super) number: Option<String>,
    pub(super) profession: Option<Profession>,
}

/// A profession's code with the terminology that gives it its meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Profession {
    pub(super) code: String,
    pub(super) system: String,
}

impl CardFields {
    pub(super) fn read(certificate: &X509Certificate<'_>) -> Self {
        let find = |oid: &str| {
            let extensions = certificate.extensions().iter();
            extensions
                .filter(|it| it.oid.to_id_string() == oid)
                .find_map(contents)
        };
        let kind = find(KIND).and_then(|octets| match octets {
            [kind] => Some(*kind),
            _ => None,
        });
        let profession = |oid, system: &str| {
            integer(find(oid)?).map(|code| Profession {
                code: format!("{code:02}"),
                system: String::from(system),
            })
        };
        let family = find(CARD_TYPE)
            .and_then(integer)
            .and_then(|code| CARD_FAMILIES.get(usize::from(code)).copied());
        Self {
            kind: kind.map(|kind| match kind & !TEST_BIT {
                0 => Kind::Card,
                3 => Kind::Software,
                _ => Kind::Other,
            }),
            test: kind.map(|kind| kind & TEST_BIT != 0),
            family,
            number: find(CARD_NUMBER).map(|text| String::from_utf8_lossy(text).into_owned()),
            profession: profession(PROFESSION, "TRE_G15")
                .or_else(|| profession(PROFESSION_IN_TRAINING, "TRE_G16")),
        }
    }
}

/// The contents of the one value inside an extension.
fn contents<'a>(extension: &X509Extension<'a>) -> Option<&'a [u8]> {
    let (_, value) = Any::from_der(extension.value).ok()?;
    Some(value.data)
}

/// A small INTEGER that is not negative.
fn integer(contents: &[u8]) -> Option<u8> {
    match contents {
        [value] if *value < 0x80 => Some(*value),
        [0, value] => Some(*value),
        _ => None,
    }
}

/// The kinds of person identifiers: prefix, characters after it, whether a register number follows
/// a slash, and the contract's name.
const PERSONS: [(char, std::ops::RangeInclusive<usize>, bool, &str); 9] = [
    ('0', 9..=9, false, "adeli"),
    ('1', 9..=9, true, "adeli_practice"),
    ('2', 1..=20, false, "drass"),
    ('3', 9..=9, true, "finess_register"),
    ('4', 9..=9, true, "siren_register"),
    ('5', 14..=14, true, "siret_register"),
    ('6', 11..=14, true, "rpps_practice"),
    ('8', 11..=11, false, "rpps"),
    ('9', 1..=20, false, "student"),
];

/// The kinds of structure identifiers.
const STRUCTURES: [(char, std::ops::RangeInclusive<usize>, bool, &str); 5] = [
    ('0', 9..=11, false, "adeli_practice"),
    ('1', 9..=9, false, "finess"),
    ('2', 9..=9, false, "siren"),
    ('3', 14..=14, false, "siret"),
    ('4', 14..=14, false, "rpps_practice"),
];

/// The kind of a person's identifier, if it has the form of one.
pub(super) fn person_identifier_kind(identifier: &str) -> Option<&'static str> {
    kind_of(identifier, &PERSONS)
}

/// The kind of a structure's identifier, if it has the form of one.
pub(super) fn structure_identifier_kind(identifier: &str) -> Option<&'static str> {
    kind_of(identifier, &STRUCTURES)
}

fn kind_of(
    identifier: &str,
    kinds: &[(char, std::ops::RangeInclusive<usize>, bool, &'static str)],
) -> Option<&'static str> {
    kinds
        .iter()
        .find(|(prefix, length, has_register, _)| {
            let Some(rest) = identifier.strip_prefix(*prefix) else {
                return false;
            };
            let (id, register) = match rest.split_once('/') {
                Some((id, register)) => (id, Some(register)),
                None => (rest, None),
            };
            let is_plain = |text: &str| text.bytes().all(|it| it.is_ascii_alphanumeric());
            length.contains(&id.len())
                && is_plain(id)
                && *has_register == register.is_some()
                && register.is_none_or(|it| !it.is_empty() && is_plain(it))
        })
        .map(|(_, _, _, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::{integer, person_identifier_kind, structure_identifier_kind};

    #[test]
    fn prefix_and_form_tell_the_kind() {
        for (identifier, kind) in [
            ("899700366240", Some("rpps")),
            ("00B6077602", Some("adeli")),
            ("30B0057881/CPET0002", Some("finess_register")),
            ("30B0057881", None),
            ("8997003662401", None),
            ("www.example.org", None),
            ("", None),
        ] {
            assert_eq!(person_identifier_kind(identifier), kind, "{identifier}");
        }
        assert_eq!(structure_identifier_kind("10B0057881"), Some("finess"));
        assert_eq!(structure_identifier_kind("0002 187512751"), None);
    }

    #[test]
    fn zero_is_a_code_and_nothing_is_none() {
        assert_eq!(integer(&[0]), Some(0));
        assert_eq!(integer(&[0, 0xc8]), Some(200));
        assert_eq!(integer(&[0xff]), None);
        assert_eq!(integer(&[]), None);
    }
}
