//! A person's look-ups, counted by day and by patient.

use time::OffsetDateTime;

use crate::sql::{self, Row};
use crate::{Error, Transaction, timestamp};

/// Days that are counted at once.
pub const DAYS_MAX: usize = 400;
const MILLISECONDS_PER_SECOND: i64 = 1_000;

/// What a person was shown on one day, by the guards' clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayOfLookUps {
    /// Its beginning.
    pub day: OffsetDateTime,
    /// Look-ups that were let through; one in several parts is one.
    pub look_ups: i64,
    /// The same of writes.
    pub writes: i64,
    /// Requests that a guard did not let through at once.
    pub held_up: i64,
    /// Patients of what was let through, each once.
    pub patients: i64,
}

/// A patient whom a person was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatientSeen {
    /// The pseudonym, which the portal alone resolves.
    pub patient: String,
    /// How many times.
    pub times: i64,
    /// The first time.
    pub first_at: OffsetDateTime,
    /// The last time.
    pub last_at: OffsetDateTime,
}

/// Counts a person's look-ups on each of some days: their beginnings, in order, and the end of the
/// last one. What a day is its callers say, for a patient counts once on each. Reports that nobody
/// could prove are not among them.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn by_day(
    transaction: &mut Transaction,
    sub: &str,
    days: &[OffsetDateTime],
) -> Result<Vec<DayOfLookUps>, Error> {
    let mut counted = Vec::new();
    for (day, end) in days.iter().zip(days.iter().skip(1)).take(DAYS_MAX) {
        counted.push(on_day(transaction, sub, (*day, *end)).await?);
    }
    Ok(counted)
}

async fn on_day(
    transaction: &mut Transaction,
    sub: &str,
    (day, end): (OffsetDateTime, OffsetDateTime),
) -> Result<DayOfLookUps, Error> {
    let row = sql::query(
        "SELECT COUNT(DISTINCT CASE WHEN report.answer = 'allow' AND report.kind = 'look_up'
                                    AND (report.part IS NULL OR report.part = 1)
                               THEN report.id END) AS look_ups,
                COUNT(DISTINCT CASE WHEN report.answer = 'allow' AND report.kind = 'write'
                                    AND (report.part IS NULL OR report.part = 1)
                               THEN report.id END) AS writes,
                COUNT(DISTINCT CASE WHEN report.answer <> 'allow'
                                    AND (report.part IS NULL OR report.part = 1)
                               THEN report.id END) AS held_up,
                COUNT(DISTINCT CASE WHEN report.answer = 'allow' THEN seen.patient END) AS patients
         FROM guard_report AS report
         LEFT JOIN guard_report_patient AS seen ON seen.report_id = report.id
         WHERE report.sub = $1 AND report.occurred_at >= $2 AND report.occurred_at < $3",
    )
    .bind(sub)
    .bind(milliseconds(day))
    .bind(milliseconds(end))
    .fetch_one(transaction.connection())
    .await?;
    Ok(DayOfLookUps {
        day,
        look_ups: row.try_get("look_ups")?,
        writes: row.try_get("writes")?,
        held_up: row.try_get("held_up")?,
        patients: row.try_get("patients")?,
    })
}

/// Lists the patients whom a person was shown between two moments, in the order of their
/// pseudonyms, from behind `after` on; up to `count_max`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn patients_of(
    transaction: &mut Transaction,
    sub: &str,
    (from, to): (OffsetDateTime, OffsetDateTime),
    after: &str,
    count_max: u32,
) -> Result<Vec<PatientSeen>, Error> {
    let rows = sql::query(
        "SELECT seen.patient AS patient, COUNT(*) AS times,
                MIN(report.occurred_at) / 1000 AS first_at,
                MAX(report.occurred_at) / 1000 AS last_at
         FROM guard_report AS report
         JOIN guard_report_patient AS seen ON seen.report_id = report.id
         WHERE report.sub = $1 AND report.occurred_at >= $2 AND report.occurred_at < $3
         AND report.answer = 'allow' AND seen.patient > $4
         GROUP BY seen.patient ORDER BY seen.patient LIMIT $5",
    )
    .bind(sub)
    .bind(milliseconds(from))
    .bind(milliseconds(to))
    .bind(after)
    .bind(i64::from(count_max))
    .fetch_all(transaction.connection())
    .await?;
    let read = |row: &Row| {
        Ok(PatientSeen {
            patient: row.try_get("patient")?,
            times: row.try_get("times")?,
            first_at: timestamp::required(row, "first_at")?,
            last_at: timestamp::required(row, "last_at")?,
        })
    };
    rows.iter().map(read).collect()
}

/// A moment as guards report it.
pub(super) fn milliseconds(moment: OffsetDateTime) -> i64 {
    moment
        .unix_timestamp()
        .saturating_mul(MILLISECONDS_PER_SECOND)
}
