//! Which agent instances (workstations) a person has signed in from.

use time::OffsetDateTime;

use crate::{Error, Transaction};

/// Whether a person has used an agent instance before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceUse {
    /// Never before: this is announced to the person.
    First,
    /// At least once before.
    Known,
}

/// Notes that `sub` used the instance with the key thumbprint `instance_jkt`.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn record_use(
    transaction: &mut Transaction,
    sub: &str,
    instance_jkt: &str,
    now: OffsetDateTime,
) -> Result<InstanceUse, Error> {
    let inserted = sqlx::query(
        "INSERT INTO agent_instance (sub, instance_jkt, first_seen_at, last_seen_at)
         VALUES ($1, $2, $3, $3) ON CONFLICT (sub, instance_jkt) DO NOTHING",
    )
    .bind(sub)
    .bind(instance_jkt)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(InstanceUse::First);
    }
    sqlx::query("UPDATE agent_instance SET last_seen_at = $3 WHERE sub = $1 AND instance_jkt = $2")
        .bind(sub)
        .bind(instance_jkt)
        .bind(now.unix_timestamp())
        .execute(transaction.connection())
        .await?;
    Ok(InstanceUse::Known)
}
