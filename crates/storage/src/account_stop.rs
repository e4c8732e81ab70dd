//! Accounts that guards have stopped at a service, until an operator lifts it.
//!
//! Who stops one, or lifts a stop, has the guards of the service told of it in the same transaction
//! (`security_event/stops.rs`).

use std::collections::BTreeSet;

use time::OffsetDateTime;

use crate::security_event::{guards_resources, next_sequence_above, tell_lift, tell_stop};
use crate::sql::{self, Row};
use crate::{Error, SecretDigest, Transaction, timestamp};

/// Open stops of one person that are listed.
const OF_PERSON_MAX: i64 = 50;
/// Places by which those wait for each other who stop accounts.
const LOCK_PLACES: i64 = 16;
/// Lifted stops of one account at one service that are looked at, the newest first.
const LIFTED_MAX: i64 = 100;

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

/// Has whoever stops one of these accounts, or lifts a stop of one, wait until this transaction is
/// over: what it finds open stays all that is open. An account is a subject and a service.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn lock(transaction: &mut Transaction, accounts: &[(&str, &str)]) -> Result<(), Error> {
    // In one order, so that two batches never wait for each other.
    let places: BTreeSet<i64> = accounts.iter().map(place_of).collect();
    for place in places {
        sql::query("UPDATE account_stop_lock SET taken = taken + 1 WHERE place = $1")
            .bind(place)
            .execute(transaction.connection())
            .await?;
    }
    Ok(())
}

/// Accounts that share a place wait for each other, and nothing else.
fn place_of((subject, service): &(&str, &str)) -> i64 {
    let digest = SecretDigest::of(&format!("{service} {subject}"));
    let sum = digest.as_str().bytes().map(i64::from).sum::<i64>();
    sum % LOCK_PLACES
}

/// Finds a stop, lifted or not.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(transaction: &mut Transaction, id: &str) -> Result<Option<AccountStop>, Error> {
    let row = sql::query(select!("WHERE id = $1"))
        .bind(id)
        .fetch_optional(transaction.connection())
        .await?;
    row.as_ref().map(read).transpose()
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

/// Lifts a stop with those that a guard holds together with it, has the guards told, and gives them
/// back, the stop itself first; none where it is unknown or lifted already.
///
/// A guard knows an account as stopped at its service or as free: who is freed by the lift of one
/// stop is freed of the others that the guard has heard of, and they must not stay in force here.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn lift(
    transaction: &mut Transaction,
    id: &str,
    now: OffsetDateTime,
) -> Result<Vec<AccountStop>, Error> {
    let Some((subject, service)) = find_account(transaction, id).await? else {
        return Ok(Vec::new());
    };
    lock(transaction, &[(subject.as_str(), service.as_str())]).await?;
    let Some(named) = lift_alone(transaction, id, now).await? else {
        return Ok(Vec::new());
    };
    let open = list_open_of(transaction, &named.subject, &named.service).await?;
    let together = held_together(transaction, named, open).await?;
    let mut stops = together.into_iter();
    let mut lifted: Vec<AccountStop> = stops.next().into_iter().collect();
    for other in stops {
        lifted.extend(lift_alone(transaction, &other.id, now).await?);
    }
    Ok(lifted)
}

/// What [`lift`] would lift, the stop itself first; none where it is unknown or lifted already.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_lifted_with(
    transaction: &mut Transaction,
    id: &str,
) -> Result<Vec<AccountStop>, Error> {
    let named = find(transaction, id).await?;
    let Some(named) = named.filter(|stop| stop.lifted_at.is_none()) else {
        return Ok(Vec::new());
    };
    let mut open = list_open_of(transaction, &named.subject, &named.service).await?;
    open.retain(|other| other.id != named.id);
    held_together(transaction, named, open).await
}

/// A stop with those of the open ones that some guard holds together with it.
async fn held_together(
    transaction: &mut Transaction,
    named: AccountStop,
    mut open: Vec<AccountStop>,
) -> Result<Vec<AccountStop>, Error> {
    let mut together = vec![named];
    if open.is_empty() {
        return Ok(together);
    }
    let guards = guards_resources(transaction).await?;
    while let Some(place) = open.iter().position(|other| {
        let mut together = together.iter();
        together.any(|it| are_held_together(it, other, &guards))
    }) {
        together.push(open.swap_remove(place));
    }
    Ok(together)
}

/// Subject and service of a stop.
async fn find_account(
    transaction: &mut Transaction,
    id: &str,
) -> Result<Option<(String, String)>, Error> {
    let row = sql::query("SELECT subject, service FROM account_stop WHERE id = $1")
        .bind(id)
        .fetch_optional(transaction.connection())
        .await?;
    let read = |row: Row| Ok((row.try_get("subject")?, row.try_get("service")?));
    row.map(read).transpose()
}

/// Whether some guard, by the resource servers that each is, has heard of both stops.
fn are_held_together(one: &AccountStop, other: &AccountStop, guards: &[Vec<String>]) -> bool {
    let mut guards = guards.iter();
    one.is_at(&other.audience) || guards.any(|guard| one.is_at(guard) && other.is_at(guard))
}

async fn lift_alone(
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

/// Whether an operator has lifted the stop of this number; none where there is no such stop.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn is_lifted(
    transaction: &mut Transaction,
    (subject, service): (&str, &str),
    sequence: i64,
) -> Result<Option<bool>, Error> {
    let row = sql::query(
        "SELECT lifted_at FROM account_stop
         WHERE subject = $1 AND service = $2 AND sequence = $3",
    )
    .bind(subject)
    .bind(service)
    .bind(sequence)
    .fetch_optional(transaction.connection())
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(timestamp::optional(&row, "lifted_at")?.is_some()))
}

/// When an operator last lifted a stop of an account at a service, of those with a number above
/// `heard`, of which a guard with these resource servers was told.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find_last_lift(
    transaction: &mut Transaction,
    (subject, service): (&str, &str),
    resources: &[String],
    heard: i64,
) -> Result<Option<OffsetDateTime>, Error> {
    let rows = sql::query(select!(
        "WHERE subject = $1 AND service = $2 AND lifted_at IS NOT NULL AND sequence > $4
         ORDER BY lifted_at DESC, id LIMIT $3"
    ))
    .bind(subject)
    .bind(service)
    .bind(LIFTED_MAX)
    .bind(heard)
    .fetch_all(transaction.connection())
    .await?;
    let lifted: Vec<_> = rows.iter().map(read).collect::<Result<_, _>>()?;
    let heard_of = lifted.into_iter().find(|it| it.is_at(resources));
    Ok(heard_of.and_then(|it| it.lifted_at))
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

/// Lists the stops at one of these resource servers that nobody has lifted, the newest first; up to
/// `count_max` at each.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_open_at(
    transaction: &mut Transaction,
    resources: &[String],
    count_max: u32,
) -> Result<Vec<AccountStop>, Error> {
    let mut stops = Vec::new();
    for (place, resource) in resources.iter().enumerate() {
        let rows = sql::query(select!(
            "WHERE lifted_at IS NULL AND audience LIKE $1 ESCAPE '!'
             ORDER BY stopped_at DESC, id LIMIT $2"
        ))
        .bind(names(resource)?)
        .bind(i64::from(count_max))
        .fetch_all(transaction.connection())
        .await?;
        let earlier = resources.get(..place).unwrap_or_default();
        gather(&mut stops, &rows, (resource, earlier))?;
    }
    Ok(stops)
}

/// A pattern for the lists in which a resource server stands. It finds a few more, as SQLite's
/// `LIKE` does not tell small letters from capitals.
fn names(resource: &str) -> Result<String, Error> {
    let word = serde_json::to_string(resource).map_err(|_| corrupt())?;
    let escaped = word
        .replace('!', "!!")
        .replace('%', "!%")
        .replace('_', "!_");
    Ok(format!("%{escaped}%"))
}

/// Adds what is at this resource server, unless it is at an earlier one, too, and there already.
fn gather(
    stops: &mut Vec<AccountStop>,
    rows: &[Row],
    (resource, earlier): (&String, &[String]),
) -> Result<(), Error> {
    for row in rows {
        let stop = read(row)?;
        if stop.audience.contains(resource) && !stop.is_at(earlier) {
            stops.push(stop);
        }
    }
    Ok(())
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

/// Lists the stops at one of these resource servers that were lifted since then, the newest first;
/// up to `count_max` at each.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_lifted_since(
    transaction: &mut Transaction,
    resources: &[String],
    since: OffsetDateTime,
    count_max: u32,
) -> Result<Vec<AccountStop>, Error> {
    let mut stops = Vec::new();
    for (place, resource) in resources.iter().enumerate() {
        let rows = sql::query(select!(
            "WHERE lifted_at >= $1 AND audience LIKE $2 ESCAPE '!'
             ORDER BY lifted_at DESC, id LIMIT $3"
        ))
        .bind(since.unix_timestamp())
        .bind(names(resource)?)
        .bind(i64::from(count_max))
        .fetch_all(transaction.connection())
        .await?;
        let earlier = resources.get(..place).unwrap_or_default();
        gather(&mut stops, &rows, (resource, earlier))?;
    }
    Ok(stops)
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
