//! One answer, as it goes to the server.

use cardea_jose::random_base64url;
use serde::{Deserialize, Serialize};

use super::segment::RECORD_BYTES_MAX;
use super::writer::failed;
use crate::{Act, Answer, Decision, Error, Kind, Reason, StopHeld};

/// What the server takes of one report.
const PATIENTS_MAX: usize = 500;
const REASONS_MAX: usize = 32;
const PART_RANDOM_BYTES: usize = 16;

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
    /// Where the account is stopped: what that rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rests_on: Option<ReportedStop>,
    /// Where one report has no room for all patients: which of several this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<ReportedPart>,
}

/// Which part of one answer a report is. Parts have all in common but the patients, and what the
/// answer brings about comes with the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedPart {
    /// Random, the same in all parts of one answer.
    pub of: String,
    /// Counted from one.
    pub number: u32,
}

/// What a refusal of a stopped account rests on: the issuer, which knows which stops an operator
/// has lifted, tells by it what is new from what the guard has not heard of yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedStop {
    /// The number of the issuer's stop; none where the guard knows of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_sequence: Option<i64>,
    /// When the guard stopped it by itself, in milliseconds of Unix time; none where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at_ms: Option<i64>,
    /// The newest stop of the account of which the guard knows that it was lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted_sequence: Option<i64>,
}

impl From<StopHeld> for ReportedStop {
    fn from(held: StopHeld) -> Self {
        let known = |number: i64| (number > 0).then_some(number);
        Self {
            stop_sequence: known(held.sequence),
            stopped_at_ms: known(held.since),
            lifted_sequence: known(held.lifted),
        }
    }
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
            reasons: decision
                .reasons
                .iter()
                .take(REASONS_MAX)
                .map(ReportedReason::from)
                .collect(),
            rests_on: None,
            part: None,
        }
    }

    /// Whether the issuer has something to do at once: to ask for a signature, or to end something.
    pub(crate) fn is_urgent(&self) -> bool {
        self.answer != Answer::Allow.word()
    }

    /// The report as records of a bounded length: one, or its parts.
    pub(crate) fn into_records(mut self) -> Result<Vec<Vec<u8>>, Error> {
        let whole = encode(&self)?;
        if whole.len() <= RECORD_BYTES_MAX && self.patients.len() <= PATIENTS_MAX {
            return Ok(vec![whole]);
        }
        let of = random_base64url(PART_RANDOM_BYTES).map_err(|it| failed(&it.to_string()))?;
        let part = |number| {
            Some(ReportedPart {
                of: of.clone(),
                number,
            })
        };
        let patients = std::mem::take(&mut self.patients);
        self.part = part(u32::MAX);
        let room = RECORD_BYTES_MAX.saturating_sub(encode(&self)?.len());
        let parts = (1..).zip(in_parts(patients, room)?);
        let parts = parts.map(|(number, patients)| {
            encode(&Self {
                patients,
                part: part(number),
                ..self.clone()
            })
        });
        parts.collect()
    }
}

fn encode(report: &Report) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(report).map_err(|it| failed(&it.to_string()))
}

/// Lists of patients that each have room.
fn in_parts(patients: Vec<String>, room: usize) -> Result<Vec<Vec<String>>, Error> {
    let (mut parts, mut part, mut left) = (Vec::new(), Vec::new(), room);
    for patient in patients {
        let text = serde_json::to_vec(&patient).map_err(|it| failed(&it.to_string()))?;
        // With its comma.
        let bytes = text.len().saturating_add(1);
        if bytes > room {
            return Err(failed("a record is too long"));
        }
        if bytes > left || part.len() >= PATIENTS_MAX {
            parts.push(std::mem::take(&mut part));
            left = room;
        }
        left = left.saturating_sub(bytes);
        part.push(patient);
    }
    parts.push(part);
    Ok(parts)
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
