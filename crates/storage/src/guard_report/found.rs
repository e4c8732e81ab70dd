//! Reports by person, session, card and span of time, for the report of an incident: totals first,
//! then sessions, patients and the reports themselves, page by page.

use time::OffsetDateTime;

use super::GuardReport;
use super::by_day::milliseconds;
use super::recorded::{COLUMNS, fill_patients, read};
use crate::sql::{self, Row, Value};
use crate::{Error, Transaction, timestamp};

/// Whose reports. What is named must all hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope<'a> {
    /// The person.
    pub sub: Option<&'a str>,
    /// The session.
    pub session_id: Option<&'a str>,
    /// The card, as operators name it.
    pub card_id: Option<&'a str>,
    /// From this moment on, by the guards' clocks.
    pub from: Option<OffsetDateTime>,
    /// Before this moment.
    pub to: Option<OffsetDateTime>,
}

/// Reports whose token was known when they came, or those that are a guard's word alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// About a token that was known.
    Proven,
    /// The guard alone says whose token it was.
    Unproven,
}

/// Where a page of reports begins: behind this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// When it happened, in milliseconds.
    pub occurred_at: i64,
    /// Its id.
    pub id: String,
}

/// What there is of it. An answer in several parts is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Reports, each part for itself.
    pub reports: i64,
    /// Look-ups that were let through.
    pub look_ups: i64,
    /// Writes that were let through.
    pub writes: i64,
    /// What was held up: answers that ask for a signature.
    pub step_ups: i64,
    /// Answers that slow down.
    pub slowed: i64,
    /// Answers that stop a session or an account.
    pub stopped: i64,
    /// Patients of what was let through, each once.
    pub patients: i64,
    /// Patients of everything that was asked for, each once.
    pub patients_asked: i64,
    /// Data sets that were let through: a patient in a look-up each.
    pub data_sets: i64,
    /// People.
    pub persons: i64,
    /// Sessions.
    pub sessions: i64,
    /// Portals.
    pub clients: i64,
    /// Services.
    pub services: i64,
    /// Workstations.
    pub workstations: i64,
    /// When the first was let through, in milliseconds.
    pub first_at: Option<i64>,
    /// When the last was.
    pub last_at: Option<i64>,
}

/// Where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSession {
    /// The session; of an unproven report, the one that its token named, as the guard says.
    pub session_id: Option<String>,
    /// The person; of an unproven report, her name in the token, as the guard says.
    pub sub: Option<String>,
    /// The portal.
    pub client_id: String,
    /// The service.
    pub service: String,
    /// The workstation.
    pub instance_jkt: Option<String>,
    /// The card.
    pub card_id: Option<String>,
    /// Look-ups and writes that were let through.
    pub answers: i64,
    /// Patients of them, each once.
    pub patients: i64,
    /// When the first report was, in milliseconds.
    pub first_at: i64,
    /// When the last was.
    pub last_at: i64,
}

/// A patient of what was let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPatient {
    /// The pseudonym, which the portal alone resolves.
    pub patient: String,
    /// In how many look-ups and writes.
    pub times: i64,
    /// The first time.
    pub first_at: OffsetDateTime,
    /// The last time.
    pub last_at: OffsetDateTime,
}

/// Conditions with their values, from `$1` on.
struct Condition<'a> {
    text: String,
    values: Vec<Value<'a>>,
}

impl<'a> Condition<'a> {
    fn of(part: Part, scope: &Scope<'a>, since: Option<i64>) -> Self {
        let from = scope.from.map_or(i64::MIN, milliseconds);
        let to = scope.to.map_or(i64::MAX, milliseconds);
        let mut condition = Self {
            text: "report.occurred_at >= $1 AND report.occurred_at < $2".to_owned(),
            values: vec![from.max(since.unwrap_or(from)).into(), to.into()],
        };
        let named = [scope.sub, scope.session_id, scope.card_id];
        match part {
            Part::Proven if named.iter().all(Option::is_none) => {
                condition.also("report.said_sub IS NULL");
            }
            Part::Proven => {
                let columns = ["report.sub = ", "report.session_id = ", "report.card_id = "];
                for (column, value) in columns.into_iter().zip(named) {
                    if let Some(value) = value {
                        let place = condition.bind(value);
                        condition.also(&format!("{column}{place}"));
                    }
                }
            }
            Part::Unproven => condition.unproven(scope),
        }
        condition
    }

    /// Clients know a person by names of their own, and a session too.
    fn unproven(&mut self, scope: &Scope<'a>) {
        self.also("report.said_sub IS NOT NULL");
        if let Some(sub) = scope.sub {
            let place = self.bind(sub);
            self.also(&format!(
                "report.said_sub IN (SELECT pairwise FROM pairwise_subject WHERE sub = {place}
                                     UNION ALL SELECT CAST({place} AS TEXT))"
            ));
        }
        if let Some(session_id) = scope.session_id {
            let place = self.bind(session_id);
            self.also(&format!(
                "report.said_sid IN (SELECT sid FROM client_session WHERE session_id = {place})"
            ));
        }
        if scope.card_id.is_some() {
            // Nobody knows which card it was.
            self.also("1 = 0");
        }
    }

    fn bind(&mut self, value: impl Into<Value<'a>>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn also(&mut self, text: &str) {
        self.text.push_str(" AND ");
        self.text.push_str(text);
    }

    fn query(self, text: String) -> sql::Query<'a> {
        let query = sql::query_built(text);
        self.values.into_iter().fold(query, sql::Query::bind)
    }
}

/// Counts what there is.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn totals(
    transaction: &mut Transaction,
    part: Part,
    scope: &Scope<'_>,
) -> Result<Totals, Error> {
    let condition = Condition::of(part, scope, None);
    let statement = format!(
        "SELECT COUNT(*) AS reports,
                COUNT(CASE WHEN is_first = 1 AND answer = 'allow' AND kind = 'look_up'
                      THEN 1 END) AS look_ups,
                COUNT(CASE WHEN is_first = 1 AND answer = 'allow' AND kind = 'write'
                      THEN 1 END) AS writes,
                COUNT(CASE WHEN is_first = 1 AND answer = 'step_up' THEN 1 END) AS step_ups,
                COUNT(CASE WHEN is_first = 1 AND answer = 'slow' THEN 1 END) AS slowed,
                COUNT(CASE WHEN is_first = 1 AND answer IN ('stop_session', 'stop_account')
                      THEN 1 END) AS stopped,
                COUNT(DISTINCT person) AS persons, COUNT(DISTINCT session) AS sessions,
                COUNT(DISTINCT client_id) AS clients, COUNT(DISTINCT service) AS services,
                COUNT(DISTINCT instance_jkt) AS workstations,
                MIN(CASE WHEN answer = 'allow' THEN occurred_at END) AS first_at,
                MAX(CASE WHEN answer = 'allow' THEN occurred_at END) AS last_at
         FROM (SELECT report.answer, report.kind, report.client_id, report.service,
                      report.instance_jkt, report.occurred_at,
                      COALESCE(report.sub, report.said_sub) AS person,
                      COALESCE(report.session_id, report.said_sid) AS session,
                      CASE WHEN report.part IS NULL OR report.part = 1 THEN 1 ELSE 0 END AS is_first
               FROM guard_report AS report WHERE {}) AS found",
        condition.text
    );
    let row = condition
        .query(statement)
        .fetch_one(transaction.connection())
        .await?;
    let mut totals = Totals {
        reports: row.try_get("reports")?,
        look_ups: row.try_get("look_ups")?,
        writes: row.try_get("writes")?,
        step_ups: row.try_get("step_ups")?,
        slowed: row.try_get("slowed")?,
        stopped: row.try_get("stopped")?,
        persons: row.try_get("persons")?,
        sessions: row.try_get("sessions")?,
        clients: row.try_get("clients")?,
        services: row.try_get("services")?,
        workstations: row.try_get("workstations")?,
        first_at: row.try_get("first_at")?,
        last_at: row.try_get("last_at")?,
        ..Totals::default()
    };
    let condition = Condition::of(part, scope, None);
    let statement = format!(
        "SELECT COUNT(DISTINCT CASE WHEN report.answer = 'allow' THEN seen.patient END)
                    AS patients,
                COUNT(DISTINCT seen.patient) AS patients_asked,
                COUNT(CASE WHEN report.answer = 'allow' THEN 1 END) AS data_sets
         FROM guard_report AS report
         JOIN guard_report_patient AS seen ON seen.report_id = report.id WHERE {}",
        condition.text
    );
    let row = condition
        .query(statement)
        .fetch_one(transaction.connection())
        .await?;
    totals.patients = row.try_get("patients")?;
    totals.patients_asked = row.try_get("patients_asked")?;
    totals.data_sets = row.try_get("data_sets")?;
    Ok(totals)
}

/// Lists reports in the order in which they happened, from behind a position on; up to `count_max`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_reports(
    transaction: &mut Transaction,
    part: Part,
    scope: &Scope<'_>,
    after: Option<&Position>,
    count_max: u32,
) -> Result<Vec<GuardReport>, Error> {
    let since = after.map(|it| it.occurred_at);
    let mut condition = Condition::of(part, scope, since);
    if let Some(after) = after {
        let (at, id) = (
            condition.bind(after.occurred_at),
            condition.bind(after.id.as_str()),
        );
        condition.also(&format!("(report.occurred_at > {at} OR report.id > {id})"));
    }
    let limit = condition.bind(i64::from(count_max));
    let statement = format!(
        "SELECT {COLUMNS} FROM guard_report AS report WHERE {}
         ORDER BY report.occurred_at, report.id LIMIT {limit}",
        condition.text
    );
    let rows = condition
        .query(statement)
        .fetch_all(transaction.connection())
        .await?;
    let mut reports: Vec<GuardReport> = rows.iter().map(read).collect::<Result<_, _>>()?;
    fill_patients(transaction, &mut reports).await?;
    Ok(reports)
}

/// Lists where it came from, in the order of the first reports; up to `count_max`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_sessions(
    transaction: &mut Transaction,
    part: Part,
    scope: &Scope<'_>,
    count_max: u32,
) -> Result<Vec<FoundSession>, Error> {
    let mut condition = Condition::of(part, scope, None);
    let limit = condition.bind(i64::from(count_max));
    let statement = format!(
        "SELECT COALESCE(report.session_id, report.said_sid) AS session,
                COALESCE(report.sub, report.said_sub) AS person,
                report.client_id AS client_id, report.service AS service,
                report.instance_jkt AS instance_jkt, report.card_id AS card_id,
                COUNT(DISTINCT CASE WHEN report.answer = 'allow'
                                    AND (report.part IS NULL OR report.part = 1)
                               THEN report.id END) AS answers,
                COUNT(DISTINCT CASE WHEN report.answer = 'allow' THEN seen.patient END)
                    AS patients,
                MIN(report.occurred_at) AS first_at, MAX(report.occurred_at) AS last_at
         FROM guard_report AS report
         LEFT JOIN guard_report_patient AS seen ON seen.report_id = report.id WHERE {}
         GROUP BY COALESCE(report.session_id, report.said_sid),
                  COALESCE(report.sub, report.said_sub), report.client_id, report.service,
                  report.instance_jkt, report.card_id
         ORDER BY MIN(report.occurred_at) LIMIT {limit}",
        condition.text
    );
    let rows = condition
        .query(statement)
        .fetch_all(transaction.connection())
        .await?;
    let read = |row: &Row| {
        Ok(FoundSession {
            session_id: row.try_get("session")?,
            sub: row.try_get("person")?,
            client_id: row.try_get("client_id")?,
            service: row.try_get("service")?,
            instance_jkt: row.try_get("instance_jkt")?,
            card_id: row.try_get("card_id")?,
            answers: row.try_get("answers")?,
            patients: row.try_get("patients")?,
            first_at: row.try_get("first_at")?,
            last_at: row.try_get("last_at")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Lists the patients of what was let through, in the order of their pseudonyms, from behind
/// `after` on; up to `count_max`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn list_patients(
    transaction: &mut Transaction,
    part: Part,
    scope: &Scope<'_>,
    after: &str,
    count_max: u32,
) -> Result<Vec<FoundPatient>, Error> {
    let mut condition = Condition::of(part, scope, None);
    let place = condition.bind(after);
    condition.also(&format!(
        "report.answer = 'allow' AND seen.patient > {place}"
    ));
    let limit = condition.bind(i64::from(count_max));
    let statement = format!(
        "SELECT seen.patient AS patient, COUNT(*) AS times,
                MIN(report.occurred_at) / 1000 AS first_at,
                MAX(report.occurred_at) / 1000 AS last_at
         FROM guard_report AS report
         JOIN guard_report_patient AS seen ON seen.report_id = report.id WHERE {}
         GROUP BY seen.patient ORDER BY seen.patient LIMIT {limit}",
        condition.text
    );
    let rows = condition
        .query(statement)
        .fetch_all(transaction.connection())
        .await?;
    let read = |row: &Row| {
        Ok(FoundPatient {
            patient: row.try_get("patient")?,
            times: row.try_get("times")?,
            first_at: timestamp::required(row, "first_at")?,
            last_at: timestamp::required(row, "last_at")?,
        })
    };
    rows.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::{Condition, Part, Scope};
    use crate::Store;

    /// A report reads what it tells of, however many look-ups there are.
    #[tokio::test]
    async fn look_ups_are_found_by_an_index_whatever_is_asked() {
        let store = Store::open_in_memory().await.unwrap();
        let mut transaction = store.begin().await.unwrap();
        let all = Scope::default();
        let span = Scope {
            from: Some(OffsetDateTime::UNIX_EPOCH),
            to: Some(OffsetDateTime::UNIX_EPOCH),
            ..all
        };
        let of_person = Scope {
            sub: Some("sub"),
            ..all
        };
        let in_session = Scope {
            session_id: Some("session"),
            ..all
        };
        let by_card = Scope {
            card_id: Some("card"),
            ..all
        };
        for (part, scope, index) in [
            (Part::Proven, span, "guard_report_of_time"),
            (Part::Unproven, span, "guard_report_as_said_in_time"),
            (Part::Proven, of_person, "guard_report_of_person"),
            (Part::Proven, in_session, "guard_report_of_session"),
            (Part::Proven, by_card, "guard_report_of_card"),
            (Part::Unproven, of_person, "guard_report_as_said"),
            (
                Part::Unproven,
                in_session,
                "guard_report_as_said_of_session",
            ),
        ] {
            let condition = Condition::of(part, &scope, None);
            let statement = format!(
                "EXPLAIN QUERY PLAN SELECT report.id FROM guard_report AS report WHERE {}",
                condition.text
            );
            let query = condition.query(statement);
            let rows = query.fetch_all(transaction.connection()).await.unwrap();
            let plan: Vec<String> = rows
                .iter()
                .map(|row| row.try_get("detail").unwrap())
                .collect();
            let plan = plan.join("; ");
            assert!(
                plan.contains(&format!("report USING INDEX {index} ")),
                "{plan}"
            );
            assert!(!plan.contains("SCAN report"), "{plan}");
        }
    }
}
