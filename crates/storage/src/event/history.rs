//! What is on record about one person, page by page.
//!
//! Ids sort by time, so that one index of person and id serves every page. A cursor is an id after
//! which a page goes on: it selects nothing by itself, for every statement asks for the person.

use time::OffsetDateTime;

use super::{EventRecord, read};
use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// Sessions that one question names at most.
pub const SESSIONS_ASKED_MAX: usize = 200;
/// Clients that a person's history is filtered by at most.
const CLIENTS_MAX: i64 = 50;
/// Events that are looked at for their clients.
const LOOKED_AT_MAX: i64 = 5_000;

/// Which events of a person.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// The person.
    pub sub: &'a str,
    /// Events whose id is at or behind this; an id's beginning will do.
    pub from_id: &'a str,
    /// Events whose id is before this.
    pub before_id: &'a str,
    /// Those of one client alone.
    pub client_id: Option<&'a str>,
    /// Those of these kinds alone; all where there is none.
    pub kinds: &'a [&'static str],
}

/// Lists up to `count_max` events of a person, the newest first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_person(
    transaction: &mut Transaction,
    selection: Selection<'_>,
    count_max: u32,
) -> Result<Vec<EventRecord>, Error> {
    list(transaction, selection, "DESC", count_max).await
}

/// The same, the oldest first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_person_forward(
    transaction: &mut Transaction,
    selection: Selection<'_>,
    count_max: u32,
) -> Result<Vec<EventRecord>, Error> {
    list(transaction, selection, "ASC", count_max).await
}

async fn list(
    transaction: &mut Transaction,
    selection: Selection<'_>,
    direction: &'static str,
    count_max: u32,
) -> Result<Vec<EventRecord>, Error> {
    let Selection {
        sub,
        from_id,
        before_id,
        client_id,
        kinds,
    } = selection;
    let of_kinds = match kinds.len() {
        0 => String::new(),
        count => format!("AND kind IN ({})", values(6, count)),
    };
    let statement = format!(
        "SELECT id, kind, occurred_at, authorization_request_id, session_id, sub, client_id, code,
                details
         FROM event
         WHERE sub = $1 AND id >= $2 AND id < $3
         AND (CAST($4 AS TEXT) IS NULL OR client_id = $4) {of_kinds}
         ORDER BY id {direction} LIMIT $5"
    );
    let mut query = sql::query_built(statement)
        .bind(sub)
        .bind(from_id)
        .bind(before_id)
        .bind(client_id)
        .bind(i64::from(count_max));
    for kind in kinds {
        query = query.bind(*kind);
    }
    let rows = query.fetch_all(transaction.connection()).await?;
    rows.iter().map(read).collect()
}

/// Some of a person's events that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// How many.
    pub events: i64,
    /// The last one's id.
    pub last_id: String,
    /// When the first one happened.
    pub first_at: OffsetDateTime,
    /// When the last one happened.
    pub last_at: OffsetDateTime,
}

/// Parts the events of a person between two ids into stretches of so many, of which the last one
/// has what is left; the oldest first, up to `count_max` stretches.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_stretches(
    transaction: &mut Transaction,
    sub: &str,
    (from_id, before_id): (&str, &str),
    events_each: u32,
    count_max: u32,
) -> Result<Vec<Stretch>, Error> {
    let rows = sql::query(
        "SELECT COUNT(*) AS events, MAX(id) AS last_id,
                MIN(occurred_at) AS first_at, MAX(occurred_at) AS last_at
         FROM (SELECT id, occurred_at, (ROW_NUMBER() OVER (ORDER BY id) - 1) / $4 AS stretch
               FROM event WHERE sub = $1 AND id >= $2 AND id < $3) AS numbered
         GROUP BY stretch ORDER BY stretch LIMIT $5",
    )
    .bind(sub)
    .bind(from_id)
    .bind(before_id)
    .bind(i64::from(events_each.max(1)))
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    let read = |row: &Row| {
        Ok(Stretch {
            events: row.try_get("events")?,
            last_id: row.try_get("last_id")?,
            first_at: timestamp::required(row, "first_at")?,
            last_at: timestamp::required(row, "last_at")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Lists a person's events of some kinds in some of her sessions, in no order: of the first
/// [`SESSIONS_ASKED_MAX`] of them, between two ids.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_sessions(
    transaction: &mut Transaction,
    sub: &str,
    (from_id, before_id): (&str, &str),
    session_ids: &[&str],
    kinds: &[&'static str],
) -> Result<Vec<EventRecord>, Error> {
    let session_ids = session_ids.get(..SESSIONS_ASKED_MAX).unwrap_or(session_ids);
    if session_ids.is_empty() || kinds.is_empty() {
        return Ok(Vec::new());
    }
    let statement = format!(
        "SELECT id, kind, occurred_at, authorization_request_id, session_id, sub, client_id, code,
                details
         FROM event
         WHERE sub = $1 AND id >= $2 AND id < $3 AND kind IN ({}) AND session_id IN ({})",
        values(4, kinds.len()),
        values(4 + kinds.len(), session_ids.len())
    );
    let mut query = sql::query_built(statement)
        .bind(sub)
        .bind(from_id)
        .bind(before_id);
    for kind in kinds {
        query = query.bind(*kind);
    }
    for id in session_ids {
        query = query.bind(*id);
    }
    let rows = query.fetch_all(transaction.connection()).await?;
    rows.iter().map(read).collect()
}

/// Lists the clients that the newest of a person's events name, in the order of their ids.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn list_clients_of_person(
    transaction: &mut Transaction,
    sub: &str,
) -> Result<Vec<String>, Error> {
    let rows = sql::query(
        "SELECT DISTINCT newest.client_id FROM
             (SELECT client_id FROM event WHERE sub = $1 ORDER BY id DESC LIMIT $2) AS newest
         WHERE newest.client_id IS NOT NULL ORDER BY newest.client_id LIMIT $3",
    )
    .bind(sub)
    .bind(LOOKED_AT_MAX)
    .bind(CLIENTS_MAX)
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(|row| row.try_get("client_id")).collect()
}

/// What a person was shown through one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookUpsOfClient {
    /// The client that held the token.
    pub client_id: String,
    /// Look-ups that were let through; one in several parts is one.
    pub look_ups: i64,
    /// Patients of what was let through, each once.
    pub patients: i64,
}

/// Counts a person's look-ups by client between two moments, the first one included; up to fifty
/// clients. Reports that nobody could prove are not among them.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn look_ups_by_client(
    transaction: &mut Transaction,
    sub: &str,
    (from, to): (OffsetDateTime, OffsetDateTime),
) -> Result<Vec<LookUpsOfClient>, Error> {
    let milliseconds = |moment: OffsetDateTime| moment.unix_timestamp().saturating_mul(1_000);
    let rows = sql::query(
        "SELECT report.client_id AS client_id,
                COUNT(DISTINCT CASE WHEN report.kind = 'look_up'
                                    AND (report.part IS NULL OR report.part = 1)
                               THEN report.id END) AS look_ups,
                COUNT(DISTINCT seen.patient) AS patients
         FROM guard_report AS report
         LEFT JOIN guard_report_patient AS seen ON seen.report_id = report.id
         WHERE report.sub = $1 AND report.occurred_at >= $2 AND report.occurred_at < $3
         AND report.answer = 'allow'
         GROUP BY report.client_id ORDER BY report.client_id LIMIT $4",
    )
    .bind(sub)
    .bind(milliseconds(from))
    .bind(milliseconds(to))
    .bind(CLIENTS_MAX)
    .fetch_all(transaction.connection())
    .await?;
    let read = |row: &Row| {
        Ok(LookUpsOfClient {
            client_id: row.try_get("client_id")?,
            look_ups: row.try_get("look_ups")?,
            patients: row.try_get("patients")?,
        })
    };
    rows.iter().map(read).collect()
}

/// `$4, $5`: so many places for values, from one on.
fn values(first: usize, count: usize) -> String {
    let places: Vec<_> = (first..first + count).map(|at| format!("${at}")).collect();
    places.join(", ")
}
