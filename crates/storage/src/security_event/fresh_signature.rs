//! Telling a guard that the card whose signature it wants has signed.

use time::OffsetDateTime;

use super::{KEPT_BEHIND_EXPIRY, Kind, next_sequence, publish, stream};
use crate::step_up::StepUp;
use crate::{Error, SecretDigest, Transaction, sql};

/// How long a guard that is away is told yet: longer than a stream lives that nobody asks for.
const TOLD_FOR: time::Duration = time::Duration::minutes(15);
/// The word of why.
const REASON: &str = "step_up";

/// Has the streams of the guard that asked told of the signature, and nobody else's.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn tell_fresh_signature(
    transaction: &mut Transaction,
    step_up: &StepUp,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let streams = stream::list_of_client(transaction, &step_up.guard_client_id).await?;
    let any = !streams.is_empty();
    // The same in every stream: the challenge's own id stays between server and agent.
    let txn = SecretDigest::of(&format!("step-up {}", step_up.jti));
    let asked_at_ms = (step_up.refused_at_ms > 0).then_some(step_up.refused_at_ms);
    for stream_id in streams {
        let kind = Kind::AssuranceLevelChange.as_str();
        let jti = SecretDigest::of(&format!("{stream_id} {kind} {}", step_up.jti));
        sql::query(
            "INSERT INTO security_event (jti, stream_id, sequence, kind, client_id, sid, token_jti,
                                         reason, occurred_at, expires_at, txn, asked_at_ms)
             VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $8, $9, $10, $11)
             ON CONFLICT (jti) DO NOTHING",
        )
        .bind(jti.as_str())
        .bind(stream_id.as_str())
        .bind(next_sequence(now))
        .bind(kind)
        .bind(step_up.client_id.as_str())
        .bind(step_up.sid.as_str())
        .bind(REASON)
        .bind(now.unix_timestamp())
        .bind((now + TOLD_FOR + KEPT_BEHIND_EXPIRY).unix_timestamp())
        .bind(txn.as_str())
        .bind(asked_at_ms)
        .execute(transaction.connection())
        .await?;
    }
    if any {
        transaction.after_commit(publish);
    }
    Ok(())
}
