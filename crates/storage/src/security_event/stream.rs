//! Streams: who is told, and what each has acknowledged.

use time::OffsetDateTime;

use super::read_list;
use super::stops::tell_standing;
use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// One listener of a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Random.
    pub id: String,
    /// The receiver.
    pub client_id: String,
    /// The receiver's own name for it.
    pub name: String,
    /// The resource servers that the receiver is; an empty text stands for tokens without any.
    pub resources: Vec<String>,
    /// From when on it is whole.
    pub begun_at: OffsetDateTime,
    /// When it was asked for last, as far as that is noted.
    pub polled_at: OffsetDateTime,
    /// The highest number that was acknowledged.
    pub sequence: i64,
    /// Whether the receiver is a guard, which hears of stopped accounts.
    pub hears_stops: bool,
}

/// A stream as the end of a token asks for it.
pub(super) struct Listener {
    pub(super) id: String,
    pub(super) resources: Vec<String>,
    /// Whose stream it is, where it is pushed: it hears of that client's own tokens, too.
    pub(super) own_client: Option<String>,
}

impl Listener {
    /// Whether a token was made for this listener's resource server, or is its own.
    pub(super) fn hears_of(&self, client_id: &str, audience: &[String]) -> bool {
        if self.own_client.as_deref() == Some(client_id) {
            return true;
        }
        match audience {
            [] => self.resources.iter().any(String::is_empty),
            named => named.iter().any(|it| self.resources.contains(it)),
        }
    }
}

/// What waits for a receiver's streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Streams.
    pub streams: i64,
    /// Events that are not acknowledged.
    pub events: i64,
    /// When the oldest of them happened.
    pub oldest_at: Option<OffsetDateTime>,
    /// The highest number among them.
    pub sequence: i64,
}

/// Lists the listeners; they are few.
pub(super) async fn list(transaction: &mut Transaction) -> Result<Vec<Listener>, Error> {
    let rows = sql::query(
        "SELECT id, resources, client_id, is_push FROM security_event_stream ORDER BY id",
    )
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read_listener).collect()
}

/// Lists the listeners that are guards.
pub(super) async fn list_of_guards(transaction: &mut Transaction) -> Result<Vec<Listener>, Error> {
    let rows = sql::query(
        "SELECT id, resources, client_id, is_push FROM security_event_stream
         WHERE hears_stops = 1 ORDER BY id",
    )
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read_listener).collect()
}

fn read_listener(row: &Row) -> Result<Listener, Error> {
    let is_push: i64 = row.try_get("is_push")?;
    let client_id: String = row.try_get("client_id")?;
    Ok(Listener {
        id: row.try_get("id")?,
        resources: read_resources(row)?,
        own_client: (is_push != 0).then_some(client_id),
    })
}

/// Lists a receiver's streams; they are few.
pub(super) async fn list_of_client(
    transaction: &mut Transaction,
    client_id: &str,
) -> Result<Vec<String>, Error> {
    let rows = sql::query("SELECT id FROM security_event_stream WHERE client_id = $1 ORDER BY id")
        .bind(client_id)
        .fetch_all(transaction.connection())
        .await?;
    rows.iter().map(|row| row.try_get("id")).collect()
}

/// Finds a receiver's stream by its name.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn find(
    transaction: &mut Transaction,
    client_id: &str,
    name: &str,
) -> Result<Option<Stream>, Error> {
    let row = sql::query(
        "SELECT id, client_id, name, resources, begun_at, polled_at, sequence, hears_stops
         FROM security_event_stream WHERE client_id = $1 AND name = $2",
    )
    .bind(client_id)
    .bind(name)
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read).transpose()
}

/// Begins a stream, or begins it anew: with an id of its own, so that nothing is left of what
/// waited for the old one. A guard's stream is told which accounts are stopped.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn begin(transaction: &mut Transaction, stream: &Stream) -> Result<(), Error> {
    sql::query(
        "DELETE FROM security_event WHERE stream_id IN
             (SELECT id FROM security_event_stream WHERE client_id = $1 AND name = $2)",
    )
    .bind(stream.client_id.as_str())
    .bind(stream.name.as_str())
    .execute(transaction.connection())
    .await?;
    let resources = serde_json::to_string(&stream.resources).map_err(|_| corrupt())?;
    sql::query(
        "INSERT INTO security_event_stream
             (id, client_id, name, resources, begun_at, polled_at, sequence, hears_stops)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (client_id, name) DO UPDATE
         SET id = excluded.id, resources = excluded.resources, begun_at = excluded.begun_at,
             polled_at = excluded.polled_at, sequence = excluded.sequence,
             hears_stops = excluded.hears_stops",
    )
    .bind(stream.id.as_str())
    .bind(stream.client_id.as_str())
    .bind(stream.name.as_str())
    .bind(resources)
    .bind(stream.begun_at.unix_timestamp())
    .bind(stream.polled_at.unix_timestamp())
    .bind(stream.sequence)
    .bind(i64::from(stream.hears_stops))
    .execute(transaction.connection())
    .await?;
    if stream.hears_stops {
        tell_standing(transaction, stream, stream.begun_at).await?;
    }
    Ok(())
}

/// Notes that a stream was asked for.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn note_poll(
    transaction: &mut Transaction,
    stream_id: &str,
    now: OffsetDateTime,
) -> Result<(), Error> {
    sql::query("UPDATE security_event_stream SET polled_at = $2 WHERE id = $1")
        .bind(stream_id)
        .bind(now.unix_timestamp())
        .execute(transaction.connection())
        .await?;
    Ok(())
}

/// Forgets one event that a stream has acknowledged, and says whether it waited; another stream's
/// is none of its business.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn acknowledge(
    transaction: &mut Transaction,
    stream_id: &str,
    jti: &str,
) -> Result<bool, Error> {
    let row = sql::query(
        "DELETE FROM security_event WHERE jti = $2 AND stream_id = $1 RETURNING sequence",
    )
    .bind(stream_id)
    .bind(jti)
    .fetch_optional(transaction.connection())
    .await?;
    let Some(row) = row else {
        return Ok(false);
    };
    let sequence: i64 = row.try_get("sequence")?;
    sql::query("UPDATE security_event_stream SET sequence = $2 WHERE id = $1 AND sequence < $2")
        .bind(stream_id)
        .bind(sequence)
        .execute(transaction.connection())
        .await?;
    Ok(true)
}

/// What waits for one stream.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn backlog(transaction: &mut Transaction, stream_id: &str) -> Result<Backlog, Error> {
    let row = sql::query(
        "SELECT COUNT(*) AS events, MIN(occurred_at) AS oldest_at, MAX(sequence) AS sequence
         FROM security_event WHERE stream_id = $1",
    )
    .bind(stream_id)
    .fetch_one(transaction.connection())
    .await?;
    read_backlog(&row, 1)
}

/// What waits for all streams together, by one look that costs nothing while nothing waits.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn backlog_of_all(transaction: &mut Transaction) -> Result<Backlog, Error> {
    let row = sql::query("SELECT COUNT(*) AS streams FROM security_event_stream")
        .fetch_one(transaction.connection())
        .await?;
    let streams = row.try_get("streams")?;
    let row = sql::query(
        "SELECT COUNT(*) AS events, MIN(occurred_at) AS oldest_at, MAX(sequence) AS sequence
         FROM security_event",
    )
    .fetch_one(transaction.connection())
    .await?;
    read_backlog(&row, streams)
}

/// How many streams a receiver has.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_streams(transaction: &mut Transaction, client_id: &str) -> Result<i64, Error> {
    let row =
        sql::query("SELECT COUNT(*) AS streams FROM security_event_stream WHERE client_id = $1")
            .bind(client_id)
            .fetch_one(transaction.connection())
            .await?;
    row.try_get("streams")
}

/// Forgets the stream of a receiver that was not asked for the longest, if that was before
/// `unused_since`, and says whether there was one.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn forget_longest_unused(
    transaction: &mut Transaction,
    client_id: &str,
    unused_since: OffsetDateTime,
) -> Result<bool, Error> {
    let row = sql::query(
        "DELETE FROM security_event_stream WHERE id IN
             (SELECT id FROM security_event_stream WHERE client_id = $1 AND polled_at < $2
              ORDER BY polled_at LIMIT 1)
         RETURNING id",
    )
    .bind(client_id)
    .bind(unused_since.unix_timestamp())
    .fetch_optional(transaction.connection())
    .await?;
    let Some(row) = row else {
        return Ok(false);
    };
    let id: String = row.try_get("id")?;
    sql::query("DELETE FROM security_event WHERE stream_id = $1")
        .bind(id)
        .execute(transaction.connection())
        .await?;
    Ok(true)
}

/// Forgets every stream: none is whole after a restore.
///
/// # Errors
/// [`Error::Unavailable`].
pub(crate) async fn forget_all(transaction: &mut Transaction) -> Result<(), Error> {
    for statement in [
        "DELETE FROM security_event",
        "DELETE FROM security_event_stream",
    ] {
        sql::query(statement)
            .execute(transaction.connection())
            .await?;
    }
    Ok(())
}

fn read(row: &Row) -> Result<Stream, Error> {
    let hears_stops: i64 = row.try_get("hears_stops")?;
    Ok(Stream {
        id: row.try_get("id")?,
        client_id: row.try_get("client_id")?,
        name: row.try_get("name")?,
        resources: read_resources(row)?,
        begun_at: timestamp::required(row, "begun_at")?,
        polled_at: timestamp::required(row, "polled_at")?,
        sequence: row.try_get("sequence")?,
        hears_stops: hears_stops != 0,
    })
}

fn read_backlog(row: &Row, streams: i64) -> Result<Backlog, Error> {
    let sequence: Option<i64> = row.try_get("sequence")?;
    Ok(Backlog {
        streams,
        events: row.try_get("events")?,
        oldest_at: timestamp::optional(row, "oldest_at")?,
        sequence: sequence.unwrap_or_default(),
    })
}

fn read_resources(row: &Row) -> Result<Vec<String>, Error> {
    let json: String = row.try_get("resources")?;
    read_list(&json, "security_event_stream.resources")
}

fn corrupt() -> Error {
    Error::Corrupt {
        column: "security_event_stream.resources".to_owned(),
    }
}
