//! What a refused login tells whom: the precise code to the log, a small named set to the browser.

use crate::notices::IdentifiedCard;
use crate::{Error, InstanceRefusal};

/// Whether the card's signature was proven before the refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignatureProof {
    Missing,
    Given,
}

/// A step that refused.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) error: Error,
    pub(super) proof: SignatureProof,
    /// The registered client that the login is for, once that is known.
    pub(super) client_id: Option<String>,
    /// Whether a challenge of ours was named, and is spent by now.
    pub(super) spent: bool,
    /// Whose card it was, where that is beyond doubt.
    pub(super) card: Option<Box<IdentifiedCard>>,
}

impl Stop {
    pub(super) fn unproven(error: Error) -> Self {
        Self {
            error,
            proof: SignatureProof::Missing,
            client_id: None,
            spent: false,
            card: None,
        }
    }

    pub(super) fn proven(error: Error) -> Self {
        Self {
            error,
            proof: SignatureProof::Given,
            client_id: None,
            spent: true,
            card: None,
        }
    }

    pub(super) fn after_spending(self) -> Self {
        Self {
            spent: true,
            ..self
        }
    }

    pub(super) fn of_card(self, card: Option<IdentifiedCard>) -> Self {
        Self {
            card: card.map(Box::new),
            ..self
        }
    }

    pub(super) fn for_client(self, client_id: &str) -> Self {
        Self {
            client_id: Some(client_id.to_owned()),
            ..self
        }
    }
}

/// All that the browser learns. Until the signature is proven it is always [`Self::Refused`], so
/// that nobody without the card can use the answer as an oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicRefusal {
    /// Refused, without a reason.
    Refused,
    /// The card has expired.
    CardExpired,
    /// The card was revoked.
    CardRevoked,
    /// The card is suspended at this server.
    CardSuspended,
    /// Whether the card was revoked cannot be found out now.
    RevocationUnavailable,
    /// The card is genuine, but not let in here.
    CardNotAccepted,
    /// The certificate is not on a professional's card.
    NotACard,
    /// A test card where real ones are asked, or the other way round.
    CardOfOtherEnvironment,
    /// Cards of this family are not let in.
    CardFamilyNotAccepted,
    /// Persons with this kind of identifier are not let in.
    IdentifierNotAccepted,
    /// This profession is not let in.
    ProfessionNotAccepted,
    /// The client asks for a workstation that the person knows.
    WorkstationNotKnown,
    /// The client asks for a workstation that the operator manages.
    WorkstationNotManaged,
    /// The workstation was revoked.
    WorkstationRevoked,
    /// We failed: nothing was decided about the card.
    Unavailable,
}

impl PublicRefusal {
    /// Every code that the browser can learn, as listed in `docs/errors.md`.
    pub const ALL_CODES: &'static [&'static str] = &[
        "login.refused",
        "login.card_expired",
        "login.card_revoked",
        "login.card_suspended",
        "login.revocation_unavailable",
        "login.card_not_accepted",
        "login.not_a_card",
        "login.card_of_other_environment",
        "login.card_family_not_accepted",
        "login.identifier_not_accepted",
        "login.profession_not_accepted",
        "login.workstation_not_known",
        "login.workstation_not_managed",
        "login.workstation_revoked",
        "login.unavailable",
    ];

    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Refused => "login.refused",
            Self::CardExpired => "login.card_expired",
            Self::CardRevoked => "login.card_revoked",
            Self::CardSuspended => "login.card_suspended",
            Self::RevocationUnavailable => "login.revocation_unavailable",
            Self::CardNotAccepted => "login.card_not_accepted",
            Self::NotACard => "login.not_a_card",
            Self::CardOfOtherEnvironment => "login.card_of_other_environment",
            Self::CardFamilyNotAccepted => "login.card_family_not_accepted",
            Self::IdentifierNotAccepted => "login.identifier_not_accepted",
            Self::ProfessionNotAccepted => "login.profession_not_accepted",
            Self::WorkstationNotKnown => "login.workstation_not_known",
            Self::WorkstationNotManaged => "login.workstation_not_managed",
            Self::WorkstationRevoked => "login.workstation_revoked",
            Self::Unavailable => "login.unavailable",
        }
    }

    /// What may be shown of a refusal of a card whose key was proven before anything was judged, as
    /// by a TLS handshake.
    #[must_use]
    pub fn after_proof(error: &Error) -> Self {
        Self::of(error, SignatureProof::Given)
    }

    fn of(error: &Error, proof: SignatureProof) -> Self {
        use cardea_pki::Error as Pki;
        if error.is_internal() {
            return Self::Unavailable;
        }
        match (proof, error) {
            // Another card has answered meanwhile: nothing is wrong with this one.
            (SignatureProof::Missing, _) | (_, Error::AuthorizationRequestCompleted) => {
                Self::Refused
            }
            (_, Error::Pki(Pki::CertificateExpired { .. })) => Self::CardExpired,
            (_, Error::Pki(Pki::CertificateRevoked { .. })) => Self::CardRevoked,
            (_, Error::CardSuspended { .. }) => Self::CardSuspended,
            (
                _,
                Error::Pki(
                    Pki::RevocationStale { .. }
                    | Pki::RevocationUnreachable { .. }
                    | Pki::RevocationUnknown { .. }
                    | Pki::CrlRolledBack { .. },
                ),
            ) => Self::RevocationUnavailable,
            (_, Error::Pki(Pki::NotACard(_))) => Self::NotACard,
            (_, Error::Pki(Pki::TestMarkRefused)) => Self::CardOfOtherEnvironment,
            (
                _,
                Error::CardFamilyNotAccepted
                | Error::Pki(Pki::CardFamilyRefused { .. } | Pki::CardPolicyRefused { .. }),
            ) => Self::CardFamilyNotAccepted,
            (_, Error::Pki(Pki::IdentifierTypeRefused { .. })) => Self::IdentifierNotAccepted,
            (_, Error::ProfessionNotAccepted) => Self::ProfessionNotAccepted,
            (_, Error::InstanceRefused { reason, .. }) => match reason {
                InstanceRefusal::NotKnown => Self::WorkstationNotKnown,
                InstanceRefusal::NotManaged => Self::WorkstationNotManaged,
                InstanceRefusal::Revoked | InstanceRefusal::RevokedByOwner => {
                    Self::WorkstationRevoked
                }
            },
            (SignatureProof::Given, _) => Self::CardNotAccepted,
        }
    }
}

/// A refused login.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct AuthenticationError {
    /// What the browser learns.
    pub public: PublicRefusal,
    /// The precise reason, for the log.
    #[source]
    pub source: Error,
}

impl AuthenticationError {
    pub(super) fn new(source: Error, proof: SignatureProof) -> Self {
        Self {
            public: PublicRefusal::of(&source, proof),
            source,
        }
    }

    /// The precise stable code, for the log.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.source.code()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardea_pki::{Error as Pki, Position};

    #[test]
    fn before_the_signature_is_proven_every_refusal_looks_the_same() {
        let errors = [
            Error::Assertion(cardea_assertion::Error::ChallengeReplayed),
            Error::Assertion(cardea_assertion::Error::SignatureInvalid),
            Error::Pki(Pki::CertificateMalformed("x")),
        ];
        for error in errors {
            let public = PublicRefusal::of(&error, SignatureProof::Missing);
            assert_eq!(public.code(), "login.refused");
        }
    }

    #[test]
    fn afterwards_only_a_small_named_set_is_shown() {
        let unknown = Pki::RevocationUnknown {
            position: Position::EndEntity,
        };
        let cases = [
            (Error::Pki(unknown), "login.revocation_unavailable"),
            (
                Error::Pki(Pki::TestMarkRefused),
                "login.card_of_other_environment",
            ),
            (Error::Pki(Pki::NotACard("x".into())), "login.not_a_card"),
            (
                Error::CardFamilyNotAccepted,
                "login.card_family_not_accepted",
            ),
            (
                Error::ProfessionNotAccepted,
                "login.profession_not_accepted",
            ),
            (Error::AcrUnmet, "login.card_not_accepted"),
        ];
        for (error, code) in cases {
            assert_eq!(
                PublicRefusal::of(&error, SignatureProof::Given).code(),
                code
            );
        }
    }

    #[test]
    fn every_public_code_has_a_row_in_the_error_list() {
        let list = include_str!("../../../../docs/errors.md");
        for code in PublicRefusal::ALL_CODES {
            assert!(
                list.contains(&format!("| `{code}` |")),
                "{code} is not in docs/errors.md"
            );
        }
    }
}
