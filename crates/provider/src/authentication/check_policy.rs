//! Step 8: this provider and this client let this card in, at the level that it reached.

use cardea_assertion::UserVerification;
use cardea_oauth2_types::Acr;
use cardea_pki::ProfessionalIdentity;

use crate::authentication::verify_signatures::SignaturesVerified;
use crate::client::CardAcceptance;
use crate::{Error, Provider};

/// The level that the login reached: it follows from what was stated, never from what was asked.
pub(super) struct PolicyMet {
    pub(super) acr: Acr,
}

#[tracing::instrument(level = "debug", skip_all)]
pub(super) fn check_policy(
    provider: &Provider,
    client_id: &str,
    signatures: &SignaturesVerified,
    identity: &ProfessionalIdentity,
) -> Result<PolicyMet, Error> {
    let acr = reached(signatures.user_verification);
    if !acr.satisfies(provider.user_verification.weakest_acr()) {
        return Err(Error::UserVerificationInsufficient);
    }
    let client = provider
        .client_of_login(client_id)
        .ok_or(Error::ClientUnknown)?;
    check_card(&client.cards, identity)?;
    Ok(PolicyMet { acr })
}

fn reached(verification: UserVerification) -> Acr {
    match verification {
        UserVerification::Now => Acr::CardPin,
        UserVerification::Cached => Acr::CardPinCached,
        UserVerification::None => Acr::Card,
    }
}

/// Whether a client lets a card in.
pub(crate) fn check_card(
    accepted: &CardAcceptance,
    identity: &ProfessionalIdentity,
) -> Result<(), Error> {
    let family = identity.card.family.as_str();
    if !accepted.families.is_empty() && !accepted.families.iter().any(|f| f == family) {
        return Err(Error::CardFamilyNotAccepted);
    }
    if accepted.professions.is_empty() {
        return Ok(());
    }
    // Establishment staff have no profession, so a list of professions never lets them in.
    let profession = identity
        .profession
        .as_ref()
        .ok_or(Error::ProfessionNotAccepted)?;
    if accepted.professions.contains(profession) {
        Ok(())
    } else {
        Err(Error::ProfessionNotAccepted)
    }
}
