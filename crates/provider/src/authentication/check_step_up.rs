//! Steps 3 and 4b of a step-up: the card signed for us what its holder was shown, for the session
//! whose connection this is; and it is that session's own card and workstation.

use cardea_assertion::{Error as AssertionError, StepUpClaims};
use cardea_jose::{constant_time_eq, sha256_base64url};
use time::OffsetDateTime;

use crate::authentication::check_origin::Addressed;
use crate::authentication::check_shape::Shaped;
use crate::authentication::redeem_step_up::StepUpRedeemed;
use crate::authentication::verify_signatures::SignaturesVerified;
use crate::{Error, Provider};

#[tracing::instrument(level = "debug", skip_all)]
pub(super) fn check_shown<'a>(
    provider: &Provider,
    redeemed: &StepUpRedeemed,
    shaped: Shaped<'a, StepUpClaims>,
    now: OffsetDateTime,
) -> Result<Addressed<'a, StepUpClaims>, Error> {
    let (claims, step_up) = (shaped.statement.claims(), &redeemed.step_up);
    if claims.aud != provider.issuer.as_str() {
        return Err(AssertionError::AudienceMismatch.into());
    }
    if claims.client_id != step_up.client_id {
        return Err(AssertionError::ClientMismatch.into());
    }
    let is_shown = claims.service == step_up.service
        && claims.patients == step_up.patients
        && constant_time_eq(claims.presence.as_bytes(), step_up.presence_jkt.as_bytes())
        && claims.exp == step_up.expires_at.unix_timestamp();
    if !is_shown {
        return Err(AssertionError::ChallengeMismatch.into());
    }
    if now.unix_timestamp() >= claims.exp {
        return Err(AssertionError::ChallengeExpired.into());
    }
    Ok(Addressed(shaped))
}

/// The same card, by its certificate, at the same agent instance as the session's login.
#[tracing::instrument(level = "debug", skip_all)]
pub(super) fn check_same_card(
    redeemed: &StepUpRedeemed,
    signatures: &SignaturesVerified,
) -> Result<(), Error> {
    let session = &redeemed.session;
    if sha256_base64url(signatures.certificate.der()) != session.card_sha256 {
        return Err(Error::StepUpOtherCard);
    }
    if signatures.instance.as_str() != session.instance_jkt {
        return Err(Error::StepUpOtherWorkstation);
    }
    Ok(())
}
