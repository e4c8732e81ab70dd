//! Scope values (RFC 6749 section 3.3).

use std::collections::BTreeSet;
use std::fmt;

use crate::Error;

/// Scope that asks for an ID token (OIDC Core section 3.1.2.1).
pub const OPENID: &str = "openid";
/// Scope for the person's names (OIDC Core section 5.4).
pub const PROFILE: &str = "profile";
/// Scope of Pro Santé Connect's portals: everything that is known of the person.
pub const SCOPE_ALL: &str = "scope_all";
/// Scope for what the card says about the profession.
pub const PROFESSIONAL: &str = "professional";

/// A set of scope values; order and repetition don't matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(BTreeSet<String>);

impl Scope {
    /// Splits a space-separated list.
    ///
    /// # Errors
    /// [`Error::ParameterMalformed`] for a character outside RFC 6749 section 3.3 and for more
    /// than 32 values.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let malformed = Error::ParameterMalformed { name: "scope" };
        let is_scope_char = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        let values: BTreeSet<String> = text
            .split(' ')
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
            .collect();
        if values.len() > 32 || !values.iter().all(|value| value.bytes().all(is_scope_char)) {
            return Err(malformed);
        }
        Ok(Self(values))
    }

    /// Whether the value is in the set.
    #[must_use]
    pub fn contains(&self, value: &str) -> bool {
        self.0.contains(value)
    }

    /// The values in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// The values, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, value) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(formatter, "{gap}{value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_repetition_do_not_matter() {
        let left = Scope::parse("profile openid  openid").unwrap();
        assert_eq!(left, Scope::parse("openid profile").unwrap());
        assert_eq!(left.to_string(), "openid profile");
    }

    #[test]
    fn foreign_characters_are_refused() {
        for text in ["open\"id", "open\\id", "é", "a\tb"] {
            assert!(Scope::parse(text).is_err(), "{text}");
        }
    }
}
