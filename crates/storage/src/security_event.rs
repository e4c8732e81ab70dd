//! What resource servers are to be told: sessions and tokens that ended before their time.
//!
//! `tell` is called where tokens are taken back, and nowhere else, in that transaction: whatever
//! ends a session or a token ends its rows there (`access_grant.rs`, and `client.rs` for a client
//! that is taken out). A row stands for one stream and goes when the stream acknowledges it. What
//! guards are told beside has files of its own here.

mod fresh_signature;
mod stops;
mod stream;

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};

use time::{Duration, OffsetDateTime};
use tokio::sync::watch;

use crate::event_push::{KEPT_BEHIND_TRIES, TRIED_BEHIND_EXPIRY};
use crate::sql::{self, Query, Row};
use crate::{Error, SecretDigest, Transaction, timestamp};

pub use fresh_signature::tell_fresh_signature;
pub use stops::{LIFTS_TOLD_FOR, ToldStop};
pub(crate) use stops::{guards_resources, tell_lift, tell_stop};
pub(crate) use stream::forget_all;
pub use stream::{
    Backlog, Stream, acknowledge, backlog, backlog_of_all, begin, count_streams, find,
    forget_longest_unused, note_poll,
};

/// How long after its last token's expiry an event is kept: clocks of resource servers differ, and
/// a receiver that was away for a moment is told yet.
const KEPT_BEHIND_EXPIRY: Duration = Duration::seconds(60);

/// How many times events became durable. All stores of this process: a waiting poll that is woken
/// for another store's sake looks once for nothing.
static PUBLISHED: LazyLock<watch::Sender<u64>> = LazyLock::new(watch::Sender::default);

/// The last number that was given out here.
static SEQUENCE: AtomicI64 = AtomicI64::new(0);

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A session is over, and no token with its `sid` is good any more.
    SessionRevoked,
    /// One token was taken back.
    TokenRevoked,
    /// A session goes on at another level.
    AssuranceLevelChange,
    /// A guard has stopped an account at a service.
    AccountStopped,
    /// An operator has lifted that.
    AccountStopLifted,
}

/// One event that a stream has not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityEvent {
    /// Its id, the same each time it is told.
    pub jti: String,
    /// Rises from event to event; two nodes at once may differ by what their clocks do.
    pub sequence: i64,
    /// What happened.
    pub kind: Kind,
    /// The client that held the tokens.
    pub client_id: String,
    /// That client's session id; none for a service's own token.
    pub sid: Option<String>,
    /// The token, where it is about one alone.
    pub token_jti: Option<String>,
    /// The stable word of why.
    pub reason: String,
    /// When.
    pub occurred_at: OffsetDateTime,
    /// The person, as we call her; none for a service's own token, or where the session is gone.
    pub sub: Option<String>,
    /// The stop of an account that it is about.
    pub stop: Option<ToldStop>,
    /// Stands for what happened, the same in every stream that tells of it.
    pub txn: Option<String>,
    /// When the guard refused what a fresh signature was asked for, by its clock, in milliseconds.
    pub asked_at_ms: Option<i64>,
}

/// A token that was just taken back.
#[derive(Clone, Debug)]
struct TakenBack {
    jti: String,
    sid: Option<String>,
    client_id: String,
    audience: String,
    expires_at: OffsetDateTime,
}

/// Why tokens are taken back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cause<'a> {
    /// Their session is over, for this reason.
    SessionOver(&'a str),
    /// For themselves.
    Alone(&'a str),
}

fn read_taken(row: &Row) -> Result<TakenBack, Error> {
    Ok(TakenBack {
        jti: row.try_get("jti")?,
        sid: row.try_get("sid")?,
        client_id: row.try_get("client_id")?,
        audience: row.try_get("audience")?,
        expires_at: timestamp::required(row, "expires_at")?,
    })
}

/// Carries out a statement that takes tokens back, has the streams told that hear of them, and says
/// how many it took. It returns `jti, sid, client_id, audience, expires_at`.
pub(crate) async fn take_back(
    transaction: &mut Transaction,
    statement: Query<'_>,
    cause: Cause<'_>,
    now: OffsetDateTime,
) -> Result<u64, Error> {
    let rows = statement.fetch_all(transaction.connection()).await?;
    let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    // The same margin as behind the expiry: a resource server's clock may be late.
    let may_live = |it: &Result<TakenBack, Error>| {
        it.as_ref()
            .map_or(true, |it| now < it.expires_at + KEPT_BEHIND_EXPIRY)
    };
    let taken: Result<Vec<_>, _> = rows.iter().map(read_taken).filter(may_live).collect();
    tell(transaction, &taken?, cause, now).await?;
    Ok(count)
}

/// Has each stream told that tokens ended which were made for its resource server.
async fn tell(
    transaction: &mut Transaction,
    taken: &[TakenBack],
    cause: Cause<'_>,
    now: OffsetDateTime,
) -> Result<(), Error> {
    if taken.is_empty() {
        return Ok(());
    }
    let streams = stream::list(transaction).await?;
    if streams.is_empty() {
        return Ok(());
    }
    let mut any = false;
    for (key, told) in what_to_tell(taken, &streams, cause)? {
        any = true;
        insert(transaction, &key, &told, cause, now).await?;
    }
    if any {
        transaction.after_commit(publish);
    }
    Ok(())
}

/// One event of one stream: of a session, or of a token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) stream_id: String,
    /// `sid` where a session is over, else the token's `jti`.
    pub(crate) subject: String,
    pub(crate) is_session: bool,
}

pub(crate) struct Told {
    pub(crate) client_id: String,
    pub(crate) sid: Option<String>,
    /// When the last token that it is about expires.
    pub(crate) expires_at: OffsetDateTime,
    /// Whether the stream is pushed.
    pub(crate) is_push: bool,
}

fn what_to_tell(
    taken: &[TakenBack],
    streams: &[stream::Listener],
    cause: Cause<'_>,
) -> Result<BTreeMap<Key, Told>, Error> {
    let mut told: BTreeMap<Key, Told> = BTreeMap::new();
    for token in taken {
        let audience: Vec<String> = read_list(&token.audience, "access_grant.audience")?;
        let hears = |it: &&stream::Listener| it.hears_of(&token.client_id, &audience);
        for listener in streams.iter().filter(hears) {
            let of_session = token
                .sid
                .clone()
                .filter(|_| matches!(cause, Cause::SessionOver(_)));
            let key = Key {
                stream_id: listener.id.clone(),
                is_session: of_session.is_some(),
                subject: of_session.unwrap_or_else(|| token.jti.clone()),
            };
            let entry = told.entry(key).or_insert_with(|| Told {
                client_id: token.client_id.clone(),
                sid: token.sid.clone(),
                expires_at: token.expires_at,
                is_push: listener.own_client.is_some(),
            });
            entry.expires_at = entry.expires_at.max(token.expires_at);
        }
    }
    Ok(told)
}

pub(crate) async fn insert(
    transaction: &mut Transaction,
    key: &Key,
    told: &Told,
    cause: Cause<'_>,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let (Cause::SessionOver(reason) | Cause::Alone(reason)) = cause;
    let kind = match key.is_session {
        true => Kind::SessionRevoked,
        false => Kind::TokenRevoked,
    };
    let give_up_at = told.expires_at + TRIED_BEHIND_EXPIRY;
    let (kept_until, give_up_at) = match told.is_push {
        true => (give_up_at + KEPT_BEHIND_TRIES, Some(give_up_at)),
        false => (told.expires_at + KEPT_BEHIND_EXPIRY, None),
    };
    // The same event has the same id, whoever writes it a second time.
    let jti = SecretDigest::of(&format!(
        "{} {} {}",
        key.stream_id,
        kind.as_str(),
        key.subject
    ));
    sql::query(
        "INSERT INTO security_event (jti, stream_id, sequence, kind, client_id, sid, token_jti,
                                     reason, occurred_at, expires_at, give_up_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (jti) DO NOTHING",
    )
    .bind(jti.as_str())
    .bind(key.stream_id.as_str())
    .bind(next_sequence(now))
    .bind(kind.as_str())
    .bind(told.client_id.as_str())
    .bind(told.sid.as_deref())
    .bind((!key.is_session).then_some(key.subject.as_str()))
    .bind(reason)
    .bind(now.unix_timestamp())
    .bind(kept_until.unix_timestamp())
    .bind(give_up_at.map(OffsetDateTime::unix_timestamp))
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// A statement that reads events, each with what is told of it.
macro_rules! select_events {
    ($rest:literal) => {
        concat!(
            "SELECT event.jti AS jti, event.sequence AS sequence, event.kind AS kind,
                    event.client_id AS client_id, event.sid AS sid, event.token_jti AS token_jti,
                    event.reason AS reason, event.occurred_at AS occurred_at, session.sub AS sub,
                event.txn AS txn, event.asked_at_ms AS asked_at_ms,
                    stop.id AS stop_id, stop.sequence AS stop_sequence,
                    stop.subject AS stop_subject, stop.service AS stop_service,
                    stop.reasons AS stop_reasons, stop.stopped_at AS stopped_at,
                    stop.lifted_at AS lifted_at, report.occurred_at AS acted_at_ms
             FROM security_event AS event
             LEFT JOIN client_session AS part ON part.sid = event.sid
             LEFT JOIN session ON session.id = part.session_id
             LEFT JOIN account_stop AS stop ON stop.id = event.stop_id
             LEFT JOIN guard_report AS report ON report.id = stop.report_id ",
            $rest
        )
    };
}
pub(crate) use select_events;

/// Lists up to `count_max` events of a stream that it has not acknowledged, oldest first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_pending(
    transaction: &mut Transaction,
    stream_id: &str,
    count_max: u32,
) -> Result<Vec<SecurityEvent>, Error> {
    let rows = sql::query(select_events!(
        "WHERE event.stream_id = $1 ORDER BY event.sequence LIMIT $2"
    ))
    .bind(stream_id)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Wakes whoever waits for events: some are durable, here or at another node.
pub fn publish() {
    PUBLISHED.send_modify(|count| *count = count.wrapping_add(1));
}

/// Changes each time events have become durable in this process.
#[must_use]
pub fn published() -> watch::Receiver<u64> {
    PUBLISHED.subscribe()
}

/// Microseconds, and always more than the last: no lock is held over the end of a session to count
/// by ones.
fn next_sequence(now: OffsetDateTime) -> i64 {
    next_sequence_above(now, 0)
}

/// The same, and more than another one, which another node may have given out.
pub(crate) fn next_sequence_above(now: OffsetDateTime, floor: i64) -> i64 {
    let micros = i64::try_from(now.unix_timestamp_nanos() / 1_000).unwrap_or_default();
    let micros = micros.max(floor.saturating_add(1));
    let next = |last: i64| Some(micros.max(last.saturating_add(1)));
    let last = SEQUENCE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    micros.max(last.unwrap_or_default().saturating_add(1))
}

fn read_list(json: &str, column: &str) -> Result<Vec<String>, Error> {
    serde_json::from_str(json).map_err(|_| Error::Corrupt {
        column: column.to_owned(),
    })
}

impl Kind {
    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SessionRevoked => "session_revoked",
            Self::TokenRevoked => "token_revoked",
            Self::AssuranceLevelChange => "assurance_level_change",
            Self::AccountStopped => "account_stopped",
            Self::AccountStopLifted => "account_stop_lifted",
        }
    }

    fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "session_revoked" => Ok(Self::SessionRevoked),
            "token_revoked" => Ok(Self::TokenRevoked),
            "assurance_level_change" => Ok(Self::AssuranceLevelChange),
            "account_stopped" => Ok(Self::AccountStopped),
            "account_stop_lifted" => Ok(Self::AccountStopLifted),
            _ => Err(Error::Corrupt {
                column: "security_event.kind".to_owned(),
            }),
        }
    }
}

pub(crate) fn read(row: &Row) -> Result<SecurityEvent, Error> {
    Ok(SecurityEvent {
        jti: row.try_get("jti")?,
        sequence: row.try_get("sequence")?,
        kind: Kind::parse(row.try_get("kind")?)?,
        client_id: row.try_get("client_id")?,
        sid: row.try_get("sid")?,
        token_jti: row.try_get("token_jti")?,
        reason: row.try_get("reason")?,
        occurred_at: timestamp::required(row, "occurred_at")?,
        sub: row.try_get("sub")?,
        stop: stops::read(row)?,
        txn: row.try_get("txn")?,
        asked_at_ms: row.try_get("asked_at_ms")?,
    })
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::next_sequence;

    #[test]
    fn numbers_rise_though_the_clock_stands_still_or_goes_back() {
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000);
        let earlier = now - time::Duration::hours(1);
        let numbers = [now, now, earlier, now, earlier].map(next_sequence);
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    }
}
