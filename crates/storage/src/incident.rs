//! What somebody has to look into, with what operators wrote about it.

mod person;
mod timeline;

use time::OffsetDateTime;

pub use person::{find_person, list_existing_events, list_person_ids};
pub(crate) use timeline::first_id;
pub use timeline::{list_events, list_events_of_person, list_events_of_session};

use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// The state of an incident that nobody has taken up.
pub const OPEN: &str = "open";
/// Of one that an operator works on.
pub const IN_WORK: &str = "in_work";
/// Of one that is over.
pub const CLOSED: &str = "closed";

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Random.
    pub id: String,
    /// `not_me`, `operator`, `guard_stop`.
    pub kind: String,
    /// [`OPEN`], [`IN_WORK`] or [`CLOSED`].
    pub state: String,
    /// The person that it is about.
    pub sub: Option<String>,
    /// The session.
    pub session_id: Option<String>,
    /// The SHA-256 of the card's certificate, as sessions have it.
    pub card_sha256: Option<String>,
    /// The event that it is about.
    pub event_id: Option<String>,
    /// The portal.
    pub client_id: Option<String>,
    /// The stop of an account that it is about.
    pub stop_id: Option<String>,
    /// What whoever opened it said.
    pub words: Option<String>,
    /// Who opened it, as JSON.
    pub opened_by: String,
    /// When.
    pub opened_at: OffsetDateTime,
    /// When something was last done about it.
    pub changed_at: OffsetDateTime,
    /// When it was closed.
    pub closed_at: Option<OffsetDateTime>,
    /// Why, in the operator's words.
    pub close_reason: Option<String>,
}

/// What an operator wrote about an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentNote {
    /// Counted from one.
    pub number: i64,
    /// Who wrote it, as JSON.
    pub written_by: String,
    /// What.
    pub words: String,
    /// When.
    pub written_at: OffsetDateTime,
}

/// Every column that [`read`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, state, sub, session_id, card_sha256, event_id, client_id, stop_id,
                    words, opened_by, opened_at, changed_at, closed_at, close_reason
             FROM incident ",
            $rest
        )
    };
}

/// Stores a new incident.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Conflict`].
pub async fn insert(transaction: &mut Transaction, incident: &Incident) -> Result<(), Error> {
    sql::query(
        "INSERT INTO incident
             (id, kind, state, sub, session_id, card_sha256, event_id, client_id, stop_id, words,
              opened_by, opened_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)",
    )
    .bind(incident.id.as_str())
    .bind(incident.kind.as_str())
    .bind(incident.state.as_str())
    .bind(incident.sub.as_deref())
    .bind(incident.session_id.as_deref())
    .bind(incident.card_sha256.as_deref())
    .bind(incident.event_id.as_deref())
    .bind(incident.client_id.as_deref())
    .bind(incident.stop_id.as_deref())
    .bind(incident.words.as_deref())
    .bind(incident.opened_by.as_str())
    .bind(incident.opened_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Finds an incident by its id.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(transaction: &mut Transaction, id: &str) -> Result<Option<Incident>, Error> {
    let row = sql::query(select!("WHERE id = $1"))
        .bind(id)
        .fetch_optional(transaction.connection())
        .await?;
    row.as_ref().map(read).transpose()
}

/// Lists the incidents that are not closed, the newest first; up to `count_max`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_unclosed(
    transaction: &mut Transaction,
    count_max: u32,
) -> Result<Vec<Incident>, Error> {
    let rows = sql::query(select!(
        "WHERE state IN ('open', 'in_work') ORDER BY opened_at DESC, id LIMIT $1"
    ))
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Lists all incidents that were opened before a moment, closed or not, the newest first; up to
/// `count_max`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_before(
    transaction: &mut Transaction,
    before: OffsetDateTime,
    count_max: u32,
) -> Result<Vec<Incident>, Error> {
    let rows = sql::query(select!(
        "WHERE opened_at < $1 ORDER BY opened_at DESC, id LIMIT $2"
    ))
    .bind(before.unix_timestamp())
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// From where on a list of closed incidents goes: behind this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedBefore {
    /// When it was closed.
    pub closed_at: OffsetDateTime,
    /// Its id.
    pub id: String,
}

/// Lists the incidents that are closed, the last closed first, from behind a position on; up to
/// `count_max`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_closed(
    transaction: &mut Transaction,
    before: Option<&ClosedBefore>,
    count_max: u32,
) -> Result<Vec<Incident>, Error> {
    let (closed_at, id) = before.map_or((i64::MAX, ""), |it| {
        (it.closed_at.unix_timestamp(), it.id.as_str())
    });
    let rows = sql::query(LIST_CLOSED)
        .bind(closed_at)
        .bind(id)
        .bind(i64::from(count_max))
        .fetch_all(transaction.connection())
        .await?;
    rows.iter().map(read).collect()
}

/// The first condition bounds what is read of the index.
const LIST_CLOSED: &str = select!(
    "WHERE closed_at IS NOT NULL AND closed_at <= $1 AND (closed_at < $1 OR id > $2)
     ORDER BY closed_at DESC, id LIMIT $3"
);

/// Lists a person's incidents, closed or not, the newest first; up to `count_max`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_person(
    transaction: &mut Transaction,
    sub: &str,
    count_max: u32,
) -> Result<Vec<Incident>, Error> {
    let rows = sql::query(select!(
        "WHERE sub = $1 ORDER BY opened_at DESC, id LIMIT $2"
    ))
    .bind(sub)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// How many of a person's incidents are not closed.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_unclosed_of(transaction: &mut Transaction, sub: &str) -> Result<i64, Error> {
    let row = sql::query(
        "SELECT COUNT(*) AS incidents FROM incident WHERE sub = $1 AND state <> 'closed'",
    )
    .bind(sub)
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("incidents")
}

/// How many incidents nobody has closed.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_unclosed(transaction: &mut Transaction) -> Result<i64, Error> {
    let row =
        sql::query("SELECT COUNT(*) AS incidents FROM incident WHERE state IN ('open', 'in_work')")
            .fetch_one(transaction.connection())
            .await?;
    row.try_get("incidents")
}

/// Marks an incident as one that somebody works on. False where it is closed or unknown, or was so
/// marked before.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn take_up(
    transaction: &mut Transaction,
    id: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let done = sql::query(
        "UPDATE incident SET state = 'in_work', changed_at = $2 WHERE id = $1 AND state = 'open'",
    )
    .bind(id)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Closes an incident. False where it is closed already, or unknown.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn close(
    transaction: &mut Transaction,
    id: &str,
    reason: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let done = sql::query(
        "UPDATE incident SET state = 'closed', changed_at = $3, closed_at = $3, close_reason = $2
         WHERE id = $1 AND state <> 'closed'",
    )
    .bind(id)
    .bind(reason)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Adds a note, and gives its number; none where the incident has `count_max` already.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::Conflict`] where two write at once.
pub async fn add_note(
    transaction: &mut Transaction,
    id: &str,
    note: (&str, &str),
    now: OffsetDateTime,
    count_max: u32,
) -> Result<Option<i64>, Error> {
    let (written_by, words) = note;
    let row = sql::query(
        "SELECT COALESCE(MAX(number), 0) AS last FROM incident_note WHERE incident_id = $1",
    )
    .bind(id)
    .fetch_one(transaction.connection())
    .await?;
    let last: i64 = row.try_get("last")?;
    if last >= i64::from(count_max) {
        return Ok(None);
    }
    let number = last + 1;
    sql::query(
        "INSERT INTO incident_note (incident_id, number, written_by, words, written_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(id)
    .bind(number)
    .bind(written_by)
    .bind(words)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    sql::query("UPDATE incident SET changed_at = $2 WHERE id = $1")
        .bind(id)
        .bind(now.unix_timestamp())
        .execute(transaction.connection())
        .await?;
    Ok(Some(number))
}

/// Lists an incident's notes in their order; up to `count_max`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_notes(
    transaction: &mut Transaction,
    id: &str,
    count_max: u32,
) -> Result<Vec<IncidentNote>, Error> {
    let rows = sql::query(
        "SELECT number, written_by, words, written_at FROM incident_note
         WHERE incident_id = $1 ORDER BY number LIMIT $2",
    )
    .bind(id)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    let read = |row: &Row| {
        Ok(IncidentNote {
            number: row.try_get("number")?,
            written_by: row.try_get("written_by")?,
            words: row.try_get("words")?,
            written_at: timestamp::required(row, "written_at")?,
        })
    };
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Incident, Error> {
    Ok(Incident {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        state: row.try_get("state")?,
        sub: row.try_get("sub")?,
        session_id: row.try_get("session_id")?,
        card_sha256: row.try_get("card_sha256")?,
        event_id: row.try_get("event_id")?,
        client_id: row.try_get("client_id")?,
        stop_id: row.try_get("stop_id")?,
        words: row.try_get("words")?,
        opened_by: row.try_get("opened_by")?,
        opened_at: timestamp::required(row, "opened_at")?,
        changed_at: timestamp::required(row, "changed_at")?,
        closed_at: timestamp::optional(row, "closed_at")?,
        close_reason: row.try_get("close_reason")?,
    })
}
