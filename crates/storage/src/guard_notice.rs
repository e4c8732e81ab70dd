//! What a person is told of guards' stops, until she says that she has seen it.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// Notices of one person that are listed; a guard stops an account after its third session.
const OF_PERSON_MAX: i64 = 20;

/// A session or an account of hers was stopped by a guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardNotice {
    /// The id of the report that it came with.
    pub id: String,
    /// The person, as we call her.
    pub sub: String,
    /// The session that ended, or in which the account was stopped.
    pub session_id: String,
    /// The client whose tokens it was.
    pub client_id: String,
    /// The service, in the guard's words.
    pub service: String,
    /// The stop of the account; none where the session alone was ended.
    pub stop_id: Option<String>,
    /// When.
    pub occurred_at: OffsetDateTime,
}

/// A notice, with what has become of its stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntoldNotice {
    /// The notice.
    pub notice: GuardNotice,
    /// When an operator lifted the stop.
    pub lifted_at: Option<OffsetDateTime>,
    /// Why, as JSON, as long as the report is on record.
    pub reasons: Option<String>,
}

/// Stores a notice; the same report brings one.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn insert(transaction: &mut Transaction, notice: &GuardNotice) -> Result<(), Error> {
    sql::query(
        "INSERT INTO guard_notice (id, sub, session_id, client_id, service, stop_id, occurred_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
    )
    .bind(notice.id.as_str())
    .bind(notice.sub.as_str())
    .bind(notice.session_id.as_str())
    .bind(notice.client_id.as_str())
    .bind(notice.service.as_str())
    .bind(notice.stop_id.as_deref())
    .bind(notice.occurred_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// Lists what a person has not said that she has seen, the newest first.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_untold(
    transaction: &mut Transaction,
    sub: &str,
) -> Result<Vec<UntoldNotice>, Error> {
    let rows = sql::query(
        "SELECT notice.id AS id, notice.sub AS sub, notice.session_id AS session_id,
                notice.client_id AS client_id, notice.service AS service,
                notice.stop_id AS stop_id, notice.occurred_at AS occurred_at,
                stop.lifted_at AS lifted_at, report.reasons AS reasons
         FROM guard_notice AS notice
         LEFT JOIN account_stop AS stop ON stop.id = notice.stop_id
         LEFT JOIN guard_report AS report ON report.id = notice.id
         WHERE notice.sub = $1 AND notice.told_at IS NULL
         ORDER BY notice.occurred_at DESC, notice.id LIMIT $2",
    )
    .bind(sub)
    .bind(OF_PERSON_MAX)
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read).collect()
}

/// Notes that a person has seen a notice of hers, and says whether that is news.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn record_told(
    transaction: &mut Transaction,
    sub: &str,
    id: &str,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let done = sql::query(
        "UPDATE guard_notice SET told_at = $3 WHERE id = $1 AND sub = $2 AND told_at IS NULL",
    )
    .bind(id)
    .bind(sub)
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

fn read(row: &Row) -> Result<UntoldNotice, Error> {
    Ok(UntoldNotice {
        notice: GuardNotice {
            id: row.try_get("id")?,
            sub: row.try_get("sub")?,
            session_id: row.try_get("session_id")?,
            client_id: row.try_get("client_id")?,
            service: row.try_get("service")?,
            stop_id: row.try_get("stop_id")?,
            occurred_at: timestamp::required(row, "occurred_at")?,
        },
        lifted_at: timestamp::optional(row, "lifted_at")?,
        reasons: row.try_get("reasons")?,
    })
}
