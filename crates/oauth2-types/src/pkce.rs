//! Proof Key for Code Exchange (RFC 7636), S256 only.

use crate::Error;

/// An S256 code challenge: 43 characters of base64url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Accepts what SHA-256 in base64url without padding can be (RFC 7636 section 4.2).
    ///
    /// # Errors
    /// [`Error::ParameterMalformed`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let fits = text.len() == 43
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::ParameterMalformed {
                name: "code_challenge",
            })
        }
    }

    /// The challenge as sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A code verifier. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeVerifier(String);

impl CodeVerifier {
    /// Accepts 43 to 128 unreserved characters (RFC 7636 section 4.1).
    ///
    /// # Errors
    /// [`Error::ParameterMalformed`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let fits = (43..=128).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::ParameterMalformed {
                name: "code_verifier",
            })
        }
    }

    /// The verifier as sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for CodeVerifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CodeVerifier(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_defined_forms_parse() {
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(CodeChallenge::parse(challenge).is_ok());
        for bad in [
            "",
            &challenge[1..],
            &format!("{challenge}="),
            &challenge.replace('-', "+"),
        ] {
            assert!(CodeChallenge::parse(bad).is_err(), "{bad}");
        }
        assert!(CodeVerifier::parse(&"a".repeat(43)).is_ok());
        assert!(CodeVerifier::parse(&"~".repeat(128)).is_ok());
        for bad in ["a".repeat(42), "a".repeat(129), "a b".repeat(20)] {
            assert!(CodeVerifier::parse(&bad).is_err(), "{bad}");
        }
    }
}
