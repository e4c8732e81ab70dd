//! How far the log's entries have been gone through for what is to be erased for its age, and which
//! of them an open incident holds back.

use time::OffsetDateTime;

use crate::ledger::{stored, unsigned};
use crate::sql;
use crate::{Error, Transaction};

/// Unclosed incidents that are looked at; where there are more, everything is held back.
const INCIDENTS_MAX: i64 = 10_000;

/// What unclosed incidents are about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnclosedIncidents {
    /// Persons.
    pub subs: Vec<String>,
    /// Sessions.
    pub session_ids: Vec<String>,
    /// Events of the log.
    pub event_ids: Vec<String>,
    /// Whether there are more than anybody looks at.
    pub are_too_many: bool,
}

/// An entry that is held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its place.
    pub place: u64,
    /// The group of its kind.
    pub group: String,
}

/// The place from which a group's entries have not been gone through.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn next_place(transaction: &mut Transaction, group: &str) -> Result<u64, Error> {
    let row = sql::query("SELECT next_place FROM retention_cursor WHERE event_group = $1")
        .bind(group)
        .fetch_optional(transaction.connection())
        .await?;
    let place = row.map(|row| row.try_get("next_place")).transpose()?;
    unsigned(place.unwrap_or(0), "retention_cursor.next_place")
}

/// Moves that place on. False where another node has done so meanwhile.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn advance(
    transaction: &mut Transaction,
    group: &str,
    from: u64,
    to: u64,
) -> Result<bool, Error> {
    let done = sql::query(
        "INSERT INTO retention_cursor (event_group, next_place) VALUES ($1, $3)
         ON CONFLICT (event_group) DO UPDATE SET next_place = $3
         WHERE retention_cursor.next_place = $2",
    )
    .bind(group)
    .bind(stored(from)?)
    .bind(stored(to)?)
    .execute(transaction.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts down that an entry is held back.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn hold(
    transaction: &mut Transaction,
    held: &Held,
    now: OffsetDateTime,
) -> Result<(), Error> {
    sql::query(
        "INSERT INTO retention_hold (ledger_index, event_group, checked_at) VALUES ($1, $2, $3)
         ON CONFLICT (ledger_index) DO UPDATE SET checked_at = $3",
    )
    .bind(stored(held.place)?)
    .bind(held.group.as_str())
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Lists entries that are held back and were not seen to since a moment, the longest ago first;
/// also those that were seen to at a time to come, from `ahead` on, while a clock was wrong.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_held(
    transaction: &mut Transaction,
    (not_since, ahead): (OffsetDateTime, OffsetDateTime),
    count_max: u32,
) -> Result<Vec<Held>, Error> {
    let rows = sql::query(
        "SELECT ledger_index, event_group FROM retention_hold
         WHERE checked_at < $1 OR checked_at >= $2 ORDER BY checked_at LIMIT $3",
    )
    .bind(not_since.unix_timestamp())
    .bind(ahead.unix_timestamp())
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    let read = |row: &sql::Row| {
        Ok(Held {
            place: unsigned(row.try_get("ledger_index")?, "retention_hold.ledger_index")?,
            group: row.try_get("event_group")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Lets an entry go. False where another node has done so.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn let_go(transaction: &mut Transaction, place: u64) -> Result<bool, Error> {
    let done = sql::query("DELETE FROM retention_hold WHERE ledger_index = $1")
        .bind(stored(place)?)
        .execute(transaction.connection())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// What the incidents are about that nobody has closed.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn unclosed_incidents(transaction: &mut Transaction) -> Result<UnclosedIncidents, Error> {
    let rows = sql::query(
        "SELECT sub, session_id, event_id FROM incident
         WHERE state IN ('open', 'in_work') LIMIT $1",
    )
    .bind(INCIDENTS_MAX + 1)
    .fetch_all(transaction.connection())
    .await?;
    let mut unclosed = UnclosedIncidents {
        are_too_many: i64::try_from(rows.len()).is_ok_and(|count| count > INCIDENTS_MAX),
        ..UnclosedIncidents::default()
    };
    for row in &rows {
        unclosed.subs.extend(row.try_get::<Option<String>>("sub")?);
        let session_id: Option<String> = row.try_get("session_id")?;
        unclosed.session_ids.extend(session_id);
        unclosed
            .event_ids
            .extend(row.try_get::<Option<String>>("event_id")?);
    }
    Ok(unclosed)
}

impl UnclosedIncidents {
    /// Whether one of them is about this.
    #[must_use]
    pub fn need(&self, event_id: &str, sub: Option<&str>, session_id: Option<&str>) -> bool {
        let holds = |list: &[String], one: Option<&str>| {
            one.is_some_and(|one| list.iter().any(|it| it == one))
        };
        self.are_too_many
            || holds(&self.subs, sub)
            || holds(&self.session_ids, session_id)
            || holds(&self.event_ids, Some(event_id))
    }
}
