//! Incidents as operators work on them.

use cardea_storage::event::EventRecord;
use cardea_storage::incident::{self, ClosedBefore, Incident, IncidentNote};
use time::{Duration, OffsetDateTime};

use super::look::seen_in_case;
use super::named::check_incident;
use super::{IncidentBy, OpenIncident, checked_words, digest, event_of, prepare, store};
use crate::console::record_looks;
use crate::event::{ConsoleView, IncidentEvent};
use crate::{Error, OperatorProven, Provider, Records};

/// Incidents that are listed at once.
pub const INCIDENTS_MAX: u32 = 500;
/// Closed incidents of one page.
pub const CLOSED_PAGE_MAX: u32 = 50;
/// Notes of one incident.
pub const NOTES_MAX: u32 = 500;
/// Events of an incident's timeline.
pub const TIMELINE_MAX: u32 = 500;
/// How long before an incident its timeline begins.
const BEFORE: Duration = Duration::days(1);

/// The incidents of a database, in an operator's name.
#[derive(Clone, Debug)]
pub struct Incidents {
    pub(super) records: Records,
}

/// An incident with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentCase {
    /// The incident.
    pub incident: Incident,
    /// What operators wrote about it, in its order.
    pub notes: Vec<IncidentNote>,
    /// What happened in its session, or to its person around it, the oldest first.
    pub events: Vec<EventRecord>,
    /// Whether more happened than is shown.
    pub has_more_events: bool,
}

/// A page of closed incidents, the last closed first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedIncidents {
    /// They, [`CLOSED_PAGE_MAX`] at most.
    pub incidents: Vec<Incident>,
    /// From where the next page goes on; none where there is no more.
    pub next: Option<ClosedBefore>,
}

impl Provider {
    /// The incidents, for an operator who has signed in.
    #[must_use]
    pub fn incidents(&self, operator: &OperatorProven) -> Incidents {
        Incidents::new(self.records(operator.author()))
    }

    /// How many incidents nobody has closed, for the metrics.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn count_incidents(&self) -> Result<i64, Error> {
        let mut transaction = self.store.begin_read().await?;
        Ok(incident::count_unclosed(&mut transaction).await?)
    }
}

impl Incidents {
    /// Looks after the incidents of a database.
    #[must_use]
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    /// Lists the incidents that are not closed, the newest first; [`INCIDENTS_MAX`] at most.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list(&self) -> Result<Vec<Incident>, Error> {
        let mut transaction = self.records.store.begin_read().await?;
        Ok(incident::list_unclosed(&mut transaction, INCIDENTS_MAX).await?)
    }

    /// Lists a page of the closed incidents, the last closed first.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list_closed(
        &self,
        before: Option<&ClosedBefore>,
    ) -> Result<ClosedIncidents, Error> {
        let mut reading = self.records.store.begin_read().await?;
        // One more tells whether there is another page.
        let mut incidents =
            incident::list_closed(&mut reading, before, CLOSED_PAGE_MAX + 1).await?;
        let page = usize::try_from(CLOSED_PAGE_MAX).unwrap_or(usize::MAX);
        let has_more = incidents.len() > page;
        incidents.truncate(page);
        let last = incidents.last().filter(|_| has_more);
        let next = last.and_then(|last| {
            Some(ClosedBefore {
                closed_at: last.closed_at?,
                id: last.id.clone(),
            })
        });
        Ok(ClosedIncidents { incidents, next })
    }

    /// Lists the newest incidents, closed or not; [`INCIDENTS_MAX`] at most.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list_all(&self) -> Result<Vec<Incident>, Error> {
        // Clocks of nodes differ.
        self.list_before(self.records.now() + BEFORE).await
    }

    /// Lists incidents that were opened before a moment, closed or not, the newest first;
    /// [`INCIDENTS_MAX`] at most.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list_before(&self, before: OffsetDateTime) -> Result<Vec<Incident>, Error> {
        let mut transaction = self.records.store.begin_read().await?;
        Ok(incident::list_before(&mut transaction, before, INCIDENTS_MAX).await?)
    }

    /// Shows an incident with its notes and its timeline, once it is on record of everybody in it
    /// that somebody looks.
    ///
    /// # Errors
    /// [`Error::IncidentUnknown`], [`Error::Storage`].
    pub async fn show(&self, id: &str) -> Result<IncidentCase, Error> {
        let mut transaction = self.records.store.begin_read().await?;
        let incident = incident::find(&mut transaction, id).await?;
        let incident = incident.ok_or(Error::IncidentUnknown)?;
        let notes = incident::list_notes(&mut transaction, id, NOTES_MAX).await?;
        let until = incident.closed_at.unwrap_or_else(|| self.records.now());
        let span = (incident.opened_at - BEFORE, until + Duration::seconds(1));
        let mut events =
            incident::list_events(&mut transaction, &incident, span, TIMELINE_MAX + 1).await?;
        let has_more_events = u32::try_from(events.len()).is_ok_and(|found| found > TIMELINE_MAX);
        if has_more_events {
            events.pop();
        }
        drop(transaction);
        let case = IncidentCase {
            incident,
            notes,
            events,
            has_more_events,
        };
        let seen = seen_in_case(&case);
        record_looks(&self.records, ConsoleView::Incident, &seen).await?;
        Ok(case)
    }

    /// Opens an incident in this operator's name, and gives its id. Whom and what it names must be
    /// on record.
    ///
    /// # Errors
    /// [`Error::IncidentNameUnknown`], [`Error::IncidentWordsInvalid`],
    /// [`Error::IncidentsTooMany`], [`Error::Storage`].
    pub async fn open(&self, open: OpenIncident) -> Result<String, Error> {
        let by = IncidentBy::Operator(self.records.author.clone());
        let mut reading = self.records.store.begin_read().await?;
        check_incident(&mut reading, &open).await?;
        drop(reading);
        let (incident, event) = prepare(OpenIncident { by, ..open }, self.records.now())?;
        let mut transaction = self.records.store.begin().await?;
        store(&mut transaction, &incident).await?;
        self.records.append(&mut transaction, &event).await?;
        transaction.commit().await?;
        Ok(incident.id)
    }

    /// Says that this operator works on an incident. False where somebody has said so before.
    ///
    /// # Errors
    /// [`Error::IncidentUnknown`]; [`Error::IncidentClosed`]; [`Error::Storage`].
    pub async fn take_up(&self, id: &str) -> Result<bool, Error> {
        let now = self.records.now();
        let mut transaction = self.records.store.begin().await?;
        let is_new = incident::take_up(&mut transaction, id, now).await?;
        let incident = incident::find(&mut transaction, id).await?;
        let incident = incident.ok_or(Error::IncidentUnknown)?;
        if incident.state == incident::CLOSED {
            return Err(Error::IncidentClosed);
        }
        if is_new {
            let kind = IncidentEvent::TakenUp {
                incident: incident.id.clone(),
                by: self.records.author.clone(),
            };
            let event = event_of(&incident, kind, now);
            self.records.append(&mut transaction, &event).await?;
            transaction.commit().await?;
        }
        Ok(is_new)
    }

    /// Writes something down about an incident, closed or not, and gives the note's number.
    ///
    /// # Errors
    /// [`Error::IncidentUnknown`], [`Error::IncidentWordsInvalid`],
    /// [`Error::IncidentNotesTooMany`], [`Error::Storage`].
    pub async fn note(&self, id: &str, words: &str) -> Result<i64, Error> {
        let words = checked_words(words)?;
        let now = self.records.now();
        let by = &self.records.author;
        let written_by = serde_json::to_string(by).map_err(Error::StoredValueUnreadable)?;
        let mut transaction = self.records.store.begin().await?;
        let incident = incident::find(&mut transaction, id).await?;
        let incident = incident.ok_or(Error::IncidentUnknown)?;
        let note = (written_by.as_str(), words.as_str());
        let number = incident::add_note(&mut transaction, id, note, now, NOTES_MAX).await?;
        let number = number.ok_or(Error::IncidentNotesTooMany)?;
        let kind = IncidentEvent::Noted {
            incident: incident.id.clone(),
            number,
            by: by.clone(),
            words_sha256: digest(&words),
        };
        let event = event_of(&incident, kind, now);
        self.records.append(&mut transaction, &event).await?;
        transaction.commit().await?;
        Ok(number)
    }

    /// Closes an incident, and says why.
    ///
    /// # Errors
    /// [`Error::IncidentUnknown`], [`Error::IncidentClosed`], [`Error::IncidentWordsInvalid`],
    /// [`Error::Storage`].
    pub async fn close(&self, id: &str, reason: &str) -> Result<(), Error> {
        let reason = checked_words(reason)?;
        let now = self.records.now();
        let mut transaction = self.records.store.begin().await?;
        let is_closed = incident::close(&mut transaction, id, &reason, now).await?;
        let incident = incident::find(&mut transaction, id).await?;
        let incident = incident.ok_or(Error::IncidentUnknown)?;
        if !is_closed {
            return Err(Error::IncidentClosed);
        }
        let kind = IncidentEvent::Closed {
            incident: incident.id.clone(),
            by: self.records.author.clone(),
            reason,
        };
        let event = event_of(&incident, kind, now);
        self.records.append(&mut transaction, &event).await?;
        Ok(transaction.commit().await?)
    }
}
