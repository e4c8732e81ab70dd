//! The authorization request (RFC 6749 section 4.1.1, OIDC Core section 3.1.2.1).

use crate::Error;
use crate::parameters::{PARAMETERS_MAX, parameters};

parameters! {
    /// An authorization request's parameters, undecided.
    AuthorizationParameters {
        /// The client that asks.
        client_id,
        /// Where the answer goes; must be registered to the letter.
        redirect_uri,
        /// Only `code` is offered.
        response_type,
        /// `query`, the default of the code flow, or `form_post`.
        response_mode,
        /// Space-separated scope values; must hold `openid`.
        scope,
        /// The client's own value, returned as it came.
        state,
        /// Returned inside the ID token.
        nonce,
        /// PKCE challenge (RFC 7636).
        code_challenge,
        /// PKCE method; only `S256`.
        code_challenge_method,
        /// `none`, `login`, `consent`, `select_account`.
        prompt,
        /// Longest age of the authentication, in seconds.
        max_age,
        /// Requested authentication context classes.
        acr_values,
        /// Hint about the person; never trusted.
        login_hint,
        /// An ID token issued before.
        id_token_hint,
        /// Preferred languages of the login page.
        ui_locales,
        /// A request object by value (RFC 9101).
        request,
        /// A request object by reference (RFC 9101, RFC 9126).
        request_uri,
        /// Claims asked for by name, as JSON (OIDC Core section 5.5).
        claims,
        /// Thumbprint of the DPoP key that the code will be bound to (RFC 9449 section 10).
        dpop_jkt,
    } repeated {
        /// Resource servers that the access token is for (RFC 8707).
        resource,
    }
}

parameters! {
    /// What a host says beside its device authorization request (RFC 8628 section 3.1), in
    /// parameters of our own: to everybody else they are unknown. Undecided.
    HostAccountParameters {
        /// The account that somebody wants to enter.
        cardea_host_account,
        /// What asks for it on the host, such as `sshd`.
        cardea_host_service,
        /// Where whoever asks comes from, if from elsewhere.
        cardea_host_remote,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<AuthorizationParameters, Error> {
        let owned = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        AuthorizationParameters::from_pairs(owned)
    }

    #[test]
    fn known_parameters_are_taken_and_unknown_ones_ignored() {
        let parsed = parse(&[("client_id", "portal"), ("extra", "foobar"), ("state", "")]).unwrap();
        assert_eq!(parsed.client_id.as_deref(), Some("portal"));
        assert_eq!(parsed.state, None);
    }

    #[test]
    fn each_bound_refuses_by_its_own_code() {
        let long = "x".repeat(crate::PARAMETER_BYTES_MAX + 1);
        let many = vec![("extra", "1"); PARAMETERS_MAX + 1];
        let cases: [(&[(&str, &str)], &str); 5] = [
            (
                &[("state", "a"), ("state", "a")],
                "oauth2.parameter_repeated",
            ),
            (
                &[("state", ""), ("state", "a")],
                "oauth2.parameter_repeated",
            ),
            (&[("nonce", &long)], "oauth2.parameter_too_long"),
            (
                &[("state", "a\r\nSet-Cookie: b=c")],
                "oauth2.parameter_malformed",
            ),
            (&many, "oauth2.too_many_parameters"),
        ];
        for (pairs, code) in cases {
            assert_eq!(parse(pairs).unwrap_err().code(), code);
        }
    }

    #[test]
    fn debug_output_never_shows_values() {
        let parsed = parse(&[("state", "secret-state")]).unwrap();
        assert_eq!(format!("{parsed:?}"), "{\"state\"}");
    }
}
