//! Security events that are pushed to their receivers (RFC 8935), instead of being fetched.
//!
//! A receiver has one stream for it, among those of [`crate::security_event`] and under a name that
//! no poll can ask for. Its events wait there until the receiver has acknowledged them, has refused
//! them, or they are given up. Such a stream hears of its client's own sessions and tokens beside
//! those of the resource servers that the client is.

use std::collections::HashMap;

use time::{Duration, OffsetDateTime};

use crate::security_event::{
    Cause, Key, SecurityEvent, Told, insert, publish, read, select_events,
};
use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// The name of a receiver's pushed stream.
pub const STREAM_NAME: &str = "*push";
/// How long behind the expiry of its last token an event is tried.
pub(crate) const TRIED_BEHIND_EXPIRY: Duration = Duration::minutes(10);
/// How long a row outlives that, so that it is not swept before its end is on record.
pub(crate) const KEPT_BEHIND_TRIES: Duration = Duration::hours(1);

/// A receiver's pushed stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushStream {
    /// Random.
    pub id: String,
    /// The receiver.
    pub client_id: String,
    /// The resource servers that the receiver is; an empty text stands for tokens without any.
    pub resources: Vec<String>,
}

/// An event that was taken to be pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedEvent {
    /// What to tell.
    pub event: SecurityEvent,
    /// The stream that it is of.
    pub stream_id: String,
    /// Tries so far, this one included.
    pub attempts: i64,
    /// When it is given up.
    pub give_up_at: OffsetDateTime,
}

/// An event that is to be given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatePush {
    /// The event's id.
    pub jti: String,
    /// The stream that it is of.
    pub stream_id: String,
    /// The receiver.
    pub client_id: String,
    /// Tries.
    pub attempts: i64,
}

/// What waits to be pushed, to all receivers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaitingPushes {
    /// Events that no receiver has taken or refused.
    pub events: i64,
    /// When the oldest of them happened.
    pub oldest_at: Option<OffsetDateTime>,
}

/// Counts what waits to be pushed.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn count_waiting(transaction: &mut Transaction) -> Result<WaitingPushes, Error> {
    let row = sql::query(
        "SELECT COUNT(*) AS events, MIN(event.occurred_at) AS oldest_at
         FROM security_event_stream AS stream
         JOIN security_event AS event ON event.stream_id = stream.id
         WHERE stream.is_push = 1",
    )
    .fetch_one(transaction.connection())
    .await?;
    Ok(WaitingPushes {
        events: row.try_get("events")?,
        oldest_at: timestamp::optional(&row, "oldest_at")?,
    })
}

/// Lists the pushed streams; they are few.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_streams(transaction: &mut Transaction) -> Result<Vec<PushStream>, Error> {
    let rows = sql::query(
        "SELECT id, client_id, resources FROM security_event_stream WHERE is_push = 1 ORDER BY id",
    )
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read_stream).collect()
}

/// Begins a receiver's stream, or has the one that there is hear of these resource servers. Events
/// that wait go on waiting. True where it begins.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn begin_stream(
    transaction: &mut Transaction,
    stream: &PushStream,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let resources = serde_json::to_string(&stream.resources).map_err(|_| Error::Corrupt {
        column: "security_event_stream.resources".to_owned(),
    })?;
    let row = sql::query(
        "INSERT INTO security_event_stream
             (id, client_id, name, resources, begun_at, polled_at, sequence, hears_stops, is_push)
         VALUES ($1, $2, $3, $4, $5, $5, 0, 0, 1)
         ON CONFLICT (client_id, name) DO UPDATE
         SET resources = excluded.resources, polled_at = excluded.polled_at
         RETURNING id",
    )
    .bind(stream.id.as_str())
    .bind(stream.client_id.as_str())
    .bind(STREAM_NAME)
    .bind(resources)
    .bind(now.unix_timestamp())
    .fetch_one(transaction.connection())
    .await?;
    let id: String = row.try_get("id")?;
    Ok(id == stream.id)
}

/// Has the pushed streams of a session's clients told that it is over, whether or not a token of
/// theirs lives: what a portal keeps is a session of its own. `clients` are each client with its
/// own session id. Where a stream was told because of a token, it is not told twice.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn tell_session_over(
    transaction: &mut Transaction,
    clients: &[(&str, &str)],
    reason: &str,
    (now, tokens_end): (OffsetDateTime, OffsetDateTime),
) -> Result<(), Error> {
    if clients.is_empty() {
        return Ok(());
    }
    let mut any = false;
    for stream in list_streams(transaction).await? {
        let own = clients.iter().filter(|it| it.0 == stream.client_id);
        for (client_id, sid) in own {
            any = true;
            let key = Key {
                stream_id: stream.id.clone(),
                subject: (*sid).to_owned(),
                is_session: true,
            };
            let told = Told {
                client_id: (*client_id).to_owned(),
                sid: Some((*sid).to_owned()),
                expires_at: tokens_end,
                is_push: true,
            };
            insert(transaction, &key, &told, Cause::SessionOver(reason), now).await?;
        }
    }
    if any {
        transaction.after_commit(publish);
    }
    Ok(())
}

/// Lists the pushed streams with an event that is due, always in one order: nodes that take the
/// same rows in it wait for each other instead of locking each other out.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_due_streams(
    transaction: &mut Transaction,
    now: OffsetDateTime,
) -> Result<Vec<PushStream>, Error> {
    let rows = sql::query(
        "SELECT id, client_id, resources FROM security_event_stream AS stream
         WHERE is_push = 1 AND EXISTS
             (SELECT 1 FROM security_event AS event
              WHERE event.stream_id = stream.id AND event.due_at <= $1)
         ORDER BY id",
    )
    .bind(now.unix_timestamp())
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read_stream).collect()
}

/// Takes up to `count_max` due events of a stream until `lease`: of two nodes that ask at once, one
/// gets each, and a node that dies loses it to the other when the lease is over.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn take_due(
    transaction: &mut Transaction,
    stream_id: &str,
    (now, lease): (OffsetDateTime, OffsetDateTime),
    count_max: u32,
) -> Result<Vec<PushedEvent>, Error> {
    let rows = sql::query(
        "UPDATE security_event SET due_at = $3, attempts = attempts + 1
         WHERE due_at <= $2 AND jti IN
             (SELECT jti FROM security_event WHERE stream_id = $1 AND due_at <= $2
              ORDER BY due_at, sequence LIMIT $4)
         RETURNING jti, attempts, COALESCE(give_up_at, expires_at) AS give_up_at",
    )
    .bind(stream_id)
    .bind(now.unix_timestamp())
    .bind(lease.unix_timestamp())
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    let mut taken: HashMap<String, (i64, OffsetDateTime)> = HashMap::new();
    for row in &rows {
        let terms = (
            row.try_get("attempts")?,
            timestamp::required(row, "give_up_at")?,
        );
        taken.insert(row.try_get("jti")?, terms);
    }
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    // Of the same moment may be others, which are taken already; they are some places more.
    let rows = sql::query(select_events!(
        "WHERE event.stream_id = $1 AND event.due_at = $2 ORDER BY event.sequence"
    ))
    .bind(stream_id)
    .bind(lease.unix_timestamp())
    .fetch_all(transaction.connection())
    .await?;
    let mut events = Vec::new();
    for row in &rows {
        let event = read(row)?;
        if let Some((attempts, give_up_at)) = taken.remove(&event.jti) {
            events.push(PushedEvent {
                event,
                stream_id: stream_id.to_owned(),
                attempts,
                give_up_at,
            });
        }
    }
    Ok(events)
}

/// Puts an event off. `attempts` names the try that failed: another node's later one stays.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn put_off(
    transaction: &mut Transaction,
    jti: &str,
    attempts: i64,
    due_at: OffsetDateTime,
) -> Result<bool, Error> {
    let updated =
        sql::query("UPDATE security_event SET due_at = $3 WHERE jti = $1 AND attempts = $2")
            .bind(jti)
            .bind(attempts)
            .bind(due_at.unix_timestamp())
            .execute(transaction.connection())
            .await?;
    Ok(updated.rows_affected() == 1)
}

/// Lists up to `count_max` events that nobody has now and whose time is over.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_late(
    transaction: &mut Transaction,
    now: OffsetDateTime,
    count_max: u32,
) -> Result<Vec<LatePush>, Error> {
    let rows = sql::query(
        "SELECT event.jti AS jti, event.stream_id AS stream_id, stream.client_id AS client_id,
                event.attempts AS attempts
         FROM security_event_stream AS stream
         JOIN security_event AS event ON event.stream_id = stream.id
         WHERE stream.is_push = 1 AND event.due_at <= $1
           AND COALESCE(event.give_up_at, event.expires_at) <= $1
         ORDER BY event.jti LIMIT $2",
    )
    .bind(now.unix_timestamp())
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read_late).collect()
}

/// Drops the oldest events of a stream beyond the newest `kept`, and says how many.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn drop_oldest(
    transaction: &mut Transaction,
    stream_id: &str,
    kept: u32,
) -> Result<u64, Error> {
    let dropped = sql::query(
        "DELETE FROM security_event WHERE stream_id = $1 AND sequence <=
             (SELECT sequence FROM security_event WHERE stream_id = $1
              ORDER BY sequence DESC LIMIT 1 OFFSET $2)",
    )
    .bind(stream_id)
    .bind(i64::from(kept))
    .execute(transaction.connection())
    .await?;
    Ok(dropped.rows_affected())
}

fn read_stream(row: &Row) -> Result<PushStream, Error> {
    let resources: String = row.try_get("resources")?;
    Ok(PushStream {
        id: row.try_get("id")?,
        client_id: row.try_get("client_id")?,
        resources: serde_json::from_str(&resources).map_err(|_| Error::Corrupt {
            column: "security_event_stream.resources".to_owned(),
        })?,
    })
}

fn read_late(row: &Row) -> Result<LatePush, Error> {
    Ok(LatePush {
        jti: row.try_get("jti")?,
        stream_id: row.try_get("stream_id")?,
        client_id: row.try_get("client_id")?,
        attempts: row.try_get("attempts")?,
    })
}
