//! Why a request does not get through the token check, and what can go wrong around it.

use cardea_oauth2_types::ErrorCode;

use crate::access_token::StepUp;

/// Every refusal of the token check and of the programs that ask for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// No access token.
    #[error("the request has no access token")]
    TokenMissing,
    /// `Authorization` stands twice, is too long or of another form.
    #[error("the Authorization header is not one scheme and one token")]
    AuthorizationMalformed,
    /// What came is no access token that can be read.
    #[error("the access token can't be read")]
    TokenMalformed(#[source] cardea_jose::Error),
    /// A token of another kind (attack G5).
    #[error("the token is no access token")]
    TokenTypeMismatch,
    /// An algorithm outside the configured list.
    #[error("the token's algorithm is not allowed")]
    TokenAlgorithmNotAllowed,
    /// No published key has the token's `kid`.
    #[error("the issuer publishes no key of this name")]
    TokenKeyUnknown,
    /// The signature does not verify.
    #[error("the token's signature does not verify")]
    TokenSignatureInvalid,
    /// Another issuer.
    #[error("the token is another issuer's")]
    TokenIssuerMismatch,
    /// Another resource server.
    #[error("the token is for another resource server")]
    TokenAudienceMismatch,
    /// `exp` is over.
    #[error("the token has expired")]
    TokenExpired,
    /// `iat`, `nbf` or `auth_time` is to come.
    #[error("the token is from the future")]
    TokenNotYetValid,
    /// It lives longer than the end of a session is remembered.
    #[error("the token lives too long")]
    TokenLifetimeExcessive,
    /// A bearer token, where tokens must be bound to a key.
    #[error("the token is bound to no key")]
    TokenUnbound,
    /// `cnf` names no binding that is known here.
    #[error("the token is bound to something unknown")]
    TokenBindingUnknown,
    /// A bound token as a bearer token, or the other way round.
    #[error("the token came with another scheme than its own")]
    TokenSchemeMismatch,
    /// The issuer says that the token is no longer good.
    #[error("the issuer says that the token is not active")]
    TokenInactive,
    /// The event stream has said that this token was revoked.
    #[error("the token was revoked")]
    TokenRevoked,
    /// The event stream has said that the session is over.
    #[error("the session is over")]
    SessionEnded,
    /// No proof.
    #[error("the request has no DPoP proof")]
    DpopProofMissing,
    /// Two proofs, or one that is too long.
    #[error("the DPoP header is not one proof")]
    DpopProofMalformed,
    /// The proof is for another request or token, too old, or wrongly made.
    #[error("the DPoP proof is not good for this request")]
    DpopProofInvalid(#[source] cardea_jose::Error),
    /// Another key's proof.
    #[error("the DPoP proof is by another key")]
    DpopKeyMismatch,
    /// The proof was used before.
    #[error("the DPoP proof was used before")]
    DpopProofReplayed,
    /// The proof has no nonce of the guard.
    #[error("the DPoP proof lacks a nonce")]
    DpopNonceMissing,
    /// The proof's nonce is too old, or another's.
    #[error("the DPoP proof's nonce is not current")]
    DpopNonceInvalid,
    /// So many proofs were used lately that no other can be remembered.
    #[error("too many DPoP proofs in a short time")]
    DpopProofsTooMany,
    /// No certificate, for a token that is bound to one.
    #[error("the connection shows no certificate")]
    CertificateMissing,
    /// Another certificate.
    #[error("the connection's certificate is not the token's")]
    CertificateMismatch,
    /// The proxy's certificate header stands twice or can't be read.
    #[error("the proxy's certificate header can't be read")]
    CertificateHeaderMalformed,
    /// A scope is missing.
    #[error("the token lacks a scope")]
    ScopeInsufficient {
        /// All that is needed.
        scope: String,
    },
    /// The login was of too weak a class.
    #[error("the login's class is not enough")]
    AcrInsufficient {
        /// What to ask for.
        wanted: StepUp,
    },
    /// The login lacks a method.
    #[error("the login's methods are not enough")]
    AmrInsufficient {
        /// What to ask for.
        wanted: StepUp,
    },
    /// The login is too long ago.
    #[error("the login is too old")]
    AuthenticationTooOld {
        /// What to ask for.
        wanted: StepUp,
    },
    /// The issuer has not been reached yet.
    #[error("the issuer has not answered since the start")]
    NotReady,
    /// The issuer's keys were last fetched too long ago.
    #[error("the issuer's keys were last seen too long ago")]
    KeysStale,
    /// The issuer was asked about the token, and nothing good was heard.
    #[error("nobody says whether the token is still good: {reason} ({code})")]
    IntrospectionFailed {
        /// The code of what went wrong.
        code: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// A request from an address that is no configured proxy's.
    #[error("the request does not come from a configured proxy")]
    ProxyUnknown,
    /// A proxy's header is missing, stands twice or can't be read.
    #[error("a header of the proxy can't be used: {header}")]
    ForwardedHeaderMalformed {
        /// Which.
        header: &'static str,
    },
    /// The request went to an origin that is not configured.
    #[error("the request went to another origin than the configured ones")]
    OriginUnknown,
    /// The path can be read in two ways.
    #[error("the path can be read in two ways")]
    PathAmbiguous,
    /// A handler asks for a verified access where no check stands before it.
    #[error("no token check stands before this handler")]
    NotChecked,
    /// The issuer does not answer.
    #[error("the issuer does not answer: {reason}")]
    IssuerUnreachable {
        /// What happened.
        reason: String,
    },
    /// The issuer's answer can't be used.
    #[error("the issuer's answer can't be used: {reason}")]
    IssuerAnswerInvalid {
        /// Why.
        reason: &'static str,
    },
    /// The discovery document is another issuer's.
    #[error("the discovery document is another issuer's")]
    IssuerMismatch,
    /// A security event can't be used.
    #[error("a security event can't be used: {reason}")]
    SecurityEventInvalid {
        /// Why.
        reason: &'static str,
    },
    /// No heartbeat of the event stream came in time.
    #[error("the event stream is silent")]
    HeartbeatLate,
    /// The event stream may have left something out.
    #[error("the event stream has a gap")]
    EventStreamGap,
    /// The guard's own secret or key at the issuer can't be used.
    #[error("the guard's own credentials can't be used: {reason}")]
    CredentialsUnusable {
        /// Why.
        reason: String,
    },
    /// The HTTP client can't be made.
    #[error("the HTTP client can't be made: {reason}")]
    HttpClientFailed {
        /// Why.
        reason: String,
    },
    /// The address can't be listened at.
    #[error("can't listen at {address}: {source}")]
    ListenFailed {
        /// Where.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// OpenSSL failed on its own account.
    #[error("the cryptographic library failed")]
    CryptoFailed(#[source] cardea_jose::Error),
}

impl AccessError {
    /// Every code that [`AccessError::code`] returns.
    pub const ALL_CODES: &'static [&'static str] = &[
        "guard.token_missing",
        "guard.authorization_malformed",
        "guard.token_malformed",
        "guard.token_type_mismatch",
        "guard.token_algorithm_not_allowed",
        "guard.token_key_unknown",
        "guard.token_signature_invalid",
        "guard.token_issuer_mismatch",
        "guard.token_audience_mismatch",
        "guard.token_expired",
        "guard.token_not_yet_valid",
        "guard.token_lifetime_excessive",
        "guard.token_unbound",
        "guard.token_binding_unknown",
        "guard.token_scheme_mismatch",
        "guard.token_inactive",
        "guard.token_revoked",
        "guard.session_ended",
        "guard.dpop_proof_missing",
        "guard.dpop_proof_malformed",
        "guard.dpop_proof_invalid",
        "guard.dpop_key_mismatch",
        "guard.dpop_proof_replayed",
        "guard.dpop_nonce_missing",
        "guard.dpop_nonce_invalid",
        "guard.dpop_proofs_too_many",
        "guard.certificate_missing",
        "guard.certificate_mismatch",
        "guard.certificate_header_malformed",
        "guard.scope_insufficient",
        "guard.acr_insufficient",
        "guard.amr_insufficient",
        "guard.authentication_too_old",
        "guard.not_ready",
        "guard.keys_stale",
        "guard.introspection_failed",
        "guard.proxy_unknown",
        "guard.forwarded_header_malformed",
        "guard.origin_unknown",
        "guard.path_ambiguous",
        "guard.not_checked",
        "guard.issuer_unreachable",
        "guard.issuer_answer_invalid",
        "guard.issuer_mismatch",
        "guard.security_event_invalid",
        "guard.heartbeat_late",
        "guard.event_stream_gap",
        "guard.credentials_unusable",
        "guard.http_client_failed",
        "guard.listen_failed",
        "guard.crypto_failed",
    ];

    /// The stable machine code, listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TokenMissing => "guard.token_missing",
            Self::AuthorizationMalformed => "guard.authorization_malformed",
            Self::TokenMalformed(_) => "guard.token_malformed",
            Self::TokenTypeMismatch => "guard.token_type_mismatch",
            Self::TokenAlgorithmNotAllowed => "guard.token_algorithm_not_allowed",
            Self::TokenKeyUnknown => "guard.token_key_unknown",
            Self::TokenSignatureInvalid => "guard.token_signature_invalid",
            Self::TokenIssuerMismatch => "guard.token_issuer_mismatch",
            Self::TokenAudienceMismatch => "guard.token_audience_mismatch",
            Self::TokenExpired => "guard.token_expired",
            Self::TokenNotYetValid => "guard.token_not_yet_valid",
            Self::TokenLifetimeExcessive => "guard.token_lifetime_excessive",
            Self::TokenUnbound => "guard.token_unbound",
            Self::TokenBindingUnknown => "guard.token_binding_unknown",
            Self::TokenSchemeMismatch => "guard.token_scheme_mismatch",
            Self::TokenInactive => "guard.token_inactive",
            Self::TokenRevoked => "guard.token_revoked",
            Self::SessionEnded => "guard.session_ended",
            Self::DpopProofMissing => "guard.dpop_proof_missing",
            Self::DpopProofMalformed => "guard.dpop_proof_malformed",
            Self::DpopProofInvalid(_) => "guard.dpop_proof_invalid",
            Self::DpopKeyMismatch => "guard.dpop_key_mismatch",
            Self::DpopProofReplayed => "guard.dpop_proof_replayed",
            Self::DpopNonceMissing => "guard.dpop_nonce_missing",
            Self::DpopNonceInvalid => "guard.dpop_nonce_invalid",
            Self::DpopProofsTooMany => "guard.dpop_proofs_too_many",
            Self::CertificateMissing => "guard.certificate_missing",
            Self::CertificateMismatch => "guard.certificate_mismatch",
            Self::CertificateHeaderMalformed => "guard.certificate_header_malformed",
            Self::ScopeInsufficient { .. } => "guard.scope_insufficient",
            Self::AcrInsufficient { .. } => "guard.acr_insufficient",
            Self::AmrInsufficient { .. } => "guard.amr_insufficient",
            Self::AuthenticationTooOld { .. } => "guard.authentication_too_old",
            Self::NotReady => "guard.not_ready",
            Self::KeysStale => "guard.keys_stale",
            Self::IntrospectionFailed { .. } => "guard.introspection_failed",
            Self::ProxyUnknown => "guard.proxy_unknown",
            Self::ForwardedHeaderMalformed { .. } => "guard.forwarded_header_malformed",
            Self::OriginUnknown => "guard.origin_unknown",
            Self::PathAmbiguous => "guard.path_ambiguous",
            Self::NotChecked => "guard.not_checked",
            Self::IssuerUnreachable { .. } => "guard.issuer_unreachable",
            Self::IssuerAnswerInvalid { .. } => "guard.issuer_answer_invalid",
            Self::IssuerMismatch => "guard.issuer_mismatch",
            Self::SecurityEventInvalid { .. } => "guard.security_event_invalid",
            Self::HeartbeatLate => "guard.heartbeat_late",
            Self::EventStreamGap => "guard.event_stream_gap",
            Self::CredentialsUnusable { .. } => "guard.credentials_unusable",
            Self::HttpClientFailed { .. } => "guard.http_client_failed",
            Self::ListenFailed { .. } => "guard.listen_failed",
            Self::CryptoFailed(_) => "guard.crypto_failed",
        }
    }

    /// The OAuth error that the caller is told (RFC 6750 section 3.1, RFC 9449 section 7.1, RFC
    /// 9470 section 3); none where it sent no token, or the fault is not its own.
    #[must_use]
    pub(crate) fn oauth(&self) -> Option<ErrorCode> {
        Some(match self {
            Self::AuthorizationMalformed
            | Self::DpopProofMalformed
            | Self::CertificateHeaderMalformed
            | Self::ForwardedHeaderMalformed { .. }
            | Self::PathAmbiguous => ErrorCode::InvalidRequest,
            Self::TokenMalformed(_)
            | Self::TokenTypeMismatch
            | Self::TokenAlgorithmNotAllowed
            | Self::TokenKeyUnknown
            | Self::TokenSignatureInvalid
            | Self::TokenIssuerMismatch
            | Self::TokenAudienceMismatch
            | Self::TokenExpired
            | Self::TokenNotYetValid
            | Self::TokenLifetimeExcessive
            | Self::TokenUnbound
            | Self::TokenBindingUnknown
            | Self::TokenSchemeMismatch
            | Self::TokenInactive
            | Self::TokenRevoked
            | Self::SessionEnded
            | Self::DpopKeyMismatch
            | Self::CertificateMissing
            | Self::CertificateMismatch => ErrorCode::InvalidToken,
            Self::DpopProofMissing | Self::DpopProofInvalid(_) | Self::DpopProofReplayed => {
                ErrorCode::InvalidDpopProof
            }
            Self::DpopNonceMissing | Self::DpopNonceInvalid => ErrorCode::UseDpopNonce,
            Self::ScopeInsufficient { .. } => ErrorCode::InsufficientScope,
            Self::AcrInsufficient { .. }
            | Self::AmrInsufficient { .. }
            | Self::AuthenticationTooOld { .. } => ErrorCode::InsufficientUserAuthentication,
            Self::TokenMissing
            | Self::DpopProofsTooMany
            | Self::NotReady
            | Self::KeysStale
            | Self::IntrospectionFailed { .. }
            | Self::ProxyUnknown
            | Self::OriginUnknown
            | Self::NotChecked
            | Self::IssuerUnreachable { .. }
            | Self::IssuerAnswerInvalid { .. }
            | Self::IssuerMismatch
            | Self::SecurityEventInvalid { .. }
            | Self::HeartbeatLate
            | Self::EventStreamGap
            | Self::CredentialsUnusable { .. }
            | Self::HttpClientFailed { .. }
            | Self::ListenFailed { .. }
            | Self::CryptoFailed(_) => return None,
        })
    }

    /// The status of the answer.
    #[must_use]
    pub(crate) fn status(&self) -> u16 {
        match (self.oauth(), self) {
            (Some(ErrorCode::InvalidRequest), _) => 400,
            (Some(ErrorCode::InsufficientScope), _) => 403,
            (Some(_), _) | (None, Self::TokenMissing) => 401,
            (None, Self::ProxyUnknown | Self::OriginUnknown) => 403,
            (None, Self::DpopProofsTooMany) => 429,
            (None, Self::NotChecked | Self::CryptoFailed(_)) => 500,
            (None, _) => 503,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AccessError;

    #[test]
    fn the_section_in_the_error_list_has_these_codes_and_no_others() {
        for document in [
            include_str!("../../../docs/errors.md"),
            include_str!("../../../docs/errors.fr.md"),
        ] {
            let mut sections = document.split("\n## ");
            let section = sections
                .find(|text| text.starts_with("guard-access\n"))
                .unwrap();
            let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
            let codes: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
            assert_eq!(codes, AccessError::ALL_CODES);
        }
    }
}
