//! Telling guards which accounts of their services are stopped, and which no longer.
//!
//! A row names the stop; what is told of it is read from there. It stays until the stream
//! acknowledges it or is forgotten: a stop does not end with a token.

use time::{Duration, OffsetDateTime};

use super::stream::{self, Stream};
use super::{Kind, next_sequence, next_sequence_above, publish};
use crate::account_stop::{self, AccountStop};
use crate::sql::{self, Row};
use crate::{Error, SecretDigest, Transaction, timestamp};

/// Stops, and lifts, at one API that a stream is told when it begins.
const TOLD_ANEW_MAX: u32 = 10_000;
/// So old a lift is told yet to a stream that begins: a guard may have kept the stop over its
/// restart.
pub const LIFTS_TOLD_FOR: Duration = Duration::days(30);
/// Longer than any stream lives without acknowledging anything.
const KEPT: Duration = Duration::days(3650);
const STOPPED: &str = "guard_stopped";
const LIFTED: &str = "stop_lifted";

/// What an event says of a stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldStop {
    /// The stop.
    pub id: String,
    /// Its number among those of the account.
    pub sequence: i64,
    /// The account, as it is called in the tokens.
    pub subject: String,
    /// The service, in the guard's words.
    pub service: String,
    /// Why, as JSON.
    pub reasons: String,
    /// When its guard refused, by its clock, in milliseconds, as long as its report is kept.
    pub acted_at_ms: Option<i64>,
    /// Since when.
    pub stopped_at: OffsetDateTime,
    /// When it was lifted.
    pub lifted_at: Option<OffsetDateTime>,
}

/// The resource servers that each guard is which listens.
pub(crate) async fn guards_resources(
    transaction: &mut Transaction,
) -> Result<Vec<Vec<String>>, Error> {
    let guards = stream::list_of_guards(transaction).await?;
    Ok(guards.into_iter().map(|it| it.resources).collect())
}

/// Has the guards of its service told that an account is stopped.
pub(crate) async fn tell_stop(
    transaction: &mut Transaction,
    stop: &AccountStop,
    now: OffsetDateTime,
) -> Result<(), Error> {
    tell(transaction, stop, Kind::AccountStopped, now).await
}

/// Has the guards of its service told that a stop is lifted: after the stop itself, whatever the
/// nodes' clocks say.
pub(crate) async fn tell_lift(
    transaction: &mut Transaction,
    stop: &AccountStop,
    now: OffsetDateTime,
) -> Result<(), Error> {
    tell(transaction, stop, Kind::AccountStopLifted, now).await
}

async fn tell(
    transaction: &mut Transaction,
    stop: &AccountStop,
    kind: Kind,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let mut any = false;
    for listener in stream::list_of_guards(transaction).await? {
        if stop.is_at(&listener.resources) {
            any = true;
            insert(transaction, &listener.id, stop, kind, now).await?;
        }
    }
    if any {
        transaction.after_commit(publish);
    }
    Ok(())
}

/// Has a guard's stream that begins told of what holds, and of what was lifted lately.
pub(super) async fn tell_standing(
    transaction: &mut Transaction,
    stream: &Stream,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let since = now - LIFTS_TOLD_FOR;
    let own = stream.resources.as_slice();
    let lifted = account_stop::list_lifted_since(transaction, own, since, TOLD_ANEW_MAX).await?;
    let open = account_stop::list_open_at(transaction, own, TOLD_ANEW_MAX).await?;
    for (stops, kind) in [
        (lifted, Kind::AccountStopLifted),
        (open, Kind::AccountStopped),
    ] {
        for stop in &stops {
            insert(transaction, &stream.id, stop, kind, now).await?;
        }
    }
    Ok(())
}

async fn insert(
    transaction: &mut Transaction,
    stream_id: &str,
    stop: &AccountStop,
    kind: Kind,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let word = kind.as_str();
    let jti = SecretDigest::of(&format!("{stream_id} {word} {}", stop.id));
    let (sequence, reason) = match kind {
        Kind::AccountStopLifted => {
            let earlier = find_sequence(transaction, stream_id, &stop.id).await?;
            (next_sequence_above(now, earlier), LIFTED)
        }
        _ => (next_sequence(now), STOPPED),
    };
    sql::query(
        "INSERT INTO security_event (jti, stream_id, sequence, kind, client_id, stop_id, reason,
                                     occurred_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (jti) DO NOTHING",
    )
    .bind(jti.as_str())
    .bind(stream_id)
    .bind(sequence)
    .bind(word)
    .bind(stop.client_id.as_str())
    .bind(stop.id.as_str())
    .bind(reason)
    .bind(now.unix_timestamp())
    .bind((now + KEPT).unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// The highest number of what waits for a stream about a stop.
async fn find_sequence(
    transaction: &mut Transaction,
    stream_id: &str,
    stop_id: &str,
) -> Result<i64, Error> {
    let row = sql::query(
        "SELECT MAX(sequence) AS sequence FROM security_event
         WHERE stream_id = $1 AND stop_id = $2",
    )
    .bind(stream_id)
    .bind(stop_id)
    .fetch_one(transaction.connection())
    .await?;
    let sequence: Option<i64> = row.try_get("sequence")?;
    Ok(sequence.unwrap_or_default())
}

/// Reads what a row of `list_pending` has of a stop.
pub(super) fn read(row: &Row) -> Result<Option<ToldStop>, Error> {
    let Some(id) = row.try_get("stop_id")? else {
        return Ok(None);
    };
    Ok(Some(ToldStop {
        id,
        sequence: row.try_get("stop_sequence")?,
        subject: row.try_get("stop_subject")?,
        service: row.try_get("stop_service")?,
        reasons: row.try_get("stop_reasons")?,
        acted_at_ms: row.try_get("acted_at_ms")?,
        stopped_at: timestamp::required(row, "stopped_at")?,
        lifted_at: timestamp::optional(row, "lifted_at")?,
    }))
}
