//! One line of a replay.

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::{Act, Actor, Kind, Patient};

/// Patients that one line may name.
const PATIENTS_MAX: usize = 1_000;
/// Years that a time may have: what lies outside is a mistake, and would stop an account's clock.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2200;
/// Bytes that a name may have.
const NAME_BYTES_MAX: usize = 512;

/// What a line says.
#[derive(Debug)]
pub(super) enum Line {
    /// Somebody acts.
    Act(Box<Act>),
    /// Somebody's card has signed anew.
    FreshSignature {
        /// When, in milliseconds of Unix time.
        at: i64,
        /// Whose.
        subject: String,
    },
}

/// A line as it is written. Members that are not known are let be: recorded traffic has its own.
#[derive(Deserialize)]
struct Raw {
    t: String,
    sub: String,
    profession: Option<String>,
    service: Option<String>,
    patient: Option<Name>,
    patients: Option<Vec<Name>>,
    patient_present: Option<bool>,
    session: Option<Name>,
    source: Option<Name>,
    kind: Option<Kind>,
    actor: Option<Actor>,
    signals: Option<Signals>,
    follow_up: Option<bool>,
    fresh_signature: Option<bool>,
}

/// What the portal's adapter saw before it made pseudonyms.
#[derive(Default, Deserialize)]
struct Signals {
    #[serde(default)]
    sequence: bool,
}

/// A name, which some write as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Number(serde_json::Number),
}

impl Name {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

impl Line {
    /// Reads a line.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let raw: Raw = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let path = error.path().to_string();
            let place = if path == "." {
                String::new()
            } else {
                format!("{path}: ")
            };
            format!("{place}{}", error.inner())
        })?;
        deserializer.end().map_err(|error| error.to_string())?;
        raw.into_line()
    }
}

impl Raw {
    fn into_line(self) -> Result<Line, String> {
        let at = parse_time(&self.t)?;
        let subject = name("sub", self.sub)?;
        if subject.is_empty() {
            return Err("sub: it is empty".to_owned());
        }
        if self.fresh_signature == Some(true) {
            return Ok(Line::FreshSignature { at, subject });
        }
        let patients: Vec<_> = self
            .patients
            .into_iter()
            .flatten()
            .chain(self.patient)
            .collect();
        if patients.is_empty() || patients.len() > PATIENTS_MAX {
            let count = patients.len();
            return Err(format!(
                "patient: {count} patients, not 1 to {PATIENTS_MAX}"
            ));
        }
        let patients = patients.into_iter().map(|patient| {
            let patient = name("patient", patient.into_text())?;
            Ok(Patient::from_pseudonym(&patient))
        });
        let service = self.service.ok_or("service: it is missing")?;
        let text = |key, value: Option<Name>| {
            value.map_or(Ok(String::new()), |value| name(key, value.into_text()))
        };
        Ok(Line::Act(Box::new(Act {
            at,
            subject,
            profession: self
                .profession
                .map(|it| name("profession", it))
                .transpose()?,
            service: name("service", service)?,
            kind: self.kind.unwrap_or_default(),
            actor: self.actor.unwrap_or_default(),
            session: text("session", self.session)?,
            source: text("source", self.source)?,
            patients: patients.collect::<Result<_, String>>()?,
            patient_present: self.patient_present.unwrap_or(false),
            sequence: self.signals.unwrap_or_default().sequence,
            follow_up: self.follow_up,
        })))
    }
}

fn parse_time(text: &str) -> Result<i64, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|error| format!("t: {error}"))?;
    if !YEARS.contains(&time.year()) {
        let (first, last) = (YEARS.start(), YEARS.end());
        return Err(format!("t: the year is not from {first} to {last}"));
    }
    let milliseconds = time.unix_timestamp_nanos() / 1_000_000;
    i64::try_from(milliseconds).map_err(|_| "t: out of range".to_owned())
}

fn name(key: &str, value: String) -> Result<String, String> {
    if value.len() > NAME_BYTES_MAX {
        return Err(format!("{key}: it has more than {NAME_BYTES_MAX} bytes"));
    }
    Ok(value)
}
