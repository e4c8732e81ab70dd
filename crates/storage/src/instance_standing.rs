//! What operators say of agent instances (workstations), for everybody.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// An operator's word on an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecidedStanding {
    /// It is one of theirs.
    Managed,
    /// It signs nobody in.
    Revoked,
}

/// What an operator has decided about an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceDecision {
    /// The thumbprint of its key.
    pub instance_jkt: String,
    /// What was decided.
    pub standing: DecidedStanding,
    /// What the operator calls it.
    pub name: Option<String>,
    /// The operator's note.
    pub note: Option<String>,
    /// When.
    pub decided_at: OffsetDateTime,
}

/// An instance that people have signed in from, as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenInstance {
    /// The thumbprint of its key.
    pub instance_jkt: String,
    /// What it calls itself.
    pub name: Option<String>,
    /// How many people have used it.
    pub people: i64,
    /// The first use.
    pub first_seen_at: OffsetDateTime,
    /// The last use.
    pub last_seen_at: OffsetDateTime,
}

/// Puts a decision in the place of an earlier one.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn decide(
    transaction: &mut Transaction,
    decision: &InstanceDecision,
) -> Result<(), Error> {
    sql::query(
        "INSERT INTO instance_standing (instance_jkt, standing, instance_name, note, decided_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (instance_jkt) DO UPDATE SET standing = excluded.standing,
             instance_name = excluded.instance_name, note = excluded.note,
             decided_at = excluded.decided_at",
    )
    .bind(decision.instance_jkt.as_str())
    .bind(decision.standing.as_str())
    .bind(decision.name.as_deref())
    .bind(decision.note.as_deref())
    .bind(decision.decided_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Takes a decision back. False when there is none.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn forget(transaction: &mut Transaction, instance_jkt: &str) -> Result<bool, Error> {
    let deleted = sql::query("DELETE FROM instance_standing WHERE instance_jkt = $1")
        .bind(instance_jkt)
        .execute(transaction.connection())
        .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Finds the decision about an instance.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(
    transaction: &mut Transaction,
    instance_jkt: &str,
) -> Result<Option<InstanceDecision>, Error> {
    let row = sql::query(
        "SELECT instance_jkt, standing, instance_name, note, decided_at
         FROM instance_standing WHERE instance_jkt = $1",
    )
    .bind(instance_jkt)
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read).transpose()
}

/// Counts the decisions.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count(transaction: &mut Transaction) -> Result<i64, Error> {
    let row = sql::query("SELECT COUNT(*) AS decisions FROM instance_standing")
        .fetch_one(transaction.connection())
        .await?;
    row.try_get("decisions")
}

/// Lists up to `count_max` decisions, the newest first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list(
    transaction: &mut Transaction,
    count_max: u32,
) -> Result<Vec<InstanceDecision>, Error> {
    let rows = sql::query(
        "SELECT instance_jkt, standing, instance_name, note, decided_at
         FROM instance_standing ORDER BY decided_at DESC, instance_jkt LIMIT $1",
    )
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Lists up to `count_max` instances that people have signed in from, the one that was used last
/// first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_seen(
    transaction: &mut Transaction,
    count_max: u32,
) -> Result<Vec<SeenInstance>, Error> {
    let rows = sql::query(
        "SELECT instance_jkt, MAX(instance_name) AS instance_name, COUNT(*) AS people,
                MIN(first_seen_at) AS first_seen_at, MAX(last_seen_at) AS last_seen_at
         FROM agent_instance GROUP BY instance_jkt
         ORDER BY MAX(last_seen_at) DESC, instance_jkt LIMIT $1",
    )
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read_seen).collect()
}

/// Finds what people have done at one instance.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find_seen(
    transaction: &mut Transaction,
    instance_jkt: &str,
) -> Result<Option<SeenInstance>, Error> {
    let row = sql::query(
        "SELECT instance_jkt, MAX(instance_name) AS instance_name, COUNT(*) AS people,
                MIN(first_seen_at) AS first_seen_at, MAX(last_seen_at) AS last_seen_at
         FROM agent_instance WHERE instance_jkt = $1 GROUP BY instance_jkt",
    )
    .bind(instance_jkt)
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read_seen).transpose()
}

impl DecidedStanding {
    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::Revoked => "revoked",
        }
    }

    /// The standing with a word.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        match word {
            "managed" => Some(Self::Managed),
            "revoked" => Some(Self::Revoked),
            _ => None,
        }
    }
}

fn read(row: &Row) -> Result<InstanceDecision, Error> {
    let standing: String = row.try_get("standing")?;
    Ok(InstanceDecision {
        instance_jkt: row.try_get("instance_jkt")?,
        standing: DecidedStanding::find(&standing).ok_or_else(|| Error::Corrupt {
            column: "instance_standing.standing".to_owned(),
        })?,
        name: row.try_get("instance_name")?,
        note: row.try_get("note")?,
        decided_at: timestamp::required(row, "decided_at")?,
    })
}

fn read_seen(row: &Row) -> Result<SeenInstance, Error> {
    Ok(SeenInstance {
        instance_jkt: row.try_get("instance_jkt")?,
        name: row.try_get("instance_name")?,
        people: row.try_get("people")?,
        first_seen_at: timestamp::required(row, "first_seen_at")?,
        last_seen_at: timestamp::required(row, "last_seen_at")?,
    })
}
