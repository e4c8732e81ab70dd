//! Step 3: the person signed for us, on our page, for the client that asked.
//!
//! A look-alike site that relays our challenge in real time fails here: the agent learned the
//! origin from the browser, and it stands inside the signed bytes.

use cardea_assertion::{AssertionClaims, Error as AssertionError};

use crate::authentication::check_shape::Shaped;
use crate::authentication::redeem_challenge::ChallengeRedeemed;
use crate::{Error, Provider};

/// A statement addressed to this login or grant; who signed it is not known yet.
pub(super) struct Addressed<'a, C>(pub(super) Shaped<'a, C>);

#[tracing::instrument(level = "debug", skip_all)]
pub(super) fn check_origin<'a>(
    provider: &Provider,
    challenge: &ChallengeRedeemed,
    shaped: Shaped<'a, AssertionClaims>,
) -> Result<Addressed<'a, AssertionClaims>, Error> {
    let claims = shaped.statement.claims();
    if claims.aud != provider.issuer.as_str() {
        return Err(AssertionError::AudienceMismatch.into());
    }
    if claims.origin != provider.issuer.origin().as_str() {
        return Err(AssertionError::OriginMismatch.into());
    }
    if claims.client_id != challenge.client_id() {
        return Err(AssertionError::ClientMismatch.into());
    }
    Ok(Addressed(shaped))
}
