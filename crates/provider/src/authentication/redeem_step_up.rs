//! Step 2 of a step-up: the question is ours, open, not expired, and was put to this connection's
//! session.
//!
//! As for a login it is taken first and judged afterwards, in a transaction that is committed
//! whatever the judgement: a failed answer closes it too.

use cardea_assertion::{Error as AssertionError, StepUpClaims};
use cardea_jose::{constant_time_eq, sha256_base64url};
use cardea_storage::session::{self, Session};
use cardea_storage::step_up::{StepUp, redeem};
use cardea_storage::{Redemption, Transaction};
use time::OffsetDateTime;

use crate::authentication::check_shape::Shaped;
use crate::authentication::step_up::StepUpAttempt;
use crate::session::is_live;
use crate::{Error, Provider};

/// The word of an answer that was not accepted, until it is.
const REFUSED: &str = "refused";

/// Proof that this attempt, and no other, may answer the question.
pub(super) struct StepUpRedeemed {
    pub(super) step_up: StepUp,
    /// The session as it stands before the answer is judged.
    pub(super) session: Session,
}

/// `asked` gets the question, whatever is judged of its answer.
#[tracing::instrument(level = "debug", skip_all)]
pub(super) async fn redeem_step_up(
    provider: &Provider,
    attempt: StepUpAttempt<'_>,
    shaped: &Shaped<'_, StepUpClaims>,
    asked: &mut Option<StepUp>,
    now: OffsetDateTime,
) -> Result<StepUpRedeemed, Error> {
    let claims = shaped.statement.claims();
    let mut transaction = provider.store.begin().await?;
    let named = (claims.jti.as_str(), attempt.presence_jkt);
    let redemption = redeem(&mut transaction, named, REFUSED, now).await?;
    if let Redemption::Redeemed(step_up) = &redemption {
        *asked = Some(step_up.clone());
    }
    let judged = judge(provider, &mut transaction, claims, redemption, now).await;
    transaction.commit().await?;
    judged
}

async fn judge(
    provider: &Provider,
    transaction: &mut Transaction,
    claims: &StepUpClaims,
    redemption: Redemption<StepUp>,
    now: OffsetDateTime,
) -> Result<StepUpRedeemed, Error> {
    let step_up = match redemption {
        Redemption::Redeemed(step_up) => step_up,
        Redemption::AlreadyRedeemed(_) => return Err(AssertionError::ChallengeReplayed.into()),
        Redemption::Unknown => return Err(AssertionError::ChallengeUnknown.into()),
    };
    if now >= step_up.expires_at {
        return Err(AssertionError::ChallengeExpired.into());
    }
    let hash = sha256_base64url(step_up.challenge.as_bytes());
    let answers = constant_time_eq(claims.challenge.as_bytes(), hash.as_bytes())
        && constant_time_eq(claims.nonce.as_bytes(), step_up.nonce.as_bytes());
    if !answers {
        return Err(AssertionError::ChallengeMismatch.into());
    }
    let session = session::find(transaction, &step_up.session_id).await?;
    let session = session
        .filter(|it| is_live(it, &provider.lifetimes, now))
        .ok_or(Error::StepUpSessionOver)?;
    Ok(StepUpRedeemed { step_up, session })
}
