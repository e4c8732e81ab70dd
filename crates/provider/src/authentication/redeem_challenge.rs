//! Step 2: the challenge is ours, unexpired, this browser's and never used.
//!
//! It is taken first and judged afterwards, in a transaction that is committed whatever the
//! judgement: a failed attempt burns it too.

use cardea_assertion::{AssertionClaims, Error as AssertionError};
use cardea_jose::constant_time_eq;
use cardea_storage::authorization_request::{self, AuthorizationRequest};
use cardea_storage::challenge::{Challenge, redeem};
use cardea_storage::{Redemption, Transaction};
use time::OffsetDateTime;

use crate::authentication::LoginAttempt;
use crate::authentication::check_shape::Shaped;
use crate::authorization::{StoredParameters, is_browser_of};
use crate::{Error, Provider};

/// Proof that this attempt, and no other, may answer the authorization request.
pub(super) struct ChallengeRedeemed {
    pub(super) request: AuthorizationRequest,
    pub(super) parameters: StoredParameters,
}

impl ChallengeRedeemed {
    pub(super) fn client_id(&self) -> &str {
        &self.request.client_id
    }
}

#[tracing::instrument(level = "debug", skip_all)]
pub(super) async fn redeem_challenge(
    provider: &Provider,
    attempt: LoginAttempt<'_>,
    shaped: &Shaped<'_, AssertionClaims>,
    now: OffsetDateTime,
) -> Result<ChallengeRedeemed, Error> {
    let claims = shaped.statement.claims();
    let mut transaction = provider.store.begin().await?;
    let redemption = redeem(&mut transaction, &claims.jti, now).await?;
    let judged = judge(&mut transaction, attempt, claims, redemption, now).await;
    // Nobody hears of the outcome before a later commit: a session's activation or a refusal on
    // record; or before all is settled, as every refused answer waits for that. Commits become
    // durable in their order, so the challenge is spent for good by then.
    transaction.commit_with_the_next().await?;
    judged
}

async fn judge(
    transaction: &mut Transaction,
    attempt: LoginAttempt<'_>,
    claims: &AssertionClaims,
    redemption: Redemption<Challenge>,
    now: OffsetDateTime,
) -> Result<ChallengeRedeemed, Error> {
    let challenge = match redemption {
        Redemption::Redeemed(challenge) => challenge,
        Redemption::AlreadyRedeemed(_) => return Err(AssertionError::ChallengeReplayed.into()),
        Redemption::Unknown => return Err(AssertionError::ChallengeUnknown.into()),
    };
    let request = authorization_request::find(transaction, &challenge.authorization_request_id)
        .await?
        .ok_or(AssertionError::ChallengeUnknown)?;
    // A login that somebody else began must not end in this browser, nor the other way round.
    if request.id != attempt.request_id || !is_browser_of(&request, attempt.login_cookie) {
        return Err(AssertionError::ChallengeForeignBrowser.into());
    }
    if now >= challenge.expires_at {
        return Err(AssertionError::ChallengeExpired.into());
    }
    if now >= request.expires_at {
        return Err(Error::AuthorizationRequestExpired);
    }
    if request.completed_at.is_some() {
        return Err(Error::AuthorizationRequestCompleted);
    }
    let answers = constant_time_eq(
        claims.challenge.as_bytes(),
        challenge.challenge_sha256.as_bytes(),
    ) && constant_time_eq(claims.nonce.as_bytes(), challenge.nonce.as_bytes());
    if !answers {
        return Err(AssertionError::ChallengeMismatch.into());
    }
    let parameters = StoredParameters::read(&request)?;
    Ok(ChallengeRedeemed {
        request,
        parameters,
    })
}
