//! Step 2 of a card grant: the challenge is ours, unexpired, this client's and never used.
//!
//! As for a login it is taken first and judged afterwards, in a transaction that is committed
//! whatever the judgement: a failed attempt burns it too.

use cardea_assertion::{Error as AssertionError, GrantClaims};
use cardea_jose::constant_time_eq;
use cardea_oauth2_types::Scope;
use cardea_storage::Redemption;
use cardea_storage::grant_challenge::{GrantChallenge, redeem};
use time::OffsetDateTime;

use crate::authentication::GrantAttempt;
use crate::authentication::check_shape::Shaped;
use crate::grant::{narrow_scope, read_resources};
use crate::{Error, Provider};

/// Proof that this attempt, and no other, may answer the challenge.
pub(crate) struct GrantChallengeRedeemed {
    pub(crate) client_id: String,
    /// What the tokens will allow: what the challenge was for, or less.
    pub(crate) scope: String,
    /// The resource servers that the tokens will be for.
    pub(crate) resources: Vec<String>,
    pub(crate) expires_at: OffsetDateTime,
}

#[tracing::instrument(level = "debug", skip_all)]
pub(super) async fn redeem_grant_challenge(
    provider: &Provider,
    attempt: GrantAttempt<'_>,
    shaped: &Shaped<'_, GrantClaims>,
    now: OffsetDateTime,
) -> Result<GrantChallengeRedeemed, Error> {
    let claims = shaped.statement.claims();
    let mut transaction = provider.store.begin().await?;
    let redemption = redeem(&mut transaction, &claims.jti, now).await?;
    transaction.commit().await?;
    judge(provider, attempt, claims, redemption, now)
}

fn judge(
    provider: &Provider,
    attempt: GrantAttempt<'_>,
    claims: &GrantClaims,
    redemption: Redemption<GrantChallenge>,
    now: OffsetDateTime,
) -> Result<GrantChallengeRedeemed, Error> {
    let challenge = match redemption {
        Redemption::Redeemed(challenge) => challenge,
        Redemption::AlreadyRedeemed(_) => return Err(AssertionError::ChallengeReplayed.into()),
        Redemption::Unknown => return Err(AssertionError::ChallengeUnknown.into()),
    };
    if challenge.client_id != attempt.client.client_id {
        return Err(AssertionError::ChallengeForeignClient.into());
    }
    if now >= challenge.expires_at {
        return Err(AssertionError::ChallengeExpired.into());
    }
    let answers = constant_time_eq(
        claims.challenge.as_bytes(),
        challenge.challenge_sha256.as_bytes(),
    ) && constant_time_eq(claims.nonce.as_bytes(), challenge.nonce.as_bytes());
    if !answers {
        return Err(AssertionError::ChallengeMismatch.into());
    }
    let scope = narrow_scope(attempt.scope, &Scope::parse(&challenge.scope)?)?;
    let granted = read_resources(&challenge.resources)?;
    Ok(GrantChallengeRedeemed {
        resources: provider.narrow_resources(attempt.client, attempt.resources, granted, &scope)?,
        scope: scope.to_string(),
        client_id: challenge.client_id,
        expires_at: challenge.expires_at,
    })
}
