//! Why a challenge, an assertion or a presence statement was refused.

/// Every way in which a card login's statements are refused.
///
/// The challenge variants are found out by the server that stored the challenge; they live here
/// because they are facts about the exchange that this crate defines.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The statement is not what its format describes.
    #[error("the statement is malformed: {reason}")]
    Malformed {
        /// What was wrong, without any of its content.
        reason: &'static str,
    },
    /// The JWS around the statement was refused.
    #[error(transparent)]
    Jose(#[from] cardea_jose::Error),
    /// The signature is not by the key that the statement names.
    #[error("the signature does not verify")]
    SignatureInvalid,
    /// An origin is not `scheme://host[:port]` in its canonical form (RFC 6454 section 6.2).
    #[error("the origin is malformed")]
    OriginMalformed,
    /// The person signed for another origin than the login page's.
    #[error("the assertion was signed for another origin")]
    OriginMismatch,
    /// The person signed for another client than the one that asked.
    #[error("the assertion was signed for another client")]
    ClientMismatch,
    /// The statement is addressed to another issuer.
    #[error("the statement is addressed to another issuer")]
    AudienceMismatch,
    /// The assertion answers another challenge than the one it names.
    #[error("the assertion does not answer this challenge")]
    ChallengeMismatch,
    /// No such challenge was issued, or it was swept away.
    #[error("the challenge is unknown")]
    ChallengeUnknown,
    /// The challenge's lifetime is over.
    #[error("the challenge has expired")]
    ChallengeExpired,
    /// The challenge was answered before.
    #[error("the challenge was used before")]
    ChallengeReplayed,
    /// The challenge was issued to another browser.
    #[error("the challenge belongs to another browser")]
    ChallengeForeignBrowser,
    /// The challenge was issued to another client.
    #[error("the challenge belongs to another client")]
    ChallengeForeignClient,
    /// The agent's countersignature is not over this assertion, or not by the instance it names.
    #[error("the agent's attestation does not fit the assertion")]
    AttestationMismatch,
    /// The challenge-key list is not signed by a pinned root key.
    #[error("the challenge-key list is not signed by a pinned root key")]
    ChallengeKeyListUntrusted,
    /// The challenge-key list is older than one seen before.
    #[error("the challenge-key list has version {version}, older than {version_min}")]
    ChallengeKeyListRolledBack {
        /// Version of the list at hand.
        version: u64,
        /// Highest version seen before.
        version_min: u64,
    },
}

impl Error {
    /// Every code that [`Error::code`] returns, apart from those of `jose`.
    pub const ALL_CODES: &'static [&'static str] = &[
        "assertion.malformed",
        "assertion.signature_invalid",
        "assertion.origin_malformed",
        "assertion.origin_mismatch",
        "assertion.client_mismatch",
        "assertion.audience_mismatch",
        "assertion.challenge_mismatch",
        "assertion.challenge_unknown",
        "assertion.challenge_expired",
        "assertion.challenge_replayed",
        "assertion.challenge_foreign_browser",
        "assertion.challenge_foreign_client",
        "assertion.attestation_mismatch",
        "assertion.challenge_key_list_untrusted",
        "assertion.challenge_key_list_rolled_back",
    ];

    /// The stable machine code of this refusal, listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "assertion.malformed",
            Self::Jose(error) => error.code(),
            Self::SignatureInvalid => "assertion.signature_invalid",
            Self::OriginMalformed => "assertion.origin_malformed",
            Self::OriginMismatch => "assertion.origin_mismatch",
            Self::ClientMismatch => "assertion.client_mismatch",
            Self::AudienceMismatch => "assertion.audience_mismatch",
            Self::ChallengeMismatch => "assertion.challenge_mismatch",
            Self::ChallengeUnknown => "assertion.challenge_unknown",
            Self::ChallengeExpired => "assertion.challenge_expired",
            Self::ChallengeReplayed => "assertion.challenge_replayed",
            Self::ChallengeForeignBrowser => "assertion.challenge_foreign_browser",
            Self::ChallengeForeignClient => "assertion.challenge_foreign_client",
            Self::AttestationMismatch => "assertion.attestation_mismatch",
            Self::ChallengeKeyListUntrusted => "assertion.challenge_key_list_untrusted",
            Self::ChallengeKeyListRolledBack { .. } => "assertion.challenge_key_list_rolled_back",
        }
    }

    /// Folds a failed signature into this crate's code; other JWS refusals keep their own.
    pub(crate) fn from_verification(error: cardea_jose::Error) -> Self {
        match error {
            cardea_jose::Error::SignatureInvalid => Self::SignatureInvalid,
            other => Self::Jose(other),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_section_in_the_error_list_has_these_codes_and_no_others() {
        let mut sections = include_str!("../../../docs/errors.md").split("\n## ");
        let section = sections
            .find(|text| text.starts_with("assertion\n"))
            .unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        let codes: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
        assert_eq!(codes, super::Error::ALL_CODES);
    }
}
