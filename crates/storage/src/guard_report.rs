//! What guards reported: every answer once, and the accounts that they stopped.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, SecretDigest, Transaction, timestamp};

/// One answer of a guard, about a session that is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardReport {
    /// [`report_id`] of the guard and its own id of the event.
    pub id: String,
    /// The guard, as a client.
    pub guard_client_id: String,
    /// The person, as we call her; none for a service's own token.
    pub sub: Option<String>,
    /// The session; none for a service's own token.
    pub session_id: Option<String>,
    /// The client that held the token.
    pub client_id: String,
    /// The token.
    pub token_jti: String,
    /// The service, in the guard's words.
    pub service: String,
    /// `look_up` or `write`.
    pub kind: String,
    /// The word of the answer.
    pub answer: String,
    /// Why, as JSON.
    pub reasons: String,
    /// Whether the patient was there.
    pub patient_present: bool,
    /// The pseudonyms, each once.
    pub patients: Vec<String>,
    /// Milliseconds, by the guard's clock.
    pub occurred_at: i64,
    /// When it came here.
    pub received_at: OffsetDateTime,
}

/// An account that may do nothing at a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountStop {
    /// Random.
    pub id: String,
    /// The person, as we call her.
    pub sub: String,
    /// The service, in the guard's words.
    pub service: String,
    /// The guard, as a client.
    pub guard_client_id: String,
    /// The client whose tokens it was.
    pub client_id: String,
    /// The report that it came with.
    pub report_id: String,
    /// Why, as JSON.
    pub reasons: String,
    /// Since when.
    pub stopped_at: OffsetDateTime,
    /// When an operator lifted it.
    pub lifted_at: Option<OffsetDateTime>,
}

/// The id under which a guard's event stands here.
#[must_use]
pub fn report_id(guard_client_id: &str, event_id: &str) -> String {
    // No client id holds a line break.
    SecretDigest::of(&format!("{guard_client_id}\n{event_id}"))
        .as_str()
        .to_owned()
}

/// Stores a report, and says whether it is new: the same event is stored once.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn insert(transaction: &mut Transaction, report: &GuardReport) -> Result<bool, Error> {
    let count = i64::try_from(report.patients.len()).unwrap_or(i64::MAX);
    let done = sql::query(
        "INSERT INTO guard_report
             (id, guard_client_id, sub, session_id, client_id, token_jti, service, kind, answer,
              reasons, patient_present, patients, occurred_at, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(report.id.as_str())
    .bind(report.guard_client_id.as_str())
    .bind(report.sub.as_deref())
    .bind(report.session_id.as_deref())
    .bind(report.client_id.as_str())
    .bind(report.token_jti.as_str())
    .bind(report.service.as_str())
    .bind(report.kind.as_str())
    .bind(report.answer.as_str())
    .bind(report.reasons.as_str())
    .bind(i64::from(report.patient_present))
    .bind(count)
    .bind(report.occurred_at)
    .bind(report.received_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    for patient in &report.patients {
        sql::query(
            "INSERT INTO guard_report_patient (report_id, patient) VALUES ($1, $2)
             ON CONFLICT (report_id, patient) DO NOTHING",
        )
        .bind(report.id.as_str())
        .bind(patient.as_str())
        .execute(transaction.connection())
        .await?;
    }
    Ok(true)
}

/// Lists the patients that a session has looked up, by their pseudonyms; up to `count_max`.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn list_patients_of_session(
    transaction: &mut Transaction,
    session_id: &str,
    count_max: u32,
) -> Result<Vec<String>, Error> {
    let rows = sql::query(
        "SELECT DISTINCT seen.patient AS patient FROM guard_report AS report
         JOIN guard_report_patient AS seen ON seen.report_id = report.id
         WHERE report.session_id = $1 AND report.answer = 'allow'
         ORDER BY seen.patient LIMIT $2",
    )
    .bind(session_id)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(|row| row.try_get("patient")).collect()
}

/// Stops an account at a service. False where it was stopped already.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn stop(transaction: &mut Transaction, stop: &AccountStop) -> Result<bool, Error> {
    let done = sql::query(
        "INSERT INTO account_stop
             (id, sub, service, guard_client_id, client_id, report_id, reasons, stopped_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (sub, service, guard_client_id) WHERE lifted_at IS NULL DO NOTHING",
    )
    .bind(stop.id.as_str())
    .bind(stop.sub.as_str())
    .bind(stop.service.as_str())
    .bind(stop.guard_client_id.as_str())
    .bind(stop.client_id.as_str())
    .bind(stop.report_id.as_str())
    .bind(stop.reasons.as_str())
    .bind(stop.stopped_at.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lifts a stop, and gives it back; none where it is unknown or lifted already.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn lift(
    transaction: &mut Transaction,
    id: &str,
    now: OffsetDateTime,
) -> Result<Option<AccountStop>, Error> {
    let row = sql::query(
        "UPDATE account_stop SET lifted_at = $2 WHERE id = $1 AND lifted_at IS NULL
         RETURNING id, sub, service, guard_client_id, client_id, report_id, reasons, stopped_at,
                   lifted_at",
    )
    .bind(id)
    .bind(now.unix_timestamp())
    .fetch_optional(transaction.connection())
    .await?;
    row.as_ref().map(read_stop).transpose()
}

/// Lists the stops that nobody has lifted, the newest first; up to `count_max`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_stops(
    transaction: &mut Transaction,
    count_max: u32,
) -> Result<Vec<AccountStop>, Error> {
    let rows = sql::query(
        "SELECT id, sub, service, guard_client_id, client_id, report_id, reasons, stopped_at,
                lifted_at
         FROM account_stop WHERE lifted_at IS NULL ORDER BY stopped_at DESC, id LIMIT $1",
    )
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(read_stop).collect()
}

fn read_stop(row: &Row) -> Result<AccountStop, Error> {
    Ok(AccountStop {
        id: row.try_get("id")?,
        sub: row.try_get("sub")?,
        service: row.try_get("service")?,
        guard_client_id: row.try_get("guard_client_id")?,
        client_id: row.try_get("client_id")?,
        report_id: row.try_get("report_id")?,
        reasons: row.try_get("reasons")?,
        stopped_at: timestamp::required(row, "stopped_at")?,
        lifted_at: timestamp::optional(row, "lifted_at")?,
    })
}
