//! What operators look for in the log: a session's events, a card's, a portal's, page by page, and
//! numbers by day and by code. Never by anybody's name, and never over all.
//!
//! Ids sort by time: a cursor is the id before which a page goes on. Each statement has an index
//! that it goes by, and each answer a bound.

use time::OffsetDateTime;

use super::{EventRecord, read};
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
    let rows = sql::query(select!("sub = $1 AND id < $2 ORDER BY id DESC LIMIT $3"))
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
    let rows = sql::query(select!(
        "session_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
    ))
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
    let rows = sql::query(select!(
        "client_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
    ))
    .bind(client_id)
    .bind(before_id)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Lists up to `count_max` of a person's events that are about one card of hers, before a cursor,
/// the newest first: what names the card, and what happened in its sessions, which the logins name
/// when the sessions' rows have gone.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_card(
    transaction: &mut Transaction,
    (sub, card_id): (&str, &str),
    before_id: &str,
    count_max: u32,
) -> Result<Vec<EventRecord>, Error> {
    // A card's name is base64url, whose one wildcard stands for one character.
    let named = format!("%\"card\":\"{card_id}\"%");
    let rows = sql::query(select!(
        "sub = $1 AND id < $2
         AND (details LIKE $3 OR session_id IN
                 (SELECT session.id FROM session
                  WHERE session.sub = $1 AND session.card_id = $4
                  UNION SELECT login.session_id FROM event AS login
                  WHERE login.sub = $1 AND login.session_id IS NOT NULL
                  AND login.kind IN ('login.accepted', 'card_grant.accepted',
                                     'agentless_login.accepted')
                  AND login.details LIKE $3))
         ORDER BY id DESC LIMIT $5"
    ))
    .bind(sub)
    .bind(before_id)
    .bind(named)
    .bind(card_id)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Counts accepted logins since a moment, by days in UTC: each day's number since 1970, and how
/// many. A day without any is not there.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_logins_by_day(
    transaction: &mut Transaction,
    since: OffsetDateTime,
) -> Result<Vec<(i64, i64)>, Error> {
    let rows = sql::query(
        "SELECT occurred_at / 86400 AS day, COUNT(*) AS logins FROM event
         WHERE kind IN ('login.accepted', 'card_grant.accepted', 'agentless_login.accepted')
         AND occurred_at >= $1
         GROUP BY occurred_at / 86400 ORDER BY occurred_at / 86400",
    )
    .bind(since.unix_timestamp())
    .fetch_all(transaction.connection())
    .await?;
    let pair = |row: &Row| Ok((row.try_get("day")?, row.try_get("logins")?));
    rows.iter().map(pair).collect()
}

/// Counts refused logins since a moment by their codes, the most frequent first, up to a bound.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_refusals_by_code(
    transaction: &mut Transaction,
    since: OffsetDateTime,
) -> Result<Vec<(String, i64)>, Error> {
    let rows = sql::query(
        "SELECT code, COUNT(*) AS refusals FROM event
         WHERE kind IN ('login.refused', 'card_grant.refused', 'agent_instance.refused')
         AND occurred_at >= $1 AND code IS NOT NULL
         GROUP BY code ORDER BY COUNT(*) DESC, code LIMIT $2",
    )
    .bind(since.unix_timestamp())
    .bind(CODES_MAX)
    .fetch_all(transaction.connection())
    .await?;
    let pair = |row: &Row| Ok((row.try_get("code")?, row.try_get("refusals")?));
    rows.iter().map(pair).collect()
}

/// Counts what guards have answered since a moment, by days in UTC: each day's number since 1970,
/// the word of the answer, and how often. One answer in several parts is one.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_answers_by_day(
    transaction: &mut Transaction,
    since: OffsetDateTime,
) -> Result<Vec<(i64, String, i64)>, Error> {
    let rows = sql::query(
        "SELECT occurred_at / 86400000 AS day, answer, COUNT(*) AS answers FROM guard_report
         WHERE occurred_at >= $1 AND (part IS NULL OR part = 1)
         GROUP BY occurred_at / 86400000, answer ORDER BY occurred_at / 86400000, answer",
    )
    .bind(since.unix_timestamp().saturating_mul(1_000))
    .fetch_all(transaction.connection())
    .await?;
    let triple = |row: &Row| {
        Ok((
            row.try_get("day")?,
            row.try_get("answer")?,
            row.try_get("answers")?,
        ))
    };
    rows.iter().map(triple).collect()
}

/// Why a guard has last not let a person through at once, as JSON; none where it always did.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_newest_reasons(
    transaction: &mut Transaction,
    sub: &str,
) -> Result<Option<String>, Error> {
    let row = sql::query(
        "SELECT reasons FROM guard_report WHERE sub = $1 AND answer <> 'allow'
         ORDER BY occurred_at DESC LIMIT 1",
    )
    .bind(sub)
    .fetch_optional(transaction.connection())
    .await?;
    row.map(|row| row.try_get("reasons")).transpose()
}
