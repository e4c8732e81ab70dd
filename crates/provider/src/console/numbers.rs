//! What the console's charts show: logins, refusals and look-ups, by days in UTC.

use cardea_storage::event::search;
use cardea_storage::guard_report;
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use crate::{Error, Provider};

/// Days of each chart.
pub const CHART_DAYS: u32 = 14;
const SECONDS_OF_DAY: i64 = 86_400;

/// Numbers over the last [`CHART_DAYS`] days. Nobody can be told from them.
#[derive(Clone, Debug, Default)]
pub struct OperatorNumbers {
    /// Accepted logins of each day, the oldest first.
    pub logins: Vec<(OffsetDateTime, u64)>,
    /// Refused logins by code, the most frequent first.
    pub refusals: Vec<(String, u64)>,
    /// Look-ups that guards have let through, of each day, the oldest first.
    pub look_ups: Vec<(OffsetDateTime, u64)>,
    /// Answers of guards that were not a plain yes, by their word.
    pub held_up: Vec<(String, u64)>,
}

/// A person's patients by day, against what guards hold her to.
#[derive(Clone, Debug, Default)]
pub struct LookUpsAgainstBudget {
    /// Patients of each day, the oldest first.
    pub days: Vec<(OffsetDateTime, u64)>,
    /// The budget of a day, as a guard has last named it; none where it never had to.
    pub budget: Option<u64>,
}

impl Provider {
    /// Counts what the overview shows.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn operator_numbers(&self) -> Result<OperatorNumbers, Error> {
        let first = first_day(self.now());
        let mut reading = self.store.begin_read().await?;
        let logins = search::count_logins_by_day(&mut reading, first).await?;
        let refusals = search::count_refusals_by_code(&mut reading, first).await?;
        let answers = search::count_answers_by_day(&mut reading, first).await?;
        drop(reading);
        let allowed = answers.iter().filter(|(_, answer, _)| answer == "allow");
        let allowed: Vec<_> = allowed.map(|(day, _, count)| (*day, *count)).collect();
        let mut held_up: Vec<(String, u64)> = Vec::new();
        for (_, answer, count) in answers.iter().filter(|(_, answer, _)| answer != "allow") {
            let count = u64::try_from(*count).unwrap_or_default();
            match held_up.iter_mut().find(|(word, _)| word == answer) {
                Some((_, sum)) => *sum += count,
                None => held_up.push((answer.clone(), count)),
            }
        }
        let refusals = refusals.into_iter();
        Ok(OperatorNumbers {
            logins: every_day(first, &logins),
            refusals: refusals
                .map(|(code, count)| (code, u64::try_from(count).unwrap_or_default()))
                .collect(),
            look_ups: every_day(first, &allowed),
            held_up,
        })
    }

    /// Counts the patients whom a person was shown on each of some days: their beginnings, in
    /// order, and the end of the last one. Whoever shows it to an operator has put the look on
    /// record.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn look_ups_against_budget(
        &self,
        sub: &str,
        days: &[OffsetDateTime],
    ) -> Result<LookUpsAgainstBudget, Error> {
        let mut reading = self.store.begin_read().await?;
        let days = guard_report::by_day(&mut reading, sub, days).await?;
        let reasons = search::find_newest_reasons(&mut reading, sub).await?;
        drop(reading);
        let patients = |count: i64| u64::try_from(count).unwrap_or_default();
        let days = days.into_iter().map(|it| (it.day, patients(it.patients)));
        Ok(LookUpsAgainstBudget {
            days: days.collect(),
            budget: reasons.as_deref().and_then(budget_of_day),
        })
    }
}

/// The budget of a day among a guard's reasons.
pub(crate) fn budget_of_day(reasons: &str) -> Option<u64> {
    let reasons: Vec<Value> = serde_json::from_str(reasons).ok()?;
    let of_day = |reason: &&Value| reason.get("code").and_then(Value::as_str) == Some("per_day");
    reasons.iter().find(of_day)?.get("limit")?.as_u64()
}

fn first_day(now: OffsetDateTime) -> OffsetDateTime {
    let into_day = now.unix_timestamp().rem_euclid(SECONDS_OF_DAY);
    let today = now - Duration::seconds(into_day);
    today.truncate_to_second() - Duration::days(i64::from(CHART_DAYS) - 1)
}

/// Each day from the first on, also those without any.
fn every_day(first: OffsetDateTime, counted: &[(i64, i64)]) -> Vec<(OffsetDateTime, u64)> {
    let number = first.unix_timestamp() / SECONDS_OF_DAY;
    let days = 0..i64::from(CHART_DAYS);
    days.map(|days| {
        let found = counted.iter().find(|(day, _)| *day == number + days);
        let count = found.map_or(0, |(_, count)| u64::try_from(*count).unwrap_or_default());
        (first + Duration::days(days), count)
    })
    .collect()
}
