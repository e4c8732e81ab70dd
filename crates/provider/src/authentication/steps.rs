//! The judgement of what a card signed, step by step (design, life of a login, steps 6 and 9).
//!
//! A login, a card grant and a step-up differ in how their challenge is redeemed and whom the
//! statement must address; from the certification path on they go the same way, through
//! [`judge_card`].
//!
//! The order is part of the design: cheap local checks before signatures, signatures before
//! certificates, certificates before anything fetched from outside, policy last. A step takes the
//! evidence of the step before, so none can be left out or moved.

use std::sync::Arc;

use cardea_assertion::{AssertionClaims, Error as AssertionError, GrantClaims, StepUpClaims};
use cardea_oauth2_types::Acr;
use cardea_pki::Certificate;
use cardea_storage::step_up::StepUp;
use time::OffsetDateTime;

use crate::authentication::check_addressee::check_addressee;
use crate::authentication::check_algorithm::{KeyUse, check_algorithm};
use crate::authentication::check_origin::check_origin;
use crate::authentication::check_policy::{PolicyMet, check_policy};
use crate::authentication::check_profile::{ProfileChecked, check_profile};
use crate::authentication::check_revocation::{RevocationChecked, check_revocation};
use crate::authentication::check_shape::check_shape;
use crate::authentication::check_step_up::{check_same_card, check_shown};
use crate::authentication::redeem_challenge::{ChallengeRedeemed, redeem_challenge};
use crate::authentication::redeem_grant_challenge::{
    GrantChallengeRedeemed, redeem_grant_challenge,
};
use crate::authentication::redeem_step_up::{StepUpRedeemed, redeem_step_up};
use crate::authentication::refusal::Stop;
use crate::authentication::step_up::StepUpAttempt;
use crate::authentication::validate_path::validate_path;
use crate::authentication::verify_signatures::{SignaturesVerified, verify_signatures};
use crate::authentication::{GrantAttempt, LoginAttempt};
use crate::card_trust::CardTrust;
use crate::notices::IdentifiedCard;
use crate::{Error, Provider, RevocationSource};

/// The evidence of every step about the card; only [`judge_card`] builds one.
pub(crate) struct Authenticated {
    pub(super) signatures: SignaturesVerified,
    pub(super) card: JudgedCard,
    pub(super) policy: PolicyMet,
}

/// A card whose certificate passed every step that concerns the certificate alone; only
/// [`judge_certificate`] builds one. Who proved the possession of its key, the caller knows.
pub(crate) struct JudgedCard {
    pub(crate) card_rules: String,
    pub(crate) revocation: RevocationChecked,
    pub(crate) identity: cardea_pki::ProfessionalIdentity,
    pub(crate) register: String,
    /// By which it was judged. Whoever opens a session holds them until it is committed, see
    /// [`Provider::look_at_cards_again`].
    pub(crate) trust: Arc<CardTrust>,
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
        .map_err(|refused| proven(refused.error).of_card(refused.card))?;
    let proven = |error| proven(error).of_card(Some(authenticated.identified()));
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
        .map_err(|refused| proven(refused.error).of_card(refused.card))?;
    // A grant's challenge asks for nothing weaker under any policy: any program can begin one.
    if authenticated.policy.acr != Acr::CardPin {
        let error = Error::UserVerificationInsufficient;
        return Err(proven(error).of_card(Some(authenticated.identified())));
    }
    Ok((challenge, authenticated))
}

/// The judgement of a step-up, which a session's own connection brings. `asked` gets the question
/// that it answers, as soon as that is known.
pub(super) async fn judge_step_up(
    provider: &Provider,
    attempt: StepUpAttempt<'_>,
    asked: &mut Option<StepUp>,
    revocation_source: &dyn RevocationSource,
    now: OffsetDateTime,
) -> Result<(StepUpRedeemed, Authenticated), Stop> {
    let shaped = check_shape::<StepUpClaims>(attempt.statement, attempt.attestation)
        .map_err(Stop::unproven)?;
    let redeemed = redeem_step_up(provider, attempt, &shaped, asked, now)
        .await
        .map_err(Stop::unproven)?;
    let addressed = check_shown(provider, &redeemed, shaped, now).map_err(Stop::unproven)?;
    let signatures = verify_signatures(provider, addressed).map_err(Stop::unproven)?;
    check_same_card(&redeemed, &signatures).map_err(Stop::proven)?;
    let client_id = &redeemed.step_up.client_id;
    // Whose session it is says whose refusal it is.
    let authenticated = judge_card(provider, signatures, client_id, revocation_source, now)
        .await
        .map_err(|refused| Stop::proven(refused.error))?;
    // It says that a person is there: nothing but a PIN typed now does.
    if authenticated.policy.acr != Acr::CardPin {
        return Err(Stop::proven(Error::UserVerificationInsufficient));
    }
    Ok((redeemed, authenticated))
}

/// Whose card it is, and whether it is let in.
async fn judge_card(
    provider: &Provider,
    signatures: SignaturesVerified,
    client_id: &str,
    revocation_source: &dyn RevocationSource,
    now: OffsetDateTime,
) -> Result<Authenticated, RefusedCard> {
    let presented = PresentedCard {
        trust: &signatures.trust,
        certificate: &signatures.certificate,
        extra: &signatures.extra,
        key_use: KeyUse::Signed(signatures.algorithm),
    };
    let judged = judge_certificate(presented, revocation_source, now).await;
    let judged = judged.and_then(|card| {
        let policy = check_policy(provider, client_id, &signatures, &card.identity)?;
        Ok((card, policy))
    });
    match judged {
        Ok((card, policy)) => Ok(Authenticated {
            signatures,
            card,
            policy,
        }),
        Err(error) => {
            // Both signatures hold; where the path does as well, it is known whose card it is.
            let card = identify(presented, now).ok();
            let at = |card: IdentifiedCard| card.at(&signatures.instance);
            Err(RefusedCard {
                error,
                card: card.map(at),
            })
        }
    }
}

/// A card that is refused, and whose it is, where that is beyond doubt.
struct RefusedCard {
    error: Error,
    card: Option<IdentifiedCard>,
}

impl Authenticated {
    /// Whose card it is, should it be refused after all.
    pub(super) fn identified(&self) -> IdentifiedCard {
        IdentifiedCard::of(&self.card.register, &self.card.identity).at(&self.signatures.instance)
    }
}

/// A certificate whose key was proven to be in its holder's hands, and what came along with it.
#[derive(Clone, Copy)]
pub(crate) struct PresentedCard<'a> {
    pub(crate) trust: &'a Arc<CardTrust>,
    pub(crate) certificate: &'a Certificate,
    /// Candidates for the path, never trusted.
    pub(crate) extra: &'a [Certificate],
    pub(crate) key_use: KeyUse,
}

/// The steps about the certificate alone: path → algorithm → revocation → certificate profile.
pub(crate) async fn judge_certificate(
    presented: PresentedCard<'_>,
    revocation_source: &dyn RevocationSource,
    now: OffsetDateTime,
) -> Result<JudgedCard, Error> {
    let PresentedCard { extra, key_use, .. } = presented;
    let path = validate_path(presented.trust, presented.certificate, extra, now)?;
    check_algorithm(key_use, presented.certificate, &path)?;
    let (path, revocation) = check_revocation(extra, path, revocation_source, now).await?;
    let ProfileChecked { identity, register } = check_profile(&path)?;
    let card_rules = path.rules.name.clone();
    Ok(JudgedCard {
        card_rules,
        revocation,
        identity,
        register,
        trust: Arc::clone(presented.trust),
    })
}

/// Who a certificate stands for, as far as that can be told without asking anybody: the steps of
/// [`judge_certificate`] without revocation. It is good for showing a name, and for nothing else.
pub(crate) fn read_certificate(
    presented: PresentedCard<'_>,
    now: OffsetDateTime,
) -> Result<cardea_pki::ProfessionalIdentity, Error> {
    Ok(read(presented, now)?.identity)
}

/// Whose card it is whose key was proven: its certificate leads to a trust anchor of ours, now.
/// That it is revoked, or not known to be good, makes it nobody else's.
pub(crate) fn identify(
    presented: PresentedCard<'_>,
    now: OffsetDateTime,
) -> Result<IdentifiedCard, Error> {
    let ProfileChecked { identity, register } = read(presented, now)?;
    Ok(IdentifiedCard::of(&register, &identity))
}

fn read(presented: PresentedCard<'_>, now: OffsetDateTime) -> Result<ProfileChecked, Error> {
    let PresentedCard { extra, key_use, .. } = presented;
    let path = validate_path(presented.trust, presented.certificate, extra, now)?;
    check_algorithm(key_use, presented.certificate, &path)?;
    check_profile(&path)
}
