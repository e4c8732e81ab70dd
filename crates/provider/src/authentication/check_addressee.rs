//! Step 3 of a card grant: the card signed for us, for this client, and for the key that the client
//! proves to hold in this very request.
//!
//! No browser told an origin. What stands in its place is the key: the agent that asked the person
//! makes the proof of possession itself, so that a relayed grant is of no use to whoever relays it.

use cardea_assertion::{Error as AssertionError, GrantClaims};
use cardea_jose::constant_time_eq;
use time::OffsetDateTime;

use crate::authentication::check_origin::Addressed;
use crate::authentication::check_shape::Shaped;
use crate::authentication::redeem_grant_challenge::GrantChallengeRedeemed;
use crate::{Error, Provider};

#[tracing::instrument(level = "debug", skip_all)]
pub(super) fn check_addressee<'a>(
    provider: &Provider,
    challenge: &GrantChallengeRedeemed,
    dpop_jkt: &str,
    shaped: Shaped<'a, GrantClaims>,
    now: OffsetDateTime,
) -> Result<Addressed<'a, GrantClaims>, Error> {
    let claims = shaped.statement.claims();
    if claims.aud != provider.issuer.as_str() {
        return Err(AssertionError::AudienceMismatch.into());
    }
    if claims.client_id != challenge.client_id {
        return Err(AssertionError::ClientMismatch.into());
    }
    // RFC 7523 section 3: an assertion that says when it ends is not taken afterwards; it cannot
    // make itself last longer than its challenge.
    if claims.exp > challenge.expires_at.unix_timestamp() {
        return Err(AssertionError::ChallengeMismatch.into());
    }
    if now.unix_timestamp() >= claims.exp {
        return Err(AssertionError::ChallengeExpired.into());
    }
    if !constant_time_eq(claims.cnf.jkt.as_bytes(), dpop_jkt.as_bytes()) {
        return Err(Error::CardGrantKeyMismatch);
    }
    Ok(Addressed(shaped))
}
