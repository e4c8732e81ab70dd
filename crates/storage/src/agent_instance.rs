//! Which agent instances (workstations) a person has signed in from, and which of them she has
//! said to be hers.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// Instances that one notice shows at most: one after the other would take a person's morning.
const UNACKNOWLEDGED_MAX: i64 = 20;

/// Whether a person has used an agent instance before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceUse {
    /// Never before: this is announced to the person.
    First,
    /// At least once before.
    Known,
}

/// An agent instance that a person has used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentInstance {
    /// The thumbprint of its key.
    pub instance_jkt: String,
    /// What it calls itself.
    pub name: Option<String>,
    /// The person's first use of it.
    pub first_seen_at: OffsetDateTime,
    /// The person's last use of it.
    pub last_seen_at: OffsetDateTime,
    /// When it became one that she knows of.
    pub acknowledged_at: Option<OffsetDateTime>,
    /// When she said at the instance itself that it is hers.
    pub confirmed_here_at: Option<OffsetDateTime>,
    /// When she said that it is not hers any more.
    pub revoked_at: Option<OffsetDateTime>,
}

/// Notes that `sub` used the instance with the key thumbprint `instance_jkt`, which calls itself
/// `name`. The very first one of a person is no news to her.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn record_use(
    transaction: &mut Transaction,
    sub: &str,
    (instance_jkt, name): (&str, Option<&str>),
    now: OffsetDateTime,
) -> Result<InstanceUse, Error> {
    let inserted = sql::query(
        "INSERT INTO agent_instance
             (sub, instance_jkt, first_seen_at, last_seen_at, instance_name, acknowledged_at)
         VALUES ($1, $2, $3, $3, $4,
                 CASE WHEN EXISTS (SELECT 1 FROM agent_instance WHERE sub = $1)
                      THEN NULL ELSE CAST($3 AS BIGINT) END)
         ON CONFLICT (sub, instance_jkt) DO NOTHING",
    )
    .bind(sub)
    .bind(instance_jkt)
    .bind(now.unix_timestamp())
    .bind(name)
    .execute(transaction.connection())
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(InstanceUse::First);
    }
    update_use(transaction, sub, (instance_jkt, name), now).await?;
    Ok(InstanceUse::Known)
}

/// Notes that a login of `sub` was refused because of the instance. It is noted among others of
/// hers only: the very first one of a person is one that she is let in from.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn record_refused_use(
    transaction: &mut Transaction,
    sub: &str,
    (instance_jkt, name): (&str, Option<&str>),
    now: OffsetDateTime,
) -> Result<InstanceUse, Error> {
    let inserted = sql::query(
        "INSERT INTO agent_instance (sub, instance_jkt, first_seen_at, last_seen_at, instance_name)
         SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($3 AS BIGINT),
                CAST($4 AS TEXT)
         WHERE EXISTS (SELECT 1 FROM agent_instance WHERE sub = $1)
         ON CONFLICT (sub, instance_jkt) DO NOTHING",
    )
    .bind(sub)
    .bind(instance_jkt)
    .bind(now.unix_timestamp())
    .bind(name)
    .execute(transaction.connection())
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(InstanceUse::First);
    }
    update_use(transaction, sub, (instance_jkt, name), now).await?;
    Ok(InstanceUse::Known)
}

async fn update_use(
    transaction: &mut Transaction,
    sub: &str,
    (instance_jkt, name): (&str, Option<&str>),
    now: OffsetDateTime,
) -> Result<(), Error> {
    sql::query(
        "UPDATE agent_instance SET last_seen_at = $3, instance_name = $4
         WHERE sub = $1 AND instance_jkt = $2",
    )
    .bind(sub)
    .bind(instance_jkt)
    .bind(now.unix_timestamp())
    .bind(name)
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Finds one instance of a person.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(
    transaction: &mut Transaction,
    sub: &str,
    instance_jkt: &str,
) -> Result<Option<AgentInstance>, Error> {
    let row = sql::query(
        "SELECT instance_jkt, instance_name, first_seen_at, last_seen_at, acknowledged_at,
                confirmed_here_at, revoked_at
         FROM agent_instance WHERE sub = $1 AND instance_jkt = $2",
    )
    .bind(sub)
    .bind(instance_jkt)
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read).transpose()
}

/// Up to `count_max` of the person's instances, the one that was used last first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_person(
    transaction: &mut Transaction,
    sub: &str,
    count_max: u32,
) -> Result<Vec<AgentInstance>, Error> {
    let rows = sql::query(
        "SELECT instance_jkt, instance_name, first_seen_at, last_seen_at, acknowledged_at,
                confirmed_here_at, revoked_at
         FROM agent_instance WHERE sub = $1
         ORDER BY last_seen_at DESC, instance_jkt LIMIT $2",
    )
    .bind(sub)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Notes that an instance is not the person's any more. False when it never was, or was so before.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke(
    transaction: &mut Transaction,
    sub: &str,
    instance_jkt: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let updated = sql::query(
        "UPDATE agent_instance SET revoked_at = $3
         WHERE sub = $1 AND instance_jkt = $2 AND revoked_at IS NULL",
    )
    .bind(sub)
    .bind(instance_jkt)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Notes that none of the person's instances but this one is hers any more, up to `count_max` at a
/// time, and says which those were.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn revoke_others(
    transaction: &mut Transaction,
    (sub, instance_jkt): (&str, &str),
    count_max: u32,
    now: OffsetDateTime,
) -> Result<Vec<String>, Error> {
    let rows = sql::query(
        "UPDATE agent_instance SET revoked_at = $3
         WHERE sub = $1 AND revoked_at IS NULL AND instance_jkt IN
               (SELECT other.instance_jkt FROM agent_instance AS other
                WHERE other.sub = $1 AND other.instance_jkt <> $2 AND other.revoked_at IS NULL
                ORDER BY other.first_seen_at DESC, other.instance_jkt LIMIT $4)
         RETURNING instance_jkt",
    )
    .bind(sub)
    .bind(instance_jkt)
    .bind(now.unix_timestamp())
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    let jkt = |row: &Row| row.try_get("instance_jkt");
    rows.iter().map(jkt).collect()
}

/// Notes that an instance is the person's again, and that she knows of it. False when it was not
/// revoked.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn allow_again(
    transaction: &mut Transaction,
    sub: &str,
    instance_jkt: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let updated = sql::query(
        "UPDATE agent_instance SET revoked_at = NULL,
                                   acknowledged_at = COALESCE(acknowledged_at, CAST($3 AS BIGINT))
         WHERE sub = $1 AND instance_jkt = $2 AND revoked_at IS NOT NULL",
    )
    .bind(sub)
    .bind(instance_jkt)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// The person's instances that she has not acknowledged yet, the oldest first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_unacknowledged(
    transaction: &mut Transaction,
    sub: &str,
) -> Result<Vec<AgentInstance>, Error> {
    let rows = sql::query(
        "SELECT instance_jkt, instance_name, first_seen_at, last_seen_at, acknowledged_at,
                confirmed_here_at, revoked_at
         FROM agent_instance WHERE sub = $1 AND acknowledged_at IS NULL AND revoked_at IS NULL
         ORDER BY first_seen_at, instance_jkt LIMIT $2",
    )
    .bind(sub)
    .bind(UNACKNOWLEDGED_MAX)
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Notes that the person knows of an instance, for good.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn acknowledge(
    transaction: &mut Transaction,
    sub: &str,
    instance_jkt: &str,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let statement = "UPDATE agent_instance SET acknowledged_at = $3
         WHERE sub = $1 AND instance_jkt = $2 AND acknowledged_at IS NULL";
    note_once(transaction, statement, (sub, instance_jkt), now).await
}

/// Notes that whoever uses the instance said there that it is the person's.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn confirm_here(
    transaction: &mut Transaction,
    sub: &str,
    instance_jkt: &str,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let statement = "UPDATE agent_instance SET confirmed_here_at = $3
         WHERE sub = $1 AND instance_jkt = $2 AND confirmed_here_at IS NULL";
    note_once(transaction, statement, (sub, instance_jkt), now).await
}

/// Notes the time of what happens once, whatever comes later.
async fn note_once(
    transaction: &mut Transaction,
    statement: &'static str,
    (sub, instance_jkt): (&str, &str),
    now: OffsetDateTime,
) -> Result<(), Error> {
    sql::query(statement)
        .bind(sub)
        .bind(instance_jkt)
        .bind(now.unix_timestamp())
        .execute(transaction.connection())
        .await?;
    Ok(())
}

fn read(row: &Row) -> Result<AgentInstance, Error> {
    Ok(AgentInstance {
        instance_jkt: row.try_get("instance_jkt")?,
        name: row.try_get("instance_name")?,
        first_seen_at: timestamp::required(row, "first_seen_at")?,
        last_seen_at: timestamp::required(row, "last_seen_at")?,
        acknowledged_at: timestamp::optional(row, "acknowledged_at")?,
        confirmed_here_at: timestamp::optional(row, "confirmed_here_at")?,
        revoked_at: timestamp::optional(row, "revoked_at")?,
    })
}
