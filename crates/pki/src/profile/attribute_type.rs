//! The names that profiles use for attribute types of distinguished names.

use crate::Oid;

/// Short names and what they stand for (RFC 4519, X.520); any other attribute type is written as
/// its object identifier.
const NAMES: &[(&str, &str)] = &[
    ("CN", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("serialNumber", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("title", "2.5.4.12"),
    ("GN", "2.5.4.42"),
    ("initials", "2.5.4.43"),
    ("pseudonym", "2.5.4.65"),
    ("organizationIdentifier", "2.5.4.97"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
];

/// The attribute type of a short name or a dotted object identifier.
pub(super) fn parse(text: &str) -> Option<Oid> {
    match NAMES.iter().find(|(name, _)| *name == text) {
        Some((_, dotted)) => Oid::parse(dotted),
        None => Oid::parse(text),
    }
}

#[cfg(test)]
mod tests {
    use super::{NAMES, parse};

    #[test]
    fn names_and_dotted_forms_are_read() {
        for (name, dotted) in NAMES {
            assert_eq!(parse(name).unwrap(), *dotted);
        }
        assert_eq!(parse("2.5.4.9").unwrap(), "2.5.4.9");
        for unknown in ["cn", "surname", "", "2.5.4."] {
            assert_eq!(parse(unknown), None, "{unknown}");
        }
    }
}
