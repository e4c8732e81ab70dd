//! Why a key or a token was refused.

/// Every way in which this crate refuses a key, a signature or a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not three base64url parts with a JSON header (RFC 7515 section 7.1).
    #[error("the token is not a compact JWS: {reason}")]
    Malformed {
        /// What was wrong, without any of the token's content.
        reason: &'static str,
    },
    /// The input is longer than the caller's bound.
    #[error("the token has {bytes} bytes, more than the {bytes_max} allowed")]
    TooLarge {
        /// Length of the input in bytes.
        bytes: usize,
        /// The bound in bytes.
        bytes_max: usize,
    },
    /// `alg` is not in the closed list, or does not agree with the key (RFC 8725 section 3.1).
    #[error("the signature algorithm is not allowed for this key")]
    AlgorithmNotAllowed,
    /// `typ` is not the one expected here (RFC 8725 section 3.11).
    #[error("the token's typ is not {expected}")]
    TypeMismatch {
        /// The only `typ` that this use accepts.
        expected: String,
    },
    /// The header has a parameter that this implementation must not follow.
    #[error("the header parameter {parameter} is refused")]
    HeaderRefused {
        /// `crit`, `jku`, `x5u` or `b64`.
        parameter: &'static str,
    },
    /// The signature does not verify.
    #[error("the signature does not verify")]
    SignatureInvalid,
    /// The key can't be read, is too weak, or a JWK carries private members.
    #[error("the key is not acceptable: {reason}")]
    KeyInvalid {
        /// What was wrong with it.
        reason: &'static str,
    },
    /// The payload is not the JSON object expected.
    #[error("the claims are not what this token type carries")]
    ClaimsMalformed,
    /// A DPoP proof brings no key along (RFC 9449 section 4.2).
    #[error("the DPoP proof has no jwk")]
    DpopKeyMissing,
    /// A DPoP proof was made for another request.
    #[error("the DPoP proof is for another request: {claim}")]
    DpopRequestMismatch {
        /// `htm` or `htu`.
        claim: &'static str,
    },
    /// A DPoP proof is too old, from the future, or outside its own bounds.
    #[error("the DPoP proof is not of this moment: {claim}")]
    DpopTimeInvalid {
        /// `iat`, `exp` or `nbf`.
        claim: &'static str,
    },
    /// A DPoP proof's `jti` is too short or too long.
    #[error("the jti of the DPoP proof is too short or too long")]
    DpopIdInvalid,
    /// A DPoP proof's `ath` is absent or another token's.
    #[error("the DPoP proof is for another access token")]
    DpopAccessTokenMismatch,
    /// What holds a key (a TPM, a token) does not sign with it now.
    #[error("the key's holder does not sign")]
    SignerUnavailable,
    /// OpenSSL failed on its own account (memory, random source).
    #[error("the cryptographic library failed")]
    CryptoFailed(#[from] openssl::error::ErrorStack),
}

impl Error {
    /// Every code that [`Error::code`] returns.
    pub const ALL_CODES: &'static [&'static str] = &[
        "jose.malformed",
        "jose.too_large",
        "jose.algorithm_not_allowed",
        "jose.type_mismatch",
        "jose.header_refused",
        "jose.signature_invalid",
        "jose.key_invalid",
        "jose.claims_malformed",
        "jose.dpop_key_missing",
        "jose.dpop_request_mismatch",
        "jose.dpop_time_invalid",
        "jose.dpop_id_invalid",
        "jose.dpop_access_token_mismatch",
        "jose.signer_unavailable",
        "jose.crypto_failed",
    ];

    /// The stable machine code of this refusal, listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "jose.malformed",
            Self::TooLarge { .. } => "jose.too_large",
            Self::AlgorithmNotAllowed => "jose.algorithm_not_allowed",
            Self::TypeMismatch { .. } => "jose.type_mismatch",
            Self::HeaderRefused { .. } => "jose.header_refused",
            Self::SignatureInvalid => "jose.signature_invalid",
            Self::KeyInvalid { .. } => "jose.key_invalid",
            Self::ClaimsMalformed => "jose.claims_malformed",
            Self::DpopKeyMissing => "jose.dpop_key_missing",
            Self::DpopRequestMismatch { .. } => "jose.dpop_request_mismatch",
            Self::DpopTimeInvalid { .. } => "jose.dpop_time_invalid",
            Self::DpopIdInvalid => "jose.dpop_id_invalid",
            Self::DpopAccessTokenMismatch => "jose.dpop_access_token_mismatch",
            Self::SignerUnavailable => "jose.signer_unavailable",
            Self::CryptoFailed(_) => "jose.crypto_failed",
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_section_in_the_error_list_has_these_codes_and_no_others() {
        let mut sections = include_str!("../../../docs/errors.md").split("\n## ");
        let section = sections.find(|text| text.starts_with("jose\n")).unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        let codes: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
        assert_eq!(codes, super::Error::ALL_CODES);
    }
}
