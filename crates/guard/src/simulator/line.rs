//! The replay's form of a look-up: one JSON object a line.

use std::io::{self, Write};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::event::{Account, Event};
use super::traffic::Traffic;
use crate::Actor;

#[derive(Serialize)]
struct Line<'a> {
    t: String,
    sub: &'a str,
    profession: &'a str,
    service: &'a str,
    patient: String,
    patient_present: bool,
    session: String,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Actor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signals: Option<Signals>,
}

#[derive(Serialize)]
struct Signals {
    sequence: bool,
}

/// The line of a look-up, without its end; `None` only for a year beyond 9999.
#[must_use]
pub fn line(account: &Account, event: &Event) -> Option<String> {
    let nanoseconds = i128::from(event.at) * 1_000_000;
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()?;
    let line = Line {
        t: at.format(&Rfc3339).ok()?,
        sub: &account.subject,
        profession: &account.profession,
        service: &account.service,
        patient: event.pseudonym(),
        patient_present: event.present,
        session: event.session_name(),
        source: event.source_name(),
        actor: account.unattended.then_some(Actor::Service),
        signals: event.sequence.then_some(Signals { sequence: true }),
    };
    serde_json::to_string(&line).ok()
}

/// Writes all of the traffic, a line each.
///
/// # Errors
/// What the writer says; a pipe that was closed is no error, but an end.
pub fn write_all(traffic: Traffic, mut output: impl Write) -> io::Result<()> {
    let accounts = traffic.accounts().to_vec();
    for event in traffic {
        let account = usize::try_from(event.account).ok();
        let account = account.and_then(|place| accounts.get(place));
        let Some(line) = account.and_then(|account| line(account, &event)) else {
            continue;
        };
        match writeln!(output, "{line}") {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    output.flush()
}
