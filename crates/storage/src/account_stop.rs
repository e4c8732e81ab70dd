//! Accounts that guards have stopped at a service, until an operator lifts it.
//!
//! Who stops one, or lifts a stop, has the guards of the service told of it in the same transaction
//! (`security_event/stops.rs`).

use time::OffsetDateTime;

use crate::security_event::{next_sequence_above, tell_lift, tell_stop};
use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// Open stops of one person that are listed.
const OF_PERSON_MAX: i64 = 50;

/// An account that may do nothing at a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountStop {
    /// Random.
    pub id: String,
    /// The person, as we call her; none for a service's own account.
    pub sub: Option<String>,
    /// The account as it is called in the tokens, and so by the guard.
    pub subject: String,
    /// The service, in the guard's words.
    pub service: String,
    /// The resource servers of the token that the guard is; an empty text stands for tokens
    /// without any.
    pub audience: Vec<String>,
    /// The guard, as a client.
    pub guard_client_id: String,
    /// The client whose tokens it was.
    pub client_id: String,
    /// The report that it came with.
    pub report_id: String,
    /// Why, as JSON.
    pub reasons: String,
    /// Higher than that of any earlier stop of the account; given when it is stored.
    pub sequence: i64,
    /// Since when.
    pub stopped_at: OffsetDateTime,
    /// When an operator lifted it.
    pub lifted_at: Option<OffsetDateTime>,
}

impl AccountStop {
    /// Whether it is at one of these resource servers.
    #[must_use]
    pub fn is_at(&self, resources: &[String]) -> bool {
        self.audience.iter().any(|it| resources.contains(it))
    }
}

/// Every column that [`read`] reads.
macro_rules! columns {
    () => {
        "id, sub, subject, service, audience, guard_client_id, client_id, report_id, reasons,
         sequence, stopped_at, lifted_at"
    };
}

/// A statement that finds stops.
macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), " FROM account_stop ", $rest)
    };
}

/// Stops an account at a service, has its guards told, and gives the stop back with its number;
/// none where it was stopped already.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn stop(
    transaction: &mut Transaction,
    stop: AccountStop,
    now: OffsetDateTime,
) -> Result<Option<AccountStop>, Error> {
    let row = sql::query(
        "SELECT MAX(sequence) AS sequence FROM account_stop WHERE subject = $1 AND service = $2",
    )
    .bind(stop.subject.as_str())
    .bind(stop.service.as_str())
    .fetch_one(transaction.connection())
    .await?;
    let earlier: Option<i64> = row.try_get("sequence")?;
    let stop = AccountStop {
        sequence: next_sequence_above(now, earlier.unwrap_or_default()),
        ..stop
    };
    let audience = serde_json::to_string(&stop.audience).map_err(|_| corrupt())?;
    let done = sql::query(
        "INSERT INTO account_stop
             (id, sub, subject, service, audience, guard_client_id, client_id, report_id, reasons,
              sequence, stopped_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (subject, service, audience) WHERE lifted_at IS NULL DO NOTHING",
    )
    .bind(stop.id.as_str())
    .bind(stop.sub.as_deref().unwrap_or_default())
    .bind(stop.subject.as_str())
    .bind(stop.service.as_str())
    .bind(audience)
    .bind(stop.guard_client_id.as_str())
    .bind(stop.client_id.as_str())
    .bind(stop.report_id.as_str())
    .bind(stop.reasons.as_str())
    .bind(stop.sequence)
    .bind(stop.stopped_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    if done.rows_affected() == 0 {
        return Ok(None);
    }
    tell_stop(transaction, &stop, now).await?;
    Ok(Some(stop))
}

/// Lifts a stop, has its guards told, and gives it back; none where it is unknown or lifted
/// already.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn lift(
    transaction: &mut Transaction,
    id: &str,
    now: OffsetDateTime,
) -> Result<Option<AccountStop>, Error> {
    let row = sql::query(concat!(
        "UPDATE account_stop SET lifted_at = $2 WHERE id = $1 AND lifted_at IS NULL RETURNING ",
        columns!()
    ))
    .bind(id)
    .bind(now.unix_timestamp())
    .fetch_optional(transaction.connection())
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let stop = read(&row)?;
    tell_lift(transaction, &stop, now).await?;
    Ok(Some(stop))
}

/// Finds the open stops of an account at a service, whichever guard it was.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_open_of(
    transaction: &mut Transaction,
    subject: &str,
    service: &str,
) -> Result<Vec<AccountStop>, Error> {
    let rows = sql::query(select!(
        "WHERE subject = $1 AND service = $2 AND lifted_at IS NULL ORDER BY sequence"
    ))
    .bind(subject)
    .bind(service)
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// When an operator last lifted a stop of an account at a service.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find_last_lift(
    transaction: &mut Transaction,
    subject: &str,
    service: &str,
) -> Result<Option<OffsetDateTime>, Error> {
    let row = sql::query(
        "SELECT MAX(lifted_at) AS lifted_at FROM account_stop WHERE subject = $1 AND service = $2",
    )
    .bind(subject)
    .bind(service)
    .fetch_one(transaction.connection())
    .await?;
    timestamp::optional(&row, "lifted_at")
}

/// Lists the stops that nobody has lifted, the newest first; up to `count_max`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_open(
    transaction: &mut Transaction,
    count_max: u32,
) -> Result<Vec<AccountStop>, Error> {
    let rows = sql::query(select!(
        "WHERE lifted_at IS NULL ORDER BY stopped_at DESC, id LIMIT $1"
    ))
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Lists a person's stops that nobody has lifted, the newest first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_open_of_person(
    transaction: &mut Transaction,
    sub: &str,
) -> Result<Vec<AccountStop>, Error> {
    let rows = sql::query(select!(
        "WHERE sub = $1 AND lifted_at IS NULL ORDER BY stopped_at DESC, id LIMIT $2"
    ))
    .bind(sub)
    .bind(OF_PERSON_MAX)
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Lists the stops that were lifted since then, the newest first; up to `count_max`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_lifted_since(
    transaction: &mut Transaction,
    since: OffsetDateTime,
    count_max: u32,
) -> Result<Vec<AccountStop>, Error> {
    let rows = sql::query(select!(
        "WHERE lifted_at >= $1 ORDER BY lifted_at DESC, id LIMIT $2"
    ))
    .bind(since.unix_timestamp())
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// How many stops nobody has lifted.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_open(transaction: &mut Transaction) -> Result<i64, Error> {
    let row = sql::query("SELECT COUNT(*) AS stops FROM account_stop WHERE lifted_at IS NULL")
        .fetch_one(transaction.connection())
        .await?;
    row.try_get("stops")
}

fn read(row: &Row) -> Result<AccountStop, Error> {
    let sub: String = row.try_get("sub")?;
    let audience: String = row.try_get("audience")?;
    Ok(AccountStop {
        id: row.try_get("id")?,
        sub: Some(sub).filter(|it| !it.is_empty()),
        subject: row.try_get("subject")?,
        service: row.try_get("service")?,
        audience: serde_json::from_str(&audience).map_err(|_| corrupt())?,
        guard_client_id: row.try_get("guard_client_id")?,
        client_id: row.try_get("client_id")?,
        report_id: row.try_get("report_id")?,
        reasons: row.try_get("reasons")?,
        sequence: row.try_get("sequence")?,
        stopped_at: timestamp::required(row, "stopped_at")?,
        lifted_at: timestamp::optional(row, "lifted_at")?,
    })
}

fn corrupt() -> Error {
    Error::Corrupt {
        column: "account_stop.audience".to_owned(),
    }
}
