//! One answer, as it goes to the server.

use serde::{Deserialize, Serialize};

use crate::{Act, Decision, Kind, Reason};

/// One answer: who asked for what, in which session, about whom, and what the guard said.
///
/// Names of sessions and subjects are those of the access token, so that the server knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// When, in milliseconds of Unix time.
    pub at: i64,
    /// The token's subject.
    pub sub: String,
    /// The token's client.
    pub client_id: String,
    /// The token's session; none for a service's own token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The token.
    pub jti: String,
    /// Which service of the guard's configuration.
    pub service: String,
    /// What was done.
    pub kind: Kind,
    /// The pseudonyms that the portal's adapter made, one for each patient that the answer names
    /// and one for a miss.
    pub patients: Vec<String>,
    /// Whether the portal proved that the patient is there.
    #[serde(default)]
    pub patient_present: bool,
    /// The word of the answer: `allow`, `step_up`, `slow`, `stop_session` or `stop_account`.
    pub answer: String,
    /// Why, the weightiest first.
    #[serde(default)]
    pub reasons: Vec<ReportedReason>,
}

/// One reason, as it is reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedReason {
    /// The stable code.
    pub code: String,
    /// What was counted.
    pub count: u32,
    /// What it was held against.
    pub limit: u32,
}

impl Report {
    /// A report of a decision about an act, whose token and pseudonyms the caller knows.
    #[must_use]
    pub fn new(
        act: &Act,
        decision: &Decision,
        token: &ReportedToken<'_>,
        patients: Vec<String>,
    ) -> Self {
        Self {
            at: act.at,
            sub: act.subject.clone(),
            client_id: token.client_id.to_owned(),
            sid: token.sid.map(str::to_owned),
            jti: token.jti.to_owned(),
            service: act.service.clone(),
            kind: act.kind,
            patients,
            patient_present: act.patient_present,
            answer: decision.answer.word().to_owned(),
            reasons: decision.reasons.iter().map(ReportedReason::from).collect(),
        }
    }
}

/// What a report says of the access token.
#[derive(Clone, Copy, Debug)]
pub struct ReportedToken<'a> {
    /// Its client.
    pub client_id: &'a str,
    /// Its session.
    pub sid: Option<&'a str>,
    /// Its id.
    pub jti: &'a str,
}

impl From<&Reason> for ReportedReason {
    fn from(reason: &Reason) -> Self {
        Self {
            code: reason.code().to_owned(),
            count: reason.count(),
            limit: reason.limit(),
        }
    }
}
