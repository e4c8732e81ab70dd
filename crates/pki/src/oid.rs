//! Object identifiers in dotted form.

use std::fmt::{self, Write as _};

/// An object identifier in dotted decimal form, such as `2.5.29.15` (X.660).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Oid(Box<str>);

impl Oid {
    /// The special policy `anyPolicy` (RFC 5280 section 4.2.1.4).
    #[must_use]
    pub fn any_policy() -> Self {
        Self("2.5.29.32.0".into())
    }

    /// Parses a dotted decimal object identifier.
    ///
    /// Returns `None` when the text is not one: fewer than two arcs, a first arc over 2, an
    /// empty or non-decimal arc, a leading zero.
    #[must_use]
    pub fn parse(dotted: &str) -> Option<Self> {
        let arcs: Vec<&str> = dotted.split('.').collect();
        let well_formed = arcs.len() >= 2
            && dotted.len() <= 128
            && matches!(arcs.first(), Some(&("0" | "1" | "2")))
            && arcs.iter().all(|arc| {
                !arc.is_empty()
                    && arc.bytes().all(|byte| byte.is_ascii_digit())
                    && (*arc == "0" || !arc.starts_with('0'))
            });
        well_formed.then(|| Self(dotted.into()))
    }

    /// The dotted decimal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_parsed(oid: &x509_parser::oid_registry::Oid<'_>) -> Self {
        let Some(arcs) = oid.iter() else {
            return Self(oid.to_id_string().into());
        };
        // One text grown in place: a certificate has dozens of identifiers.
        let mut dotted = String::with_capacity(32);
        for arc in arcs {
            let dot = if dotted.is_empty() { "" } else { "." };
            // Writing to a text cannot fail.
            let _ = write!(dotted, "{dot}{arc}");
        }
        Self(dotted.into_boxed_str())
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl PartialEq<str> for Oid {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Oid {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::Oid;

    #[test]
    fn only_dotted_decimal_is_an_oid() {
        for (text, accepted) in [
            ("1.2.250.1.71.1.2.7", true),
            ("2.5.29.32.0", true),
            ("2", false),
            ("3.1", false),
            ("1..2", false),
            ("1.02", false),
            ("1.2.x", false),
            ("", false),
        ] {
            assert_eq!(Oid::parse(text).is_some(), accepted, "{text}");
        }
    }
}
