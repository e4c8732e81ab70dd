//! One line of a replay.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
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
#[derive(serde::Deserialize)]
struct Raw {
    t: String,
    sub: Name,
    profession: Option<Name>,
    service: Option<Name>,
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
#[derive(Default, serde::Deserialize)]
struct Signals {
    #[serde(default)]
    sequence: bool,
}

/// A name, which some write as a number. One with a fraction, or too long for 64 bits, is refused:
/// it would be rounded, and people whose numbers are near would be taken for one.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text or a whole number of 64 bits")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Name, E> {
        if text.len() > NAME_BYTES_MAX {
            return Err(E::custom(format_args!(
                "it has more than {NAME_BYTES_MAX} bytes"
            )));
        }
        Ok(Name(text.to_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Name, E> {
        Ok(Name(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Name, E> {
        Ok(Name(number.to_string()))
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
            format!("{place}{}", describe(error.inner()))
        })?;
        deserializer.end().map_err(|error| describe(&error))?;
        raw.into_line()
    }
}

/// The parser counts lines from one in each line: in a long file its number would mislead.
fn describe(error: &serde_json::Error) -> String {
    let (text, column) = (error.to_string(), error.column());
    let place = format!(" at line {} column {column}", error.line());
    match text.strip_suffix(&place) {
        Some(text) => format!("{text} (column {column})"),
        None => text,
    }
}

impl Raw {
    fn into_line(self) -> Result<Line, String> {
        let at = parse_time(&self.t)?;
        let Name(subject) = self.sub;
        if subject.is_empty() {
            return Err("sub: it is empty".to_owned());
        }
        if self.fresh_signature == Some(true) {
            return Ok(Line::FreshSignature { at, subject });
        }
        let patients = self.patients.into_iter().flatten().chain(self.patient);
        let patients: Vec<_> = patients
            .map(|Name(patient)| Patient::from_pseudonym(&patient))
            .collect();
        if patients.is_empty() || patients.len() > PATIENTS_MAX {
            let count = patients.len();
            return Err(format!(
                "patient: {count} patients, not 1 to {PATIENTS_MAX}"
            ));
        }
        let Name(service) = self.service.ok_or("service: it is missing")?;
        let text = |value: Option<Name>| value.map_or_else(String::new, |Name(text)| text);
        Ok(Line::Act(Box::new(Act {
            at,
            subject,
            profession: self.profession.map(|Name(text)| text),
            service,
            kind: self.kind.unwrap_or_default(),
            actor: self.actor.unwrap_or_default(),
            session: text(self.session),
            source: text(self.source),
            patients,
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
