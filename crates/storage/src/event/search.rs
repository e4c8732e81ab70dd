//! What operators look for in the log: a session's events, a card's, a portal's, page by page, and
//! numbers by code and between two moments. Never by anybody's name, and never over all.
//!
//! Ids sort by time: a cursor is the id before which a page goes on. Each statement has an index
//! that it goes by, and each answer a bound.

use time::OffsetDateTime;

use super::{EventRecord, read};
use crate::incident::first_id;
use crate::sql::{self, Row};
use crate::{Error, Transaction};

/// Codes of refusals that are told apart.
const CODES_MAX: i64 = 20;
/// Behind every id, however a database sorts: ids begin with hexadecimal digits.
pub const FROM_THE_NEWEST: &str = "g";

/// A statement that lists events.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, occurred_at, authorization_request_id, session_id, sub, client_id,
                    code, details
             FROM event WHERE ",
            $rest
        )
    };
}

const OF_PERSON: &str = select!("sub = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
const OF_SESSION: &str = select!("session_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
const OF_CLIENT: &str = select!("client_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
/// Where a search of a person's events ends: at the last of so many before a cursor.
const FLOOR: &str = "SELECT id FROM event WHERE sub = $1 AND id < $2
         ORDER BY id DESC LIMIT 1 OFFSET $3";
/// Between the two cursors: what names the card, and what happened in its sessions. A session's row
/// says which card it was, or its login does, when the row has gone.
const OF_CARD: &str = select!(
    "sub = $1 AND id < $2 AND id >= $3
         AND (details LIKE $4 OR session_id IN
                 (SELECT seen.session_id FROM event AS seen
                  JOIN session ON session.id = seen.session_id
                  WHERE seen.sub = $1 AND seen.id < $2 AND seen.id >= $3
                  AND session.card_id = $5
                  UNION SELECT login.session_id FROM
                  (SELECT DISTINCT session_id FROM event
                   WHERE sub = $1 AND id < $2 AND id >= $3 AND session_id IS NOT NULL) AS open
                  JOIN event AS login ON login.session_id = open.session_id
                  WHERE login.kind IN ('login.accepted', 'card_grant.accepted',
                                       'agentless_login.accepted')
                  AND login.details LIKE $4))
         ORDER BY id DESC LIMIT $6"
);
const LOGINS_BETWEEN: &str = "SELECT COUNT(*) AS logins FROM event
         WHERE kind IN ('login.accepted', 'card_grant.accepted', 'agentless_login.accepted')
         AND occurred_at >= $1 AND occurred_at < $2";
const REFUSALS_BY_CODE: &str = "SELECT code, COUNT(*) AS refusals FROM event
         WHERE kind IN ('login.refused', 'card_grant.refused', 'agent_instance.refused')
         AND occurred_at >= $1 AND code IS NOT NULL
         GROUP BY code ORDER BY COUNT(*) DESC, code LIMIT $2";
const ANSWERS_BETWEEN: &str = "SELECT answer, COUNT(*) AS answers FROM guard_report
         WHERE occurred_at >= $1 AND occurred_at < $2 AND (part IS NULL OR part = 1)
         GROUP BY answer ORDER BY answer";
const NEWEST_REASONS: &str = "SELECT reasons FROM guard_report WHERE sub = $1 AND answer <> 'allow'
         ORDER BY occurred_at DESC LIMIT 1";

/// Lists up to `count_max` events of a person that are before a cursor, the newest first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_person(
    transaction: &mut Transaction,
    sub: &str,
    before_id: &str,
    count_max: u32,
) -> Result<Vec<EventRecord>, Error> {
    let rows = sql::query(OF_PERSON)
        .bind(sub)
        .bind(before_id)
        .bind(i64::from(count_max))
        .fetch_all(transaction.connection())
        .await?;
    rows.iter().map(read).collect()
}

/// Lists up to `count_max` events of a session that are before a cursor, the newest first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_session(
    transaction: &mut Transaction,
    session_id: &str,
    before_id: &str,
    count_max: u32,
) -> Result<Vec<EventRecord>, Error> {
    let rows = sql::query(OF_SESSION)
        .bind(session_id)
        .bind(before_id)
        .bind(i64::from(count_max))
        .fetch_all(transaction.connection())
        .await?;
    rows.iter().map(read).collect()
}

/// Lists up to `count_max` events of a client that are before a cursor, the newest first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_client(
    transaction: &mut Transaction,
    client_id: &str,
    before_id: &str,
    count_max: u32,
) -> Result<Vec<EventRecord>, Error> {
    let rows = sql::query(OF_CLIENT)
        .bind(client_id)
        .bind(before_id)
        .bind(i64::from(count_max))
        .fetch_all(transaction.connection())
        .await?;
    rows.iter().map(read).collect()
}

/// Some of what is on record about a card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardEvents {
    /// The newest first.
    pub events: Vec<EventRecord>,
    /// The cursor from which a search goes on; none where all of the holder's events were searched.
    pub rest: Option<String>,
}

/// Lists up to `count_max` of a person's events that are about one card of hers, the newest first,
/// out of her `searched_max` newest before a cursor: what names the card, and what happened in its
/// sessions, which the logins name when the sessions' rows have gone.
///
/// No index knows which card an event is about, and of a card that lies in a drawer there may be
/// nothing among a hundred thousand of its holder's: a search reads so many, and no more.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_card(
    transaction: &mut Transaction,
    (sub, card_id): (&str, &str),
    before_id: &str,
    count_max: u32,
    searched_max: u32,
) -> Result<CardEvents, Error> {
    let floor = sql::query(FLOOR)
        .bind(sub)
        .bind(before_id)
        .bind(i64::from(searched_max).saturating_sub(1).max(0))
        .fetch_optional(transaction.connection())
        .await?;
    let rest: Option<String> = floor.map(|row| row.try_get("id")).transpose()?;
    // A card's name is base64url, whose one wildcard stands for one character.
    let named = format!("%\"card\":\"{card_id}\"%");
    let rows = sql::query(OF_CARD)
        .bind(sub)
        .bind(before_id)
        .bind(rest.as_deref().unwrap_or_default())
        .bind(named)
        .bind(card_id)
        .bind(i64::from(count_max))
        .fetch_all(transaction.connection())
        .await?;
    let events = rows.iter().map(read).collect::<Result<_, Error>>()?;
    Ok(CardEvents { events, rest })
}

/// Whether an event of a person says the very same between two moments: of one kind, with the same
/// details. What a clock wrote that was ahead of the second one does not count.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn is_said_between(
    transaction: &mut Transaction,
    sub: &str,
    (kind, details): (&str, &str),
    (since, until): (OffsetDateTime, OffsetDateTime),
) -> Result<bool, Error> {
    let found = sql::query(SAID_BETWEEN)
        .bind(sub)
        .bind(first_id(since))
        .bind(kind)
        .bind(details)
        .bind(until.unix_timestamp())
        .fetch_optional(transaction.connection())
        .await?;
    Ok(found.is_some())
}

const SAID_BETWEEN: &str = "SELECT id FROM event
     WHERE sub = $1 AND id >= $2 AND kind = $3 AND details = $4 AND occurred_at <= $5 LIMIT 1";

/// Counts the accepted logins from a moment on until before another.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_logins_between(
    transaction: &mut Transaction,
    (from, until): (OffsetDateTime, OffsetDateTime),
) -> Result<i64, Error> {
    let row = sql::query(LOGINS_BETWEEN)
        .bind(from.unix_timestamp())
        .bind(until.unix_timestamp())
        .fetch_one(transaction.connection())
        .await?;
    row.try_get("logins")
}

/// Counts refused logins since a moment by their codes, the most frequent first, up to a bound.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_refusals_by_code(
    transaction: &mut Transaction,
    since: OffsetDateTime,
) -> Result<Vec<(String, i64)>, Error> {
    let rows = sql::query(REFUSALS_BY_CODE)
        .bind(since.unix_timestamp())
        .bind(CODES_MAX)
        .fetch_all(transaction.connection())
        .await?;
    let pair = |row: &Row| Ok((row.try_get("code")?, row.try_get("refusals")?));
    rows.iter().map(pair).collect()
}

/// Counts what guards have answered from a moment on until before another, by their clocks: the
/// word of the answer, and how often. One answer in several parts is one.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_answers_between(
    transaction: &mut Transaction,
    (from, until): (OffsetDateTime, OffsetDateTime),
) -> Result<Vec<(String, i64)>, Error> {
    let milliseconds = |moment: OffsetDateTime| moment.unix_timestamp().saturating_mul(1_000);
    let rows = sql::query(ANSWERS_BETWEEN)
        .bind(milliseconds(from))
        .bind(milliseconds(until))
        .fetch_all(transaction.connection())
        .await?;
    let pair = |row: &Row| Ok((row.try_get("answer")?, row.try_get("answers")?));
    rows.iter().map(pair).collect()
}

/// Why a guard has last not let a person through at once, as JSON; none where it always did.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_newest_reasons(
    transaction: &mut Transaction,
    sub: &str,
) -> Result<Option<String>, Error> {
    let row = sql::query(NEWEST_REASONS)
        .bind(sub)
        .fetch_optional(transaction.connection())
        .await?;
    row.map(|row| row.try_get("reasons")).transpose()
}

#[cfg(test)]
mod tests {
    use crate::Store;
    use crate::sql;

    /// The overview and the timelines read what they show, however long the log is.
    #[tokio::test]
    async fn whatever_the_console_asks_is_found_by_an_index() {
        let store = Store::open_in_memory().await.unwrap();
        let mut transaction = store.begin().await.unwrap();
        for (statement, index) in [
            (
                super::LOGINS_BETWEEN,
                "COVERING INDEX event_of_login_day (occurred_at>? AND occurred_at<?)",
            ),
            (
                super::REFUSALS_BY_CODE,
                "COVERING INDEX event_of_refusal_code",
            ),
            (
                super::ANSWERS_BETWEEN,
                "COVERING INDEX guard_report_of_time (occurred_at>? AND occurred_at<?)",
            ),
            (super::NEWEST_REASONS, "INDEX guard_report_held_up"),
            (super::OF_PERSON, "INDEX event_of_person (sub=? AND id<?)"),
            (
                super::OF_SESSION,
                "INDEX event_of_session (session_id=? AND id<?)",
            ),
            (
                super::OF_CLIENT,
                "INDEX event_by_client (client_id=? AND id<?)",
            ),
            (
                super::FLOOR,
                "COVERING INDEX event_of_person (sub=? AND id<?)",
            ),
            (
                super::OF_CARD,
                "INDEX event_of_person (sub=? AND id>? AND id<?)",
            ),
            (
                super::SAID_BETWEEN,
                "INDEX event_of_person (sub=? AND id>?)",
            ),
        ] {
            let mut query = sql::query_built(format!("EXPLAIN QUERY PLAN {statement}"));
            for place in (1..=9).take_while(|place| statement.contains(&format!("${place}"))) {
                query = query.bind(i64::from(place));
            }
            let rows = query.fetch_all(transaction.connection()).await.unwrap();
            let plan = rows.iter().map(|row| row.try_get("detail").unwrap());
            let plan = plan.collect::<Vec<String>>().join("; ");
            assert!(plan.contains(index), "{index}: {plan}");
            assert!(
                !plan.contains("SCAN event") && !plan.contains("SCAN guard"),
                "{plan}"
            );
        }
    }
}
