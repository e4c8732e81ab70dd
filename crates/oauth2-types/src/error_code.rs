//! Error names that clients match on (RFC 6749 sections 4.1.2.1 and 5.2, OIDC Core 3.1.2.6).

use std::fmt;

use serde::Serialize;

/// A registered OAuth or OpenID error name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The request lacks a parameter, repeats one, or is malformed.
    InvalidRequest,
    /// Client authentication failed.
    InvalidClient,
    /// The code or its companions are wrong, spent or expired.
    InvalidGrant,
    /// The client may not use this grant.
    UnauthorizedClient,
    /// The grant type is not offered.
    UnsupportedGrantType,
    /// The response type is not offered.
    UnsupportedResponseType,
    /// The scope is unknown or not allowed.
    InvalidScope,
    /// The person or a policy said no.
    AccessDenied,
    /// Something failed here.
    ServerError,
    /// Try again later.
    TemporarilyUnavailable,
    /// `prompt=none` and nobody is logged in.
    LoginRequired,
    /// `prompt=none` and interaction would be needed.
    InteractionRequired,
    /// `prompt=none` and the person would have to consent.
    ConsentRequired,
    /// The requested `acr` can't be reached (OIDC Unmet Authentication Requirements 1.0).
    UnmetAuthenticationRequirements,
    /// `request` is not offered.
    RequestNotSupported,
    /// `request_uri` is not offered.
    RequestUriNotSupported,
    /// The request object is unusable or unproven (RFC 9101 section 7).
    InvalidRequestObject,
    /// The `request_uri` leads to no request of this client (RFC 9101 section 7).
    InvalidRequestUri,
    /// The resource server is unknown or not allowed (RFC 8707 section 2).
    InvalidTarget,
    /// The access token is absent, spent or wrong (RFC 6750 section 3.1).
    InvalidToken,
    /// The access token lacks a scope (RFC 6750 section 3.1).
    InsufficientScope,
    /// The login behind the access token is too weak or too old (RFC 9470 section 3).
    InsufficientUserAuthentication,
    /// A redirect URI cannot be registered (RFC 7591 section 3.2.2).
    InvalidRedirectUri,
    /// Metadata of a client cannot be registered (RFC 7591 section 3.2.2).
    InvalidClientMetadata,
    /// The software statement is not believed here (RFC 7591 section 3.2.2).
    UnapprovedSoftwareStatement,
    /// The DPoP proof is absent or wrong (RFC 9449 section 5).
    InvalidDpopProof,
    /// The DPoP proof must carry the nonce that comes with this answer (RFC 9449 section 8).
    UseDpopNonce,
    /// The person has not answered the device's request yet (RFC 8628 section 3.5).
    AuthorizationPending,
    /// The same, and the device asks too often (RFC 8628 section 3.5).
    SlowDown,
    /// The device code has expired (RFC 8628 section 3.5).
    ExpiredToken,
}

impl ErrorCode {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::LoginRequired => "login_required",
            Self::InteractionRequired => "interaction_required",
            Self::ConsentRequired => "consent_required",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::UnapprovedSoftwareStatement => "unapproved_software_statement",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The JSON body of an error answer (RFC 6749 section 5.2).
#[derive(Clone, Debug, Serialize)]
pub struct ErrorBody {
    /// The registered name.
    pub error: ErrorCode,
    /// Plain words for the client's developer, without personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
    /// A page about our own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_uri: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_text_agree() {
        for code in [
            ErrorCode::InvalidGrant,
            ErrorCode::UnmetAuthenticationRequirements,
        ] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
