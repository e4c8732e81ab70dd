//! Whether a challenge may be shown to the person at all: the checks before any prompt, in order.
//!
//! shape → enrolment (issuer and origin) → key (listed under the pinned roots) → signature, type,
//! issuer and purpose → lifetime. Expiry is not compared with this workstation's clock; the server
//! decides that.

use std::sync::Arc;
use std::time::Instant;

use cardea_assertion::{Origin, Purpose, UnverifiedChallenge, VerifiedChallenge};
use cardea_jose::VerifyingKey;

use crate::Error;
use crate::agent::EnrolledIssuer;
use crate::clock::ChallengeLifetime;

/// A challenge that the agent goes along with. Only [`accept_challenge`] makes one.
pub(crate) struct AcceptedChallenge {
    /// The enrolment that issuer, key and origin belong to.
    pub(crate) issuer: Arc<EnrolledIssuer>,
    /// The page's origin, as the browser told it.
    pub(crate) origin: Origin,
    /// The challenge.
    pub(crate) challenge: VerifiedChallenge,
    /// How long it lives here.
    pub(crate) lifetime: ChallengeLifetime,
}

/// Checks a challenge that a page of `origin` handed over.
///
/// # Errors
/// [`Error::ChallengeInvalid`], [`Error::EnrolmentMismatch`], and the failures of fetching the
/// issuer's challenge keys.
pub(crate) async fn accept_challenge(
    compact: &str,
    origin: Origin,
    issuers: &[Arc<EnrolledIssuer>],
    arrived: Instant,
) -> Result<AcceptedChallenge, Error> {
    let unverified =
        UnverifiedChallenge::parse(compact).map_err(|_| invalid("it is no bounded JWS"))?;
    let issuer = find_enrolment(issuers, unverified.issuer(), &origin)?;
    let kid = unverified.kid().ok_or(invalid("its header names no key"))?;
    let key = issuer.challenge_keys.find(kid).await?;
    let key = VerifyingKey::from_jwk(&key).map_err(|_| invalid("its key is not acceptable"))?;
    let challenge = unverified
        .verify(&key, issuer.enrolment.issuer.as_str())
        .map_err(|_| invalid("its signature, type, issuer or a claim is wrong"))?;
    if challenge.claims().purpose != Purpose::Login {
        return Err(invalid("it has another purpose"));
    }
    let (issued_at, expires_at) = (challenge.claims().iat, challenge.claims().exp);
    let lifetime = ChallengeLifetime::new(arrived, issued_at, expires_at)
        .ok_or(invalid("its lifetime is out of bounds"))?;
    Ok(AcceptedChallenge {
        issuer,
        origin,
        challenge,
        lifetime,
    })
}

/// The enrolment that both belong to: one issuer's page cannot bring another issuer's challenge.
fn find_enrolment(
    issuers: &[Arc<EnrolledIssuer>],
    issuer: &str,
    origin: &Origin,
) -> Result<Arc<EnrolledIssuer>, Error> {
    issuers
        .iter()
        .find(|enrolled| {
            enrolled.enrolment.issuer.as_str() == issuer
                && enrolled.enrolment.origins.contains(origin)
        })
        .cloned()
        .ok_or(Error::EnrolmentMismatch)
}

const fn invalid(reason: &'static str) -> Error {
    Error::ChallengeInvalid { reason }
}
