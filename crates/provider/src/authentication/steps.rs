//! The judgement of what a card signed, step by step (design, life of a login, steps 6 and 9).
//!
//! A login and a card grant differ in how their challenge is redeemed and whom the statement must
//! address; from the certification path on they go the same way, through [`judge_card`].
//!
//! The order is part of the design: cheap local checks before signatures, signatures before
//! certificates, certificates before anything fetched from outside, policy last. A step takes the
//! evidence of the step before, so none can be left out or moved.

use std::sync::Arc;

use cardea_assertion::{AssertionClaims, Error as AssertionError, GrantClaims};
use cardea_oauth2_types::Acr;
use time::OffsetDateTime;

use crate::authentication::check_addressee::check_addressee;
use crate::authentication::check_algorithm::check_algorithm;
use crate::authentication::check_origin::check_origin;
use crate::authentication::check_policy::{PolicyMet, check_policy};
use crate::authentication::check_profile::{ProfileChecked, check_profile};
use crate::authentication::check_revocation::{RevocationChecked, check_revocation};
use crate::authentication::check_shape::check_shape;
use crate::authentication::redeem_challenge::{ChallengeRedeemed, redeem_challenge};
use crate::authentication::redeem_grant_challenge::{
    GrantChallengeRedeemed, redeem_grant_challenge,
};
use crate::authentication::refusal::Stop;
use crate::authentication::validate_path::validate_path;
use crate::authentication::verify_signatures::{SignaturesVerified, verify_signatures};
use crate::authentication::{GrantAttempt, LoginAttempt};
use crate::{Error, Provider, RevocationSource};

/// The evidence of every step about the card; only [`judge_card`] builds one.
pub(crate) struct Authenticated {
    pub(super) signatures: SignaturesVerified,
    pub(super) card_rules: String,
    pub(super) revocation: RevocationChecked,
    pub(super) identity: cardea_pki::ProfessionalIdentity,
    pub(super) register: String,
    pub(super) policy: PolicyMet,
}

/// The judgement of a login.
pub(super) async fn judge_login(
    provider: &Provider,
    attempt: LoginAttempt<'_>,
    revocation_source: &dyn RevocationSource,
    now: OffsetDateTime,
) -> Result<(ChallengeRedeemed, Authenticated), Stop> {
    // Until the signatures are proven, every refusal looks the same to the browser.
    let shaped = check_shape::<AssertionClaims>(attempt.assertion, attempt.attestation)
        .map_err(Stop::unproven)?;
    let challenge = redeem_challenge(provider, attempt, &shaped, now)
        .await
        .map_err(Stop::unproven)?;
    let client_id = challenge.client_id().to_owned();
    let unproven = |error| Stop::unproven(error).for_client(&client_id);
    let addressed = check_origin(provider, &challenge, shaped).map_err(unproven)?;
    let signatures = verify_signatures(provider, addressed).map_err(unproven)?;
    // From here on the browser may learn the few things that the card's holder can act on.
    let proven = |error| Stop::proven(error).for_client(&client_id);
    let authenticated = judge_card(provider, signatures, &client_id, revocation_source, now)
        .await
        .map_err(proven)?;
    if !challenge
        .parameters
        .is_fresh_enough(authenticated.policy.acr)
    {
        return Err(proven(Error::UserVerificationInsufficient));
    }
    if !challenge.parameters.acr.is_met_by(authenticated.policy.acr) {
        return Err(proven(Error::AcrUnmet));
    }
    Ok((challenge, authenticated))
}

/// The judgement of a card grant, which a client that is known brings along.
pub(super) async fn judge_grant(
    provider: &Provider,
    attempt: GrantAttempt<'_>,
    revocation_source: &dyn RevocationSource,
    now: OffsetDateTime,
) -> Result<(GrantChallengeRedeemed, Authenticated), Stop> {
    let client_id = &attempt.client.client_id;
    let unproven = |error| Stop::unproven(error).for_client(client_id);
    let shaped =
        check_shape::<GrantClaims>(attempt.assertion, attempt.attestation).map_err(unproven)?;
    let redeemed = redeem_grant_challenge(provider, attempt, &shaped, now).await;
    let challenge = redeemed.map_err(|error| match error {
        Error::Assertion(AssertionError::ChallengeUnknown) => unproven(error),
        _ => unproven(error).after_spending(),
    })?;
    let unproven = |error| unproven(error).after_spending();
    let addressed =
        check_addressee(provider, &challenge, attempt.dpop_jkt, shaped, now).map_err(unproven)?;
    let signatures = verify_signatures(provider, addressed).map_err(unproven)?;
    let proven = |error| Stop::proven(error).for_client(client_id);
    let authenticated = judge_card(provider, signatures, client_id, revocation_source, now)
        .await
        .map_err(proven)?;
    // A grant's challenge asks for nothing weaker under any policy: any program can begin one.
    if authenticated.policy.acr != Acr::CardPin {
        return Err(proven(Error::UserVerificationInsufficient));
    }
    Ok((challenge, authenticated))
}

/// Whose card it is, and whether it is let in.
async fn judge_card(
    provider: &Provider,
    signatures: SignaturesVerified,
    client_id: &str,
    revocation_source: &dyn RevocationSource,
    now: OffsetDateTime,
) -> Result<Authenticated, Error> {
    let trust = Arc::clone(&signatures.trust);
    let path = validate_path(&trust, &signatures.certificate, &signatures.extra, now)?;
    check_algorithm(&signatures, &path)?;
    let (path, revocation) =
        check_revocation(&signatures.extra, path, revocation_source, now).await?;
    let ProfileChecked { identity, register } = check_profile(&path)?;
    let policy = check_policy(provider, client_id, &signatures, &identity)?;
    let card_rules = path.rules.name.clone();
    Ok(Authenticated {
        signatures,
        card_rules,
        revocation,
        identity,
        register,
        policy,
    })
}
