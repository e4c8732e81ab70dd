//! A batch of reports, read and bounded.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use crate::Error;

/// Reports of one batch.
const REPORTS_MAX: usize = 200;
/// Patients that one answer names.
const PATIENTS_MAX: usize = 500;
const REASONS_MAX: usize = 32;
/// Bytes of a reason's code.
const CODE_BYTES_MAX: usize = 40;
/// Reasons that the other guards of the API are told: what one of them says must not become an
/// event that no receiver takes.
const REASONS_TOLD_MAX: usize = 8;
/// Bytes of a service's name: people are shown it, and a card signs it.
const SERVICE_BYTES_MAX: usize = 44;
/// Names of sessions, tokens, people, patients and events.
const NAME_BYTES_MAX: usize = 256;

/// How old an answer may be for which the card is asked to sign: who asked then has gone on.
const QUESTION_AGE_MAX: Duration = Duration::minutes(2);

/// Reasons whose number is of patients, and of no more than a day.
const OF_PATIENTS: [&str; 5] = ["ahead", "per_minute", "per_hour", "per_day", "usual_day"];
/// The same, of longer.
const OF_PATIENTS_FOR_LONG: [&str; 3] = ["per_week", "per_month", "drift"];

/// A guard's reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardReports(Vec<GivenReport>);

/// One answer of a guard, as it says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct GivenReport {
    pub(super) event_id: String,
    pub(super) at: i64,
    pub(super) sub: String,
    pub(super) client_id: String,
    pub(super) sid: Option<String>,
    pub(super) jti: String,
    pub(super) service: String,
    pub(super) kind: Kind,
    pub(super) patients: BTreeSet<String>,
    #[serde(default)]
    pub(super) patient_present: bool,
    pub(super) answer: Answer,
    #[serde(default)]
    reasons: Vec<GivenReason>,
    pub(super) rests_on: Option<GivenStop>,
    pub(super) part: Option<GivenPart>,
}

/// What the guard's refusal of a stopped account rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct GivenStop {
    /// The number of our stop that holds the account there.
    pub(super) stop_sequence: Option<i64>,
    /// When the guard stopped it by itself.
    pub(super) stopped_at_ms: Option<i64>,
    /// The newest stop of which the guard knows that it was lifted.
    pub(super) lifted_sequence: Option<i64>,
}

/// Which of several reports about one answer this is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct GivenPart {
    /// The same in all of them.
    pub(super) of: String,
    /// Counted from one.
    pub(super) number: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct GivenReason {
    code: String,
    count: u32,
    limit: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    LookUp,
    Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Allow,
    StepUp,
    Slow,
    StopSession,
    StopAccount,
}

/// What a report asks of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopAsked {
    Session,
    Account,
}

impl GuardReports {
    /// Reads the member `reports`; what is not known is left alone.
    ///
    /// # Errors
    /// [`Error::GuardReportsInvalid`].
    pub fn from_json(members: &Map<String, Value>) -> Result<Self, Error> {
        let invalid = |reason| Error::GuardReportsInvalid { reason };
        let list = members.get("reports").and_then(Value::as_array);
        let list = list.ok_or(invalid("reports is a list"))?;
        if list.len() > REPORTS_MAX {
            return Err(invalid("reports are 200 at most"));
        }
        let read = |it: &Value| {
            let report = GivenReport::deserialize(it);
            let report = report.map_err(|_| invalid("a report lacks a member, or has a wrong one"));
            report.and_then(GivenReport::checked)
        };
        list.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn list(&self) -> &[GivenReport] {
        &self.0
    }

    /// Subject and service of the accounts that are to be stopped.
    pub(super) fn stopped_accounts(&self) -> impl Iterator<Item = (&str, &str)> {
        let stops = |it: &&GivenReport| it.stop() == Some(StopAsked::Account);
        let stopped = self.0.iter().filter(stops);
        stopped.map(|it| (it.sub.as_str(), it.service.as_str()))
    }
}

impl GivenReport {
    fn checked(self) -> Result<Self, Error> {
        let invalid = |reason| Error::GuardReportsInvalid { reason };
        if self.patients.len() > PATIENTS_MAX {
            return Err(invalid("a report names 500 patients at most"));
        }
        if self.reasons.len() > REASONS_MAX {
            return Err(invalid("a report has 32 reasons at most"));
        }
        if !self.reasons.iter().all(|it| is_code(&it.code)) {
            return Err(invalid("a reason has 1 to 40 of a-z and _"));
        }
        if !is_service(&self.service) {
            return Err(invalid(
                "a service has 1 to 44 of A-Z, a-z, 0-9, ., _ and -",
            ));
        }
        if self.names().all(is_name) {
            Ok(self)
        } else {
            Err(invalid(
                "a name has 1 to 256 bytes without control characters",
            ))
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let own = [&self.event_id, &self.sub, &self.client_id, &self.jti];
        let part = self.part.iter().map(|it| &it.of);
        let all = own.into_iter().chain(&self.sid).chain(&self.patients);
        all.chain(part).map(String::as_str)
    }

    /// Whether what the answer brings about comes with this report: it does with the first part.
    pub(super) fn has_effect(&self) -> bool {
        self.part.as_ref().is_none_or(|part| part.number == 1)
    }

    pub(super) fn stop(&self) -> Option<StopAsked> {
        match self.answer {
            Answer::StopSession => Some(StopAsked::Session),
            Answer::StopAccount => Some(StopAsked::Account),
            Answer::Allow | Answer::StepUp | Answer::Slow => None,
        }
    }

    /// Whether the guard waits for the card to sign: who is slowed down is, too. What reaches us
    /// late nobody waits for any more.
    pub(super) fn wants_signature(&self, now: OffsetDateTime) -> bool {
        let since = (now - QUESTION_AGE_MAX).unix_timestamp();
        matches!(self.answer, Answer::StepUp | Answer::Slow)
            && self.at >= since.saturating_mul(1_000)
    }

    /// How many patients the guard has counted, where its reasons count patients of a day at most.
    pub(super) fn patients_counted(&self) -> Option<u32> {
        let of_patients = |it: &&GivenReason| OF_PATIENTS.contains(&it.code.as_str());
        let counts = self.reasons.iter().filter(of_patients).map(|it| it.count);
        counts.max()
    }

    pub(super) fn codes(&self) -> Vec<String> {
        self.reasons.iter().map(|it| it.code.clone()).collect()
    }

    /// What the guards of the API are told.
    pub(super) fn reasons_told_as_json(&self) -> String {
        let told: Vec<_> = self.reasons.iter().take(REASONS_TOLD_MAX).collect();
        serde_json::to_string(&told).unwrap_or_default()
    }

    pub(super) fn reasons_as_json(&self) -> String {
        serde_json::to_string(&self.reasons).unwrap_or_default()
    }
}

/// Whether one of these reasons, as they are on record, is a number of patients without their
/// cards.
pub(super) fn counts_patients(reasons: &str) -> bool {
    let reasons: Vec<GivenReason> = serde_json::from_str(reasons).unwrap_or_default();
    let of_patients = OF_PATIENTS.iter().chain(&OF_PATIENTS_FOR_LONG);
    reasons
        .iter()
        .any(|given| of_patients.clone().any(|code| given.code == *code))
}

/// The words of a guard's reasons.
fn is_code(code: &str) -> bool {
    let is_short = (1..=CODE_BYTES_MAX).contains(&code.len());
    is_short && code.bytes().all(|it| it.is_ascii_lowercase() || it == b'_')
}

/// A name that stands in a sentence of ours, and neither ends it nor turns it around.
fn is_service(name: &str) -> bool {
    let is_short = (1..=SERVICE_BYTES_MAX).contains(&name.len());
    is_short
        && name
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"._-".contains(&it))
}

fn is_name(name: &str) -> bool {
    let is_short = !name.is_empty() && name.len() <= NAME_BYTES_MAX;
    is_short && !name.chars().any(char::is_control)
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::LookUp => "look_up",
            Self::Write => "write",
        }
    }
}

impl Answer {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::StepUp => "step_up",
            Self::Slow => "slow",
            Self::StopSession => "stop_session",
            Self::StopAccount => "stop_account",
        }
    }
}
