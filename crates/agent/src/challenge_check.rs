//! Whether a challenge may be shown to the person at all: the checks before any prompt, in order.
//!
//! shape → enrolment (issuer and, for a page, origin) → key (listed under the pinned roots) →
//! signature, type, issuer and purpose → lifetime. Expiry is not compared with this workstation's
//! clock; the server decides that.

use std::sync::Arc;
use std::time::Instant;

use cardea_assertion::{Origin, UnverifiedChallenge};
use cardea_jose::VerifyingKey;

use crate::Error;
use crate::clock::ChallengeLifetime;
use crate::enrolled_issuers::EnrolledIssuer;
use crate::program_api::CallingProgram;
use crate::step_up::StepUpRequest;
use crate::wanted::Wanted;

/// A challenge that the agent goes along with. Only this module makes one.
pub(crate) struct AcceptedChallenge {
    /// The enrolment that issuer, key and origin belong to.
    pub(crate) issuer: Arc<EnrolledIssuer>,
    /// What it asks for.
    pub(crate) wanted: Wanted,
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
    let unverified = parse(compact)?;
    let issuer = find_enrolment(issuers, unverified.issuer(), &origin)?;
    let key = listed_key(&issuer, &unverified).await?;
    let challenge = unverified
        .verify(&key, issuer.enrolment.issuer.as_str())
        .map_err(|_| UNPROVEN)?;
    let lifetime = lifetime(arrived, challenge.claims().iat, challenge.claims().exp)?;
    Ok(AcceptedChallenge {
        issuer,
        wanted: Wanted::Login { origin, challenge },
        lifetime,
    })
}

/// Checks a challenge that this issuer gave out for business software of this client, which this
/// program asks for.
///
/// # Errors
/// As [`accept_challenge`].
pub(crate) async fn accept_grant_challenge(
    compact: &str,
    (client_id, caller): (&str, &CallingProgram),
    issuer: Arc<EnrolledIssuer>,
    arrived: Instant,
) -> Result<AcceptedChallenge, Error> {
    let unverified = parse(compact)?;
    let key = listed_key(&issuer, &unverified).await?;
    let challenge = unverified
        .verify_grant(&key, issuer.enrolment.issuer.as_str())
        .map_err(|_| UNPROVEN)?;
    if challenge.claims().client_id != client_id {
        return Err(invalid("it is for another client"));
    }
    let lifetime = lifetime(arrived, challenge.claims().iat, challenge.claims().exp)?;
    Ok(AcceptedChallenge {
        issuer,
        wanted: Wanted::Grant {
            challenge,
            caller: caller.clone(),
        },
        lifetime,
    })
}

/// Checks a challenge that this session's issuer sent over the session's own connection: for its
/// presence key, and no other.
///
/// # Errors
/// As [`accept_challenge`].
pub(crate) async fn accept_step_up_challenge(
    request: &StepUpRequest,
) -> Result<AcceptedChallenge, Error> {
    let issuer = Arc::clone(&request.issuer);
    let unverified = parse(&request.challenge)?;
    let key = listed_key(&issuer, &unverified).await?;
    let challenge = unverified
        .verify_step_up(&key, issuer.enrolment.issuer.as_str())
        .map_err(|_| UNPROVEN)?;
    if challenge.claims().presence != request.presence_jkt {
        return Err(invalid("it is for another session"));
    }
    let (iat, exp) = (challenge.claims().iat, challenge.claims().exp);
    let lifetime = lifetime(request.arrived, iat, exp)?;
    Ok(AcceptedChallenge {
        issuer,
        wanted: Wanted::StepUp {
            challenge,
            insertion: request.insertion.clone(),
        },
        lifetime,
    })
}

fn parse(compact: &str) -> Result<UnverifiedChallenge<'_>, Error> {
    UnverifiedChallenge::parse(compact).map_err(|_| invalid("it is no bounded JWS"))
}

async fn listed_key(
    issuer: &EnrolledIssuer,
    unverified: &UnverifiedChallenge<'_>,
) -> Result<VerifyingKey, Error> {
    let kid = unverified.kid().ok_or(invalid("its header names no key"))?;
    let key = issuer.challenge_keys.find(kid).await?;
    VerifyingKey::from_jwk(&key).map_err(|_| invalid("its key is not acceptable"))
}

fn lifetime(arrived: Instant, iat: i64, exp: i64) -> Result<ChallengeLifetime, Error> {
    ChallengeLifetime::new(arrived, iat, exp).ok_or(invalid("its lifetime is out of bounds"))
}

const UNPROVEN: Error = invalid("its signature, type, issuer or a claim is wrong");

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
