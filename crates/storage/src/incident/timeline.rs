//! What happened around an incident: not what a session brings about every other minute, its tokens
//! and codes.

use time::OffsetDateTime;

use super::Incident;
use crate::event::{self, EventRecord};
use crate::sql;
use crate::{Error, Transaction};

/// Lists the events that belong to an incident: of its session, whenever they were, or else of its
/// person between two moments; the oldest first, up to `count_max`. Look-ups stand
/// in the incident's report: their entries name nobody.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_events(
    transaction: &mut Transaction,
    incident: &Incident,
    span: (OffsetDateTime, OffsetDateTime),
    count_max: u32,
) -> Result<Vec<EventRecord>, Error> {
    if let Some(session_id) = &incident.session_id {
        return list_events_of_session(transaction, session_id, count_max).await;
    }
    match &incident.sub {
        Some(sub) => list_events_of_person(transaction, sub, span, count_max).await,
        None => Ok(Vec::new()),
    }
}

/// Lists what happened in a session; the oldest first, up to `count_max`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_events_of_session(
    transaction: &mut Transaction,
    session_id: &str,
    count_max: u32,
) -> Result<Vec<EventRecord>, Error> {
    let rows = sql::query(
        "SELECT id, kind, occurred_at, authorization_request_id, session_id, sub, client_id, code,
                details
         FROM event WHERE session_id = $1
         AND kind NOT IN ('tokens.issued', 'code.issued', 'logout.delivered')
         ORDER BY id LIMIT $2",
    )
    .bind(session_id)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(event::read).collect()
}

/// Lists what happened to a person between two moments; the oldest first, up to
/// `count_max`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_events_of_person(
    transaction: &mut Transaction,
    sub: &str,
    (from, to): (OffsetDateTime, OffsetDateTime),
    count_max: u32,
) -> Result<Vec<EventRecord>, Error> {
    let rows = sql::query(
        "SELECT id, kind, occurred_at, authorization_request_id, session_id, sub, client_id, code,
                details
         FROM event WHERE sub = $1 AND id >= $2 AND id < $3
         AND kind NOT IN ('tokens.issued', 'code.issued', 'logout.delivered')
         ORDER BY id LIMIT $4",
    )
    .bind(sub)
    .bind(first_id(from))
    .bind(first_id(to))
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(event::read).collect()
}

/// No event of this moment or a later one has an id before this: ids begin with their time.
pub(crate) fn first_id(moment: OffsetDateTime) -> String {
    let nanoseconds = moment.unix_timestamp_nanos();
    // Before all ids, and behind all: people write a year 9999 where they mean no end.
    let outside = if nanoseconds < 0 { 0 } else { u64::MAX };
    let nanoseconds = u64::try_from(nanoseconds).unwrap_or(outside);
    format!("{nanoseconds:016x}")
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::first_id;

    #[test]
    fn a_span_without_end_has_every_event_before_it() {
        let now = "18a1b2c3d4e5f607-an-id";
        assert!(*now > *first_id(datetime!(1969-12-31 23:59 UTC)));
        assert!(*now < *first_id(datetime!(9999-12-31 23:59 UTC)));
        assert_eq!(first_id(datetime!(1970-01-01 00:00 UTC)), "0".repeat(16));
    }
}
