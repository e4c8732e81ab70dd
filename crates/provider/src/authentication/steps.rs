//! The judgement of a card assertion, step by step (design, life of a login, step 6).
//!
//! The order is part of the design: cheap local checks before signatures, signatures before
//! certificates, certificates before anything fetched from outside, policy last. A step takes the
//! evidence of the step before, so none can be left out or moved.

use time::OffsetDateTime;

use crate::authentication::LoginAttempt;
use crate::authentication::check_algorithm::check_algorithm;
use crate::authentication::check_origin::check_origin;
use crate::authentication::check_policy::{PolicyMet, check_policy};
use crate::authentication::check_profile::{ProfileChecked, check_profile};
use crate::authentication::check_revocation::{RevocationChecked, check_revocation};
use crate::authentication::check_shape::check_shape;
use crate::authentication::redeem_challenge::{ChallengeRedeemed, redeem_challenge};
use crate::authentication::refusal::Stop;
use crate::authentication::validate_path::validate_path;
use crate::authentication::verify_signatures::{SignaturesVerified, verify_signatures};
use crate::{Provider, RevocationSource};

/// The evidence of every step; only [`judge`] builds one.
pub(super) struct Authenticated {
    pub(super) challenge: ChallengeRedeemed,
    pub(super) signatures: SignaturesVerified,
    pub(super) card_rules: String,
    pub(super) revocation: RevocationChecked,
    pub(super) identity: cardea_pki::ProfessionalIdentity,
    pub(super) register: String,
    pub(super) policy: PolicyMet,
}

pub(super) async fn judge(
    provider: &Provider,
    attempt: LoginAttempt<'_>,
    revocation_source: &dyn RevocationSource,
    now: OffsetDateTime,
) -> Result<Authenticated, Stop> {
    // Until the signatures are proven, every refusal looks the same to the browser.
    let shaped = check_shape(attempt).map_err(Stop::unproven)?;
    let challenge = redeem_challenge(provider, attempt, &shaped, now)
        .await
        .map_err(Stop::unproven)?;
    let client_id = challenge.client_id().to_owned();
    let of_client = |stop: Stop| stop.for_client(&client_id);
    let addressed = check_origin(provider, &challenge, shaped)
        .map_err(|error| of_client(Stop::unproven(error)))?;
    let signatures =
        verify_signatures(provider, addressed).map_err(|error| of_client(Stop::unproven(error)))?;

    // From here on the browser may learn the few things that the card's holder can act on.
    let proven = |error| of_client(Stop::proven(error));
    let path = validate_path(provider, &signatures, now).map_err(proven)?;
    check_algorithm(&signatures, &path).map_err(proven)?;
    let (path, revocation) = check_revocation(&signatures, path, revocation_source, now)
        .await
        .map_err(proven)?;
    let ProfileChecked { identity, register } = check_profile(&path).map_err(proven)?;
    let policy = check_policy(provider, &challenge, &signatures, &identity).map_err(proven)?;

    let card_rules = path.rules.name.clone();
    Ok(Authenticated {
        challenge,
        signatures,
        card_rules,
        revocation,
        identity,
        register,
        policy,
    })
}
