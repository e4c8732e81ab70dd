//! Why a certificate, its path, its revocation evidence or its profile was refused.

use crate::revocation::{RevocationReason, StaleReason};
use std::borrow::Cow;
use time::OffsetDateTime;

/// Which certificate of the path an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The person's own certificate.
    EndEntity,
    /// A certification authority; 1 is the one that issued the end entity.
    Issuer(usize),
}

impl Position {
    /// From OpenSSL's depth: 0 is the end entity.
    pub(crate) fn from_depth(depth: usize) -> Self {
        match depth {
            0 => Self::EndEntity,
            issuer => Self::Issuer(issuer),
        }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EndEntity => formatter.write_str("end entity"),
            Self::Issuer(depth) => write!(formatter, "issuer {depth}"),
        }
    }
}

/// A refusal with its evidence; [`Error::code`] is the stable machine code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not one DER certificate that RFC 5280 section 4.1 allows.
    #[error("certificate is malformed: {0}")]
    CertificateMalformed(&'static str),
    /// The certificate, or the list of certificates, is larger than any real one.
    #[error("certificate input of {given} exceeds the bound of {bound}")]
    CertificateTooLarge {
        /// Bytes or certificates given.
        given: usize,
        /// The most that is read.
        bound: usize,
    },
    /// The certificate's validity has ended (RFC 5280 section 6.1.3 (a)(2)).
    #[error("{position} expired at {not_after}, judged at {at}")]
    CertificateExpired {
        /// Which certificate.
        position: Position,
        /// The last moment it was valid.
        not_after: OffsetDateTime,
        /// The moment of judgement.
        at: OffsetDateTime,
    },
    /// The certificate's validity has not begun (RFC 5280 section 6.1.3 (a)(2)).
    #[error("{position} is valid from {not_before}, judged at {at}")]
    CertificateNotYetValid {
        /// Which certificate.
        position: Position,
        /// The first moment it is valid.
        not_before: OffsetDateTime,
        /// The moment of judgement.
        at: OffsetDateTime,
    },
    /// The key usage extension lacks what its use asks (RFC 5280 section 4.2.1.3); for the end
    /// entity this is a signature certificate sent instead of the authentication certificate.
    #[error("{position} key usage does not allow this use")]
    KeyUsageWrong {
        /// Which certificate.
        position: Position,
    },
    /// The extended key usage lacks the configured purpose (RFC 5280 section 4.2.1.12).
    #[error("{position} extended key usage does not allow this purpose")]
    ExtendedKeyUsageWrong {
        /// Which certificate.
        position: Position,
    },
    /// A signature algorithm below the floor that has no code of its own, such as one with MD5.
    #[error("{position} is signed with {algorithm}, which is below the floor")]
    SignatureAlgorithmRefused {
        /// Which certificate.
        position: Position,
        /// The algorithm, in dotted or short form.
        algorithm: String,
    },
    /// A signature with SHA-1, whose collisions let a certificate stand for another.
    #[error("{position} is signed with {algorithm}, and SHA-1 is not accepted")]
    SignatureAlgorithmSha1 {
        /// Which certificate.
        position: Position,
        /// The algorithm's short name.
        algorithm: &'static str,
    },
    /// An RSA modulus below the floor.
    #[error("{position} has an RSA key of {bits} bits, the least is {bits_min}")]
    RsaKeyTooShort {
        /// Which certificate.
        position: Position,
        /// The modulus's length in bits.
        bits: u32,
        /// The floor in bits.
        bits_min: u32,
    },
    /// An elliptic curve that is weak, not known here, or given by explicit parameters.
    #[error("{position} has a key on a curve that is not accepted: {curve}")]
    CurveRefused {
        /// Which certificate.
        position: Position,
        /// The curve's short name, or what stands in its place.
        curve: String,
    },
    /// Another weakness of a public key: small or overlong RSA numbers, another key type.
    #[error("{position} has a public key that is not accepted: {reason}")]
    KeyRefused {
        /// Which certificate.
        position: Position,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No path leads to a trust anchor, whatever the names say: the issuer is not known, or a
    /// known issuer's key did not make the signature.
    #[error(
        "no certification path leads to a trust anchor ({same_name_issuers} certificates had an \
         issuer's name, but not its key)"
    )]
    UntrustedAnchor {
        /// How many candidate issuers fitted by name while their key did not verify the signature.
        same_name_issuers: usize,
    },
    /// Path building used up its bound of work before an answer was found.
    #[error("path building exceeded its work bound")]
    PathBudgetExceeded,
    /// Issuers lead on, but no path with so few of them reaches a trust anchor.
    #[error("no path with at most {intermediates_max} authorities below the trust anchor")]
    PathTooLong {
        /// The most authorities between the end entity and the trust anchor.
        intermediates_max: usize,
    },
    /// An issuer is not a certification authority (RFC 5280 section 6.1.4 (k)).
    #[error("{position} is not a certification authority")]
    IssuerNotAuthority {
        /// Which certificate.
        position: Position,
    },
    /// A path length constraint is exceeded (RFC 5280 section 6.1.4 (l), (m)).
    #[error("{position} exceeds a path length constraint")]
    PathLengthExceeded {
        /// Where it was noticed.
        position: Position,
    },
    /// A name constraint excludes a name (RFC 5280 section 6.1.3 (b), (c)).
    #[error("{position} has a name outside the name constraints")]
    NameConstraintViolated {
        /// Where it was noticed.
        position: Position,
    },
    /// A critical extension is not known here (RFC 5280 section 4.2).
    #[error("{position} has an unknown critical extension")]
    CriticalExtensionUnknown {
        /// Which certificate.
        position: Position,
    },
    /// The certificate policies do not satisfy the inputs (RFC 5280 section 6.1.5).
    #[error("certificate policies of the path are not acceptable")]
    PolicyRefused {
        /// Where it was noticed.
        position: Position,
    },
    /// OpenSSL refused the path for a reason without a code of its own.
    #[error("path refused at {position}: {reason}")]
    PathRefused {
        /// Where it was noticed.
        position: Position,
        /// OpenSSL's text for its verification result.
        reason: &'static str,
    },

    /// The bytes are not one DER certificate revocation list (RFC 5280 section 5.1).
    #[error("CRL is malformed: {0}")]
    CrlMalformed(&'static str),
    /// The bytes are not one DER OCSP response (RFC 6960 section 4.2.1).
    #[error("OCSP response is malformed: {0}")]
    OcspResponseMalformed(&'static str),
    /// A source says that the certificate is revoked; this wins over every other answer.
    #[error("{position} was revoked at {revoked_at} ({reason})")]
    CertificateRevoked {
        /// Which certificate.
        position: Position,
        /// When, as the source states.
        revoked_at: OffsetDateTime,
        /// Why, as the source states.
        reason: RevocationReason,
    },
    /// Nothing usable speaks about the certificate, or its responder does not know it.
    #[error("revocation status of {position} is unknown")]
    RevocationUnknown {
        /// Which certificate.
        position: Position,
    },
    /// The only evidence is outside its window or beyond the operator's age limit.
    #[error("revocation evidence for {position} is stale: {reason}, issued {this_update}")]
    RevocationStale {
        /// Which certificate.
        position: Position,
        /// Why the best evidence is stale.
        reason: StaleReason,
        /// `thisUpdate` of the best evidence.
        this_update: OffsetDateTime,
    },
    /// Every source of the certificate's status failed to answer.
    #[error("no revocation source of {position} could be reached")]
    RevocationUnreachable {
        /// Which certificate.
        position: Position,
    },
    /// A CRL is older than one already seen from the same issuer: a roll-back.
    #[error("CRL number is lower than one already seen from this issuer")]
    CrlRolledBack {
        /// Which certificate the list would speak for.
        position: Position,
    },

    /// The certificate is not a card's: a software certificate, or another kind.
    #[error("certificate is not on a professional card: {0}")]
    NotACard(Cow<'static, str>),
    /// The subject does not have the profile's shape.
    #[error("certificate subject does not fit the profile: {0}")]
    ProfileSubjectInvalid(&'static str),
    /// A private extension is missing, malformed or contradicts another.
    #[error("certificate extension does not fit the profile: {0}")]
    ProfileExtensionInvalid(&'static str),
    /// The policy does not accept this family of cards.
    #[error("cards of family {family} are not accepted")]
    CardFamilyRefused {
        /// The family, as the profile names it.
        family: String,
    },
    /// The certificate policy OID is not one configured for this family of cards.
    #[error("certificate policy is not accepted for cards of family {family}")]
    CardPolicyRefused {
        /// The family, as the profile names it.
        family: String,
    },
    /// The policy does not accept this kind of person identifier.
    #[error("persons identified by {identifier_type} are not accepted")]
    IdentifierTypeRefused {
        /// The kind of identifier, as the profile names it.
        identifier_type: String,
    },
    /// A test card where real cards are asked, or the other way round.
    #[error("test mark of the card does not fit this environment")]
    TestMarkRefused,

    /// A profile file is not one.
    #[error("profile is malformed: {}{reason}", place(*line, key))]
    ProfileMalformed {
        /// The line, where it is known.
        line: Option<usize>,
        /// The key, such as `identifier[2].pattern`; empty for the whole file.
        key: String,
        /// What is wrong, and what it must be.
        reason: String,
    },

    /// OpenSSL failed for a reason that is not about the input.
    #[error("cryptographic library failed")]
    Cryptography(#[from] openssl::error::ErrorStack),
}

impl Error {
    /// Every code this crate can return.
    pub const ALL_CODES: &'static [&'static str] = &[
        "pki.card_family_refused",
        "pki.card_policy_refused",
        "pki.certificate_expired",
        "pki.certificate_malformed",
        "pki.certificate_not_yet_valid",
        "pki.certificate_revoked",
        "pki.certificate_too_large",
        "pki.critical_extension_unknown",
        "pki.crl_malformed",
        "pki.crl_rolled_back",
        "pki.cryptography_failed",
        "pki.curve_refused",
        "pki.extended_key_usage_wrong",
        "pki.identifier_type_refused",
        "pki.issuer_not_authority",
        "pki.key_refused",
        "pki.key_usage_wrong",
        "pki.name_constraint_violated",
        "pki.not_a_card",
        "pki.ocsp_response_malformed",
        "pki.path_budget_exceeded",
        "pki.path_length_exceeded",
        "pki.path_refused",
        "pki.path_too_long",
        "pki.policy_refused",
        "pki.profile_extension_invalid",
        "pki.profile_malformed",
        "pki.profile_subject_invalid",
        "pki.revocation_stale",
        "pki.revocation_unknown",
        "pki.revocation_unreachable",
        "pki.rsa_key_too_short",
        "pki.signature_algorithm_refused",
        "pki.signature_algorithm_sha1",
        "pki.test_mark_refused",
        "pki.untrusted_anchor",
    ];

    /// The stable machine code of this error, listed in docs/errors.md.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::CertificateMalformed(_) => "pki.certificate_malformed",
            Self::CertificateTooLarge { .. } => "pki.certificate_too_large",
            Self::CertificateExpired { .. } => "pki.certificate_expired",
            Self::CertificateNotYetValid { .. } => "pki.certificate_not_yet_valid",
            Self::KeyUsageWrong { .. } => "pki.key_usage_wrong",
            Self::ExtendedKeyUsageWrong { .. } => "pki.extended_key_usage_wrong",
            Self::SignatureAlgorithmRefused { .. } => "pki.signature_algorithm_refused",
            Self::SignatureAlgorithmSha1 { .. } => "pki.signature_algorithm_sha1",
            Self::RsaKeyTooShort { .. } => "pki.rsa_key_too_short",
            Self::CurveRefused { .. } => "pki.curve_refused",
            Self::KeyRefused { .. } => "pki.key_refused",
            Self::UntrustedAnchor { .. } => "pki.untrusted_anchor",
            Self::PathBudgetExceeded => "pki.path_budget_exceeded",
            Self::PathTooLong { .. } => "pki.path_too_long",
            Self::IssuerNotAuthority { .. } => "pki.issuer_not_authority",
            Self::PathLengthExceeded { .. } => "pki.path_length_exceeded",
            Self::NameConstraintViolated { .. } => "pki.name_constraint_violated",
            Self::CriticalExtensionUnknown { .. } => "pki.critical_extension_unknown",
            Self::PolicyRefused { .. } => "pki.policy_refused",
            Self::PathRefused { .. } => "pki.path_refused",
            Self::CrlMalformed(_) => "pki.crl_malformed",
            Self::OcspResponseMalformed(_) => "pki.ocsp_response_malformed",
            Self::CertificateRevoked { .. } => "pki.certificate_revoked",
            Self::RevocationUnknown { .. } => "pki.revocation_unknown",
            Self::RevocationStale { .. } => "pki.revocation_stale",
            Self::RevocationUnreachable { .. } => "pki.revocation_unreachable",
            Self::CrlRolledBack { .. } => "pki.crl_rolled_back",
            Self::NotACard(_) => "pki.not_a_card",
            Self::ProfileSubjectInvalid(_) => "pki.profile_subject_invalid",
            Self::ProfileExtensionInvalid(_) => "pki.profile_extension_invalid",
            Self::CardFamilyRefused { .. } => "pki.card_family_refused",
            Self::CardPolicyRefused { .. } => "pki.card_policy_refused",
            Self::IdentifierTypeRefused { .. } => "pki.identifier_type_refused",
            Self::TestMarkRefused => "pki.test_mark_refused",
            Self::ProfileMalformed { .. } => "pki.profile_malformed",
            Self::Cryptography(_) => "pki.cryptography_failed",
        }
    }

    /// How much a failed path tells the operator: when several candidate paths fail, the one
    /// with the highest rank is reported. A path that got as far as its constraints says more
    /// than one whose signature never verified.
    pub(crate) fn usefulness(&self) -> u8 {
        match self {
            Self::UntrustedAnchor { .. } => 0,
            Self::PathBudgetExceeded | Self::PathTooLong { .. } => 1,
            Self::IssuerNotAuthority { .. } => 2,
            Self::PathRefused { .. } => 3,
            Self::CertificateExpired { .. } | Self::CertificateNotYetValid { .. } => 4,
            _ => 5,
        }
    }
}

/// `line 12, key: `, of what is known.
fn place(line: Option<usize>, key: &str) -> String {
    let line = line.map(|line| format!("line {line}"));
    let key = (!key.is_empty()).then(|| key.to_owned());
    let parts: Vec<String> = line.into_iter().chain(key).collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("{}: ", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    /// Keeps docs/errors.md and the code in step.
    #[test]
    fn every_code_has_one_row_in_the_error_document() {
        let document = include_str!("../../../docs/errors.md");
        let section = document
            .split("\n## ")
            .find(|section| section.starts_with("pki\n"))
            .expect("docs/errors.md has a section for this crate");
        let mut documented: Vec<&str> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `"))
            .filter_map(|line| line.split('`').next())
            .collect();
        documented.sort_unstable();
        assert_eq!(documented, Error::ALL_CODES);
    }
}
