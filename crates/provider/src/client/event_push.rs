//! Where a client is pushed Security Event Tokens (RFC 8935).

use std::fmt;

use zeroize::Zeroizing;

/// Longest value of the header.
const BYTES_MAX: usize = 4096;

/// Where a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPush {
    /// Its `event_push_uri`.
    pub uri: String,
    /// What it wants to see in the `Authorization` header.
    pub authorization: Option<PushAuthorization>,
}

/// The value of an `Authorization` header: a secret of the receiver's.
#[derive(Clone, PartialEq, Eq)]
pub struct PushAuthorization(Zeroizing<String>);

impl PushAuthorization {
    /// Takes a value such as `Bearer …`.
    ///
    /// # Errors
    /// What is wrong, to be read after the name of where it stands.
    pub fn parse(text: Zeroizing<String>) -> Result<Self, &'static str> {
        let is_header = |it: &str| it.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        match text.as_str() {
            "" => Err("is empty"),
            it if it.len() > BYTES_MAX => Err("is longer than 4096 bytes"),
            it if !is_header(it) => Err("must be one line of visible ASCII characters"),
            it if !it.contains(' ') => Err("must be a scheme and a value, such as `Bearer …`"),
            _ => Ok(Self(text)),
        }
    }

    /// The value, for the header and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PushAuthorization {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PushAuthorization(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::PushAuthorization;

    #[test]
    fn a_header_is_one_line_with_a_scheme_and_is_not_shown() {
        let parse = |text: &str| PushAuthorization::parse(Zeroizing::new(text.to_owned()));
        let good = parse("Bearer 0123456789").unwrap();
        assert_eq!(good.expose(), "Bearer 0123456789");
        assert!(!format!("{good:?}").contains("0123"));
        let long = format!("Bearer {}", "x".repeat(4096));
        for bad in ["", "0123456789", "Bearer a\r\nX: y", "Bearer \u{e9}", &long] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
