//! Web origins (RFC 6454), compared only in their canonical form.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;

/// A canonical `http` or `https` origin, such as `https://id.example.fr`.
///
/// Parsing refuses everything that is not already canonical (a path, a default port, upper case,
/// user information, `null`), so equality of strings is equality of origins.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

impl Origin {
    /// Accepts a canonical origin.
    ///
    /// # Errors
    /// [`Error::OriginMalformed`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let url = url::Url::parse(text).map_err(|_| Error::OriginMalformed)?;
        let is_web = matches!(url.scheme(), "http" | "https");
        if is_web && url.origin().ascii_serialization() == text {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::OriginMalformed)
        }
    }

    /// The origin of a URL, such as an issuer identifier.
    ///
    /// # Errors
    /// [`Error::OriginMalformed`] when it is no http(s) URL.
    pub fn of_url(text: &str) -> Result<Self, Error> {
        let url = url::Url::parse(text).map_err(|_| Error::OriginMalformed)?;
        Self::parse(&url.origin().ascii_serialization())
    }

    /// The origin as browsers send it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Origin {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_origins_parse() {
        for text in [
            "https://id.example.fr",
            "http://127.0.0.1:8080",
            "https://[::1]:8443",
        ] {
            assert_eq!(Origin::parse(text).unwrap().as_str(), text);
        }
        let issuer = Origin::of_url("https://id.example.fr/realms/one").unwrap();
        assert_eq!(issuer.as_str(), "https://id.example.fr");
    }

    #[test]
    fn everything_else_is_refused() {
        let cases = [
            "null",
            "",
            "https://id.example.fr/",
            "https://id.example.fr:443",
            "https://ID.example.fr",
            "https://user@id.example.fr",
            "file:///etc/passwd",
            "data:text/html,x",
            " https://id.example.fr",
            "https://id.example.fr\\.evil.test",
            "id.example.fr",
        ];
        for text in cases {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }
}
