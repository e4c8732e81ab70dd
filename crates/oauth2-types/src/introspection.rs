//! Asking about a token (RFC 7662) and giving one back (RFC 7009).

use crate::Error;
use crate::parameters::{PARAMETERS_MAX, parameters};

parameters! {
    /// The parameters of an introspection or revocation request, undecided. How the client proves
    /// itself stands in the same body; see [`crate::TokenParameters`].
    TokenLookupParameters {
        /// The token that is asked about, or given back.
        token,
        /// What the caller takes it for; a hint only, and never trusted.
        token_type_hint,
    }
}

#[cfg(test)]
mod tests {
    use super::TokenLookupParameters;

    #[test]
    fn the_token_is_read_and_never_shown() {
        let pairs = [("token", "t0ken"), ("client_id", "portal")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let parsed = TokenLookupParameters::from_pairs(pairs).unwrap();
        assert_eq!(parsed.token.as_deref(), Some("t0ken"));
        assert_eq!(format!("{parsed:?}"), "{\"token\"}");
    }
}
