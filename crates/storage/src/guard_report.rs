//! What guards reported: every answer once.

mod by_day;
mod found;
mod recorded;
mod unproven;

pub use by_day::{DAYS_MAX, DayOfLookUps, PatientSeen, by_day, patients_of};
pub use found::{
    FoundPatient, FoundSession, Part, Position, Scope, Totals, list_patients, list_reports,
    list_sessions, totals,
};
pub use recorded::{
    count_recorded_before, count_unrecorded, delete_by_ids, details_of_events, list_by_ids,
    list_events_of_kind, list_of_person,
};

pub use unproven::{count_unproven_since, is_known};

use time::OffsetDateTime;

use crate::sql;
use crate::{Error, SecretDigest, Transaction};

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
    /// Which of several about one answer it is, where one had no room for all patients.
    pub part: Option<ReportPart>,
    /// Where the token was forgotten before the report came: what the guard says of it, which
    /// nobody has checked.
    pub unproven: Option<SaidNames>,
    /// Where the session was; none for a service's own token.
    pub place: Option<ReportPlace>,
    /// How the log has it; none where an older program took the report.
    pub on_record: Option<ReportOnRecord>,
    /// Milliseconds, by the guard's clock.
    pub occurred_at: i64,
    /// When it came here.
    pub received_at: OffsetDateTime,
}

/// Which of several reports about one answer a report is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportPart {
    /// The same in all of them.
    pub of: String,
    /// Counted from one.
    pub number: u32,
}

/// Where a session was from which somebody looked something up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportPlace {
    /// The card, as operators name it.
    pub card_id: Option<String>,
    /// The SHA-256 of its certificate.
    pub card_sha256: Option<String>,
    /// The workstation.
    pub instance_jkt: Option<String>,
}

/// How the log has a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportOnRecord {
    /// The event that names the report, with its digest.
    pub event_id: String,
    /// The salt of that digest, base64url.
    pub salt: String,
}

/// Names in a token, as a guard says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaidNames {
    /// The token's subject.
    pub sub: String,
    /// The token's session; none for a service's own token.
    pub sid: Option<String>,
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
              reasons, patient_present, patients, part_of, part, said_sub, said_sid,
              occurred_at, received_at, card_id, card_sha256, instance_jkt, event_id, salt)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                 $19, $20, $21, $22, $23)
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
    .bind(report.part.as_ref().map(|it| it.of.as_str()))
    .bind(report.part.as_ref().map(|it| i64::from(it.number)))
    .bind(report.unproven.as_ref().map(|it| it.sub.as_str()))
    .bind(report.unproven.as_ref().and_then(|it| it.sid.as_deref()))
    .bind(report.occurred_at)
    .bind(report.received_at.unix_timestamp())
    .bind(report.place.as_ref().and_then(|it| it.card_id.as_deref()))
    .bind(
        report
            .place
            .as_ref()
            .and_then(|it| it.card_sha256.as_deref()),
    )
    .bind(
        report
            .place
            .as_ref()
            .and_then(|it| it.instance_jkt.as_deref()),
    )
    .bind(report.on_record.as_ref().map(|it| it.event_id.as_str()))
    .bind(report.on_record.as_ref().map(|it| it.salt.as_str()))
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

/// The patients whom a session was shown, however it came to them.
macro_rules! count_patients_of_session {
    ($rest:literal) => {
        concat!(
            "SELECT COUNT(DISTINCT seen.patient) AS patients FROM guard_report AS report
             JOIN guard_report_patient AS seen ON seen.report_id = report.id
             WHERE report.session_id = $1 AND report.answer = 'allow'",
            $rest
        )
    };
}

/// How many patients a session has looked up, by what is on record yet.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_all_patients_of_session(
    transaction: &mut Transaction,
    session_id: &str,
) -> Result<i64, Error> {
    count_patients(transaction, count_patients_of_session!(""), session_id).await
}

/// How many patients a session has looked up without their cards, by what is on record yet.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_patients_of_session(
    transaction: &mut Transaction,
    session_id: &str,
) -> Result<i64, Error> {
    let statement = count_patients_of_session!(" AND report.patient_present = 0");
    count_patients(transaction, statement, session_id).await
}

async fn count_patients(
    transaction: &mut Transaction,
    statement: &'static str,
    session_id: &str,
) -> Result<i64, Error> {
    let row = sql::query(statement)
        .bind(session_id)
        .fetch_one(transaction.connection())
        .await?;
    row.try_get("patients")
}

/// How many patients a person has looked up at a service through one client without their cards
/// between two moments, by the guard's clock and by what is on record yet.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_patients_of_person(
    transaction: &mut Transaction,
    (sub, client_id, service): (&str, &str, &str),
    (since, until): (OffsetDateTime, OffsetDateTime),
) -> Result<i64, Error> {
    let row = sql::query(
        "SELECT COUNT(DISTINCT seen.patient) AS patients FROM guard_report AS report
         JOIN guard_report_patient AS seen ON seen.report_id = report.id
         WHERE report.sub = $1 AND report.service = $2 AND report.client_id = $3
         AND report.answer = 'allow' AND report.patient_present = 0
         AND report.occurred_at >= $4 AND report.occurred_at < $5",
    )
    .bind(sub)
    .bind(service)
    .bind(client_id)
    .bind(since.unix_timestamp().saturating_mul(1_000))
    .bind(
        until
            .unix_timestamp()
            .saturating_add(1)
            .saturating_mul(1_000),
    )
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("patients")
}

/// How many answers of a service are on record; one in several parts is one.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_answers(transaction: &mut Transaction, service: &str) -> Result<i64, Error> {
    let row = sql::query(
        "SELECT COUNT(*) AS answers FROM guard_report
         WHERE service = $1 AND (part IS NULL OR part = 1)",
    )
    .bind(service)
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("answers")
}

/// What a guard has said of tokens that were forgotten when it came: the names, and the patients of
/// each report; up to `count_max`, in the order in which it happened.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn list_unproven(
    transaction: &mut Transaction,
    guard_client_id: &str,
    count_max: u32,
) -> Result<Vec<(SaidNames, i64)>, Error> {
    let rows = sql::query(
        "SELECT said_sub, said_sid, patients FROM guard_report
         WHERE guard_client_id = $1 AND said_sub IS NOT NULL ORDER BY occurred_at, id LIMIT $2",
    )
    .bind(guard_client_id)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    let read = |row: &sql::Row| {
        let said = SaidNames {
            sub: row.try_get("said_sub")?,
            sid: row.try_get("said_sid")?,
        };
        Ok((said, row.try_get("patients")?))
    };
    rows.iter().map(read).collect()
}
