//! What the console's charts show: logins, refusals and look-ups, by the days of whoever shows
//! them.

use cardea_storage::event::search;
use cardea_storage::guard_report;
use serde_json::Value;
use time::OffsetDateTime;

use crate::{Error, Provider};

/// Days of each chart.
pub const CHART_DAYS: u32 = 14;

/// Numbers over some days. Nobody can be told from them.
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
    /// Counts what the overview shows of some days: their beginnings, in order, and the end of the
    /// last one. No more than [`CHART_DAYS`] are counted.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn operator_numbers(
        &self,
        days: &[OffsetDateTime],
    ) -> Result<OperatorNumbers, Error> {
        let amount = |count: i64| u64::try_from(count).unwrap_or_default();
        let mut numbers = OperatorNumbers::default();
        let Some(first) = days.first() else {
            return Ok(numbers);
        };
        let mut reading = self.store.begin_read().await?;
        let refusals = search::count_refusals_by_code(&mut reading, *first).await?;
        let refusals = refusals.into_iter();
        numbers.refusals = refusals.map(|(code, it)| (code, amount(it))).collect();
        let counted_max = usize::try_from(CHART_DAYS).unwrap_or(usize::MAX);
        for (day, end) in days.iter().zip(days.iter().skip(1)).take(counted_max) {
            let span = (*day, *end);
            let logins = search::count_logins_between(&mut reading, span).await?;
            numbers.logins.push((*day, amount(logins)));
            let answers = search::count_answers_between(&mut reading, span).await?;
            let mut allowed = 0;
            for (answer, count) in answers {
                if answer == "allow" {
                    allowed = amount(count);
                    continue;
                }
                let mut held_up = numbers.held_up.iter_mut();
                match held_up.find(|(word, _)| *word == answer) {
                    Some((_, sum)) => *sum += amount(count),
                    None => numbers.held_up.push((answer, amount(count))),
                }
            }
            numbers.look_ups.push((*day, allowed));
        }
        Ok(numbers)
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
