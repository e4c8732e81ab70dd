//! Reports as the log has them: a digest of each stands in an event.

use std::collections::HashMap;

use serde_json::json;
use time::OffsetDateTime;

use super::{GuardReport, ReportOnRecord, ReportPart, ReportPlace, SaidNames};
use crate::event::{self, EventRecord};
use crate::sql::{self, Row};
use crate::{Error, SecretDigest, Transaction, timestamp};

impl GuardReport {
    /// The digest of everything in it under its salt, base64url: whoever changes a report that the
    /// log has on record is found out, and after the row is gone the digest says nothing. None
    /// where it is not on record.
    #[must_use]
    pub fn digest(&self) -> Option<String> {
        let salt = &self.on_record.as_ref()?.salt;
        let mut patients: Vec<&str> = self.patients.iter().map(String::as_str).collect();
        patients.sort_unstable();
        patients.dedup();
        let place = self.place.clone().unwrap_or_default();
        let said = self.unproven.as_ref();
        let part = self.part.as_ref();
        let content = json!([
            "cardea guard report 1",
            salt,
            self.id,
            self.guard_client_id,
            self.sub,
            self.session_id,
            self.client_id,
            self.token_jti,
            self.service,
            self.kind,
            self.answer,
            self.reasons,
            self.patient_present,
            patients,
            part.map(|it| (it.of.as_str(), it.number)),
            said.map(|it| (it.sub.as_str(), it.sid.as_deref())),
            place.card_id,
            place.card_sha256,
            place.instance_jkt,
            self.occurred_at,
            self.received_at.unix_timestamp(),
        ]);
        Some(SecretDigest::of(&content.to_string()).as_str().to_owned())
    }
}

/// The columns that [`read`] reads.
pub(super) const COLUMNS: &str = "report.id, report.guard_client_id, report.sub, report.session_id,
     report.client_id, report.token_jti, report.service, report.kind, report.answer,
     report.reasons, report.patient_present, report.part_of, report.part, report.said_sub,
     report.said_sid, report.card_id, report.card_sha256, report.instance_jkt, report.event_id,
     report.salt, report.occurred_at, report.received_at";

/// Reads reports by their ids, with their patients, in no order.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_by_ids(
    transaction: &mut Transaction,
    ids: &[String],
) -> Result<Vec<GuardReport>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let statement = format!(
        "SELECT {COLUMNS} FROM guard_report AS report WHERE report.id IN ({})",
        places(ids.len())
    );
    let mut query = sql::query_built(statement);
    for id in ids {
        query = query.bind(id.as_str());
    }
    let rows = query.fetch_all(transaction.connection()).await?;
    let mut reports: Vec<GuardReport> = rows.iter().map(read).collect::<Result<_, _>>()?;
    fill_patients(transaction, &mut reports).await?;
    Ok(reports)
}

/// Lists the events of a kind in their order, from behind an id on; up to `count_max`. It reads the
/// whole table, page by page.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_events_of_kind(
    transaction: &mut Transaction,
    kind: &str,
    after: &str,
    count_max: u32,
) -> Result<Vec<EventRecord>, Error> {
    let rows = sql::query(
        "SELECT id, kind, occurred_at, authorization_request_id, session_id, sub, client_id, code,
                details
         FROM event WHERE id > $1 AND kind = $2 ORDER BY id LIMIT $3",
    )
    .bind(after)
    .bind(kind)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    rows.iter().map(event::read).collect()
}

/// How many reports say that the log has them, of those that came before a moment.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_recorded_before(
    transaction: &mut Transaction,
    before: OffsetDateTime,
) -> Result<i64, Error> {
    let row = sql::query(
        "SELECT COUNT(*) AS reports FROM guard_report
         WHERE event_id IS NOT NULL AND received_at < $1",
    )
    .bind(before.unix_timestamp())
    .fetch_one(transaction.connection())
    .await?;
    row.try_get("reports")
}

/// How many reports no entry of the log names: an older program took them.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_unrecorded(transaction: &mut Transaction) -> Result<i64, Error> {
    let row = sql::query("SELECT COUNT(*) AS reports FROM guard_report WHERE event_id IS NULL")
        .fetch_one(transaction.connection())
        .await?;
    row.try_get("reports")
}

/// Lists reports about a person, unproven ones too, with their patients, in the order of their ids
/// from behind one on.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_of_person(
    transaction: &mut Transaction,
    sub: &str,
    after: &str,
    count_max: u32,
) -> Result<Vec<GuardReport>, Error> {
    let statement = format!(
        "SELECT {COLUMNS} FROM guard_report AS report
         WHERE (report.sub = $1 OR report.said_sub = $1) AND report.id > $2
         ORDER BY report.id LIMIT $3"
    );
    let rows = sql::query_built(statement)
        .bind(sub)
        .bind(after)
        .bind(i64::from(count_max))
        .fetch_all(transaction.connection())
        .await?;
    let mut reports: Vec<GuardReport> = rows.iter().map(read).collect::<Result<_, _>>()?;
    fill_patients(transaction, &mut reports).await?;
    Ok(reports)
}

/// What events say, by their ids; of one that is gone nothing.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn details_of_events(
    transaction: &mut Transaction,
    ids: &[&str],
) -> Result<HashMap<String, String>, Error> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let statement = format!(
        "SELECT id, details FROM event WHERE id IN ({})",
        places(ids.len())
    );
    let mut query = sql::query_built(statement);
    for id in ids {
        query = query.bind(*id);
    }
    let rows = query.fetch_all(transaction.connection()).await?;
    let mut details = HashMap::new();
    for row in &rows {
        details.insert(row.try_get("id")?, row.try_get("details")?);
    }
    Ok(details)
}

/// Deletes reports with their patients, and says how many there were. The caller puts them on
/// record.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn delete_by_ids(transaction: &mut Transaction, ids: &[String]) -> Result<usize, Error> {
    if ids.is_empty() {
        return Ok(0);
    }
    let mut gone = 0;
    for (table, column) in [
        ("guard_report_patient", "report_id"),
        ("guard_report", "id"),
    ] {
        let statement = format!(
            "DELETE FROM {table} WHERE {column} IN ({})",
            places(ids.len())
        );
        let mut query = sql::query_built(statement);
        for id in ids {
            query = query.bind(id.as_str());
        }
        let done = query.execute(transaction.connection()).await?;
        // The last statement's are the reports.
        gone = usize::try_from(done.rows_affected()).unwrap_or(usize::MAX);
    }
    Ok(gone)
}

/// Reads the patients of reports in one question.
pub(super) async fn fill_patients(
    transaction: &mut Transaction,
    reports: &mut [GuardReport],
) -> Result<(), Error> {
    if reports.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "SELECT report_id, patient FROM guard_report_patient WHERE report_id IN ({})
         ORDER BY report_id, patient",
        places(reports.len())
    );
    let mut query = sql::query_built(statement);
    for report in reports.iter() {
        query = query.bind(report.id.clone());
    }
    let rows = query.fetch_all(transaction.connection()).await?;
    let mut patients: HashMap<String, Vec<String>> = HashMap::new();
    for row in &rows {
        let of: String = row.try_get("report_id")?;
        patients
            .entry(of)
            .or_default()
            .push(row.try_get("patient")?);
    }
    for report in reports {
        report.patients = patients.remove(&report.id).unwrap_or_default();
    }
    Ok(())
}

/// A report without its patients.
pub(super) fn read(row: &Row) -> Result<GuardReport, Error> {
    let part_of: Option<String> = row.try_get("part_of")?;
    let part: Option<i64> = row.try_get("part")?;
    let said_sub: Option<String> = row.try_get("said_sub")?;
    let said_sid: Option<String> = row.try_get("said_sid")?;
    let event_id: Option<String> = row.try_get("event_id")?;
    let salt: Option<String> = row.try_get("salt")?;
    let present: i64 = row.try_get("patient_present")?;
    let place = ReportPlace {
        card_id: row.try_get("card_id")?,
        card_sha256: row.try_get("card_sha256")?,
        instance_jkt: row.try_get("instance_jkt")?,
    };
    Ok(GuardReport {
        id: row.try_get("id")?,
        guard_client_id: row.try_get("guard_client_id")?,
        sub: row.try_get("sub")?,
        session_id: row.try_get("session_id")?,
        client_id: row.try_get("client_id")?,
        token_jti: row.try_get("token_jti")?,
        service: row.try_get("service")?,
        kind: row.try_get("kind")?,
        answer: row.try_get("answer")?,
        reasons: row.try_get("reasons")?,
        patient_present: present != 0,
        patients: Vec::new(),
        part: part_of.zip(part).map(|(of, number)| ReportPart {
            of,
            number: u32::try_from(number).unwrap_or(u32::MAX),
        }),
        unproven: said_sub.map(|sub| SaidNames { sub, sid: said_sid }),
        place: Some(place).filter(|it| *it != ReportPlace::default()),
        on_record: event_id
            .zip(salt)
            .map(|(event_id, salt)| ReportOnRecord { event_id, salt }),
        occurred_at: row.try_get("occurred_at")?,
        received_at: timestamp::required(row, "received_at")?,
    })
}

/// `$1, $2`: so many places.
fn places(count: usize) -> String {
    let places: Vec<_> = (1..=count).map(|at| format!("${at}")).collect();
    places.join(", ")
}
