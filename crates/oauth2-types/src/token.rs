//! The token request and its answer (RFC 6749 sections 4.1.3 and 5).

use std::fmt;

use serde::Serialize;

use crate::Error;
use crate::parameters::{PARAMETERS_MAX, parameters};

parameters! {
    /// A token request's parameters, undecided.
    TokenParameters {
        /// Which grant is redeemed.
        grant_type,
        /// The authorization code.
        code,
        /// Must equal the authorization request's.
        redirect_uri,
        /// PKCE verifier (RFC 7636).
        code_verifier,
        /// The client, where it authenticates in the body or not at all.
        client_id,
        /// `client_secret_post`.
        client_secret,
        /// `private_key_jwt`: kind of assertion.
        client_assertion_type,
        /// `private_key_jwt`: the assertion.
        client_assertion,
        /// The device code (RFC 8628 section 3.4).
        device_code,
        /// A scope narrower than the one granted.
        scope,
        /// The refresh token.
        refresh_token,
        /// The card grant (RFC 7523): what the card signed.
        assertion,
        /// The card grant: the agent's countersignature.
        attestation,
    } repeated {
        /// Resource servers that the access token is for (RFC 8707).
        resource,
    }
}

/// A successful token response. Its `Debug` hides the tokens.
#[derive(Clone, Serialize)]
pub struct TokenResponse {
    /// JWT access token (RFC 9068).
    pub access_token: String,
    /// `Bearer` or `DPoP`.
    pub token_type: &'static str,
    /// Lifetime of the access token in seconds.
    pub expires_in: i64,
    /// ID token (OIDC Core section 2); none where nobody is logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// Refresh token (RFC 6749 section 1.5); none for a client that may not refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// The scope granted, space-separated; none for a service that needs no more than an audience.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// What portals of Keycloak's realms read beside; none for any other.
    #[serde(flatten)]
    pub session: Option<SessionOfTokens>,
}

/// Members of Keycloak's token response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionOfTokens {
    /// Lifetime of the refresh token in seconds, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_expires_in: Option<i64>,
    /// Tokens from before this time are no good; always 0, for each is asked about by itself.
    #[serde(rename = "not-before-policy")]
    pub not_before_policy: i64,
    /// The client's session.
    pub session_state: String,
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenResponse")
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
