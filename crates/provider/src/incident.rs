//! What somebody has to look into: opened by a person who says that it was not her, by an operator,
//! or by a guard's stop of an account; worked on and closed by operators, each step on record in
//! its own transaction.

mod asked;
mod look;
mod named;
mod operators;
mod report;

use cardea_jose::{random_base64url, sha256_base64url};
use cardea_storage::Transaction;
use cardea_storage::incident::{self, Incident, OPEN};
use serde::Serialize;
use time::OffsetDateTime;

pub use operators::{
    CLOSED_PAGE_MAX, ClosedIncidents, INCIDENTS_MAX, IncidentCase, Incidents, NOTES_MAX,
    TIMELINE_MAX,
};
pub use report::{IncidentReport, PLACES_MAX, ReportScope};

use crate::event::{Event, IncidentEvent};
use crate::secret::RANDOM_BYTES;
use crate::{Author, Error, Provider};

/// Characters of what somebody writes about an incident.
pub const WORDS_CHARS_MAX: usize = 2_000;
/// Incidents of one person that are not closed.
const UNCLOSED_OF_PERSON_MAX: i64 = 50;

/// What an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IncidentKind {
    /// A person says that something in her name was not her doing.
    NotMe,
    /// An operator has seen something.
    Operator,
    /// A guard has stopped an account.
    GuardStop,
}

/// Who opened an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IncidentBy {
    /// The person that it is about, with her card.
    Person,
    /// An operator.
    Operator(Author),
    /// A guard, as a client.
    Guard(String),
}

/// An incident to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIncident {
    /// What it is.
    pub kind: IncidentKind,
    /// The person that it is about.
    pub sub: Option<String>,
    /// The session.
    pub session_id: Option<String>,
    /// The SHA-256 of the card's certificate, as sessions have it.
    pub card_sha256: Option<String>,
    /// The event that it is about.
    pub event_id: Option<String>,
    /// The portal.
    pub client_id: Option<String>,
    /// The stop of an account that it is about.
    pub stop_id: Option<String>,
    /// What whoever opens it says: [`WORDS_CHARS_MAX`] characters at most.
    pub words: Option<String>,
    /// Who opens it.
    pub by: IncidentBy,
}

impl OpenIncident {
    /// About nothing yet.
    #[must_use]
    pub fn new(kind: IncidentKind, by: IncidentBy) -> Self {
        Self {
            kind,
            sub: None,
            session_id: None,
            card_sha256: None,
            event_id: None,
            client_id: None,
            stop_id: None,
            words: None,
            by,
        }
    }
}

impl IncidentKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::NotMe, Self::Operator, Self::GuardStop];

    /// Its word in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotMe => "not_me",
            Self::Operator => "operator",
            Self::GuardStop => "guard_stop",
        }
    }
}

impl Provider {
    /// Opens an incident in the transaction of what it comes with, on record, and gives its id.
    ///
    /// # Errors
    /// [`Error::IncidentWordsInvalid`]; [`Error::IncidentsTooMany`] where as many of the person
    /// wait already as anybody can look into; [`Error::Storage`].
    pub async fn open_incident(
        &self,
        transaction: &mut Transaction,
        open: OpenIncident,
        now: OffsetDateTime,
    ) -> Result<String, Error> {
        let (incident, event) = prepare(open, now)?;
        store(transaction, &incident).await?;
        self.record(transaction, event).await?;
        Ok(incident.id)
    }
}

/// The row of a new incident, and its event.
fn prepare(open: OpenIncident, now: OffsetDateTime) -> Result<(Incident, Event), Error> {
    let words = open.words.as_deref().map(checked_words).transpose()?;
    let opened_by = serde_json::to_string(&open.by).map_err(Error::StoredValueUnreadable)?;
    let incident = Incident {
        id: random_base64url(RANDOM_BYTES)?,
        kind: open.kind.as_str().to_owned(),
        state: OPEN.to_owned(),
        sub: open.sub,
        session_id: open.session_id,
        card_sha256: open.card_sha256,
        event_id: open.event_id,
        client_id: open.client_id,
        stop_id: open.stop_id,
        words: words.clone(),
        opened_by,
        opened_at: now,
        changed_at: now,
        closed_at: None,
        close_reason: None,
    };
    let kind = IncidentEvent::Opened {
        incident: incident.id.clone(),
        kind: open.kind,
        by: open.by,
        event_id: incident.event_id.clone(),
        stop: incident.stop_id.clone(),
        words_sha256: words.as_deref().map(digest),
    };
    let event = event_of(&incident, kind, now);
    Ok((incident, event))
}

async fn store(transaction: &mut Transaction, incident: &Incident) -> Result<(), Error> {
    if let Some(sub) = &incident.sub {
        let unclosed = incident::count_unclosed_of(transaction, sub).await?;
        if unclosed >= UNCLOSED_OF_PERSON_MAX {
            return Err(Error::IncidentsTooMany);
        }
    }
    Ok(incident::insert(transaction, incident).await?)
}

/// An event of an incident. The person's own log has it where she, or a guard in front of her,
/// opened it; whoever an operator looks into does not read there how far the operator is.
fn event_of(incident: &Incident, kind: IncidentEvent, now: OffsetDateTime) -> Event {
    let mut event = Event::new(kind, now);
    if incident.kind != IncidentKind::Operator.as_str() {
        event.sub.clone_from(&incident.sub);
        event.session_id.clone_from(&incident.session_id);
    }
    event
}

/// What somebody wrote, where it can be kept: line breaks and tabs are the only control characters.
/// Browsers and other systems end a line with two characters, which are one here.
fn checked_words(words: &str) -> Result<String, Error> {
    let words = words.replace("\r\n", "\n");
    let is_control = |it: char| it.is_control() && !matches!(it, '\n' | '\t');
    let is_words = !words.trim().is_empty() && !words.chars().any(is_control);
    match is_words && words.chars().count() <= WORDS_CHARS_MAX {
        true => Ok(words),
        false => Err(Error::IncidentWordsInvalid),
    }
}

fn digest(words: &str) -> String {
    sha256_base64url(words.as_bytes())
}
