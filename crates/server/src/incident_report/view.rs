//! Incidents and their reports as operators see them, by command and through the admin API.

use cardea_provider::incident::{IncidentCase, IncidentReport, ReportScope};
use cardea_storage::event::EventRecord;
use cardea_storage::guard_report::{FoundPatient, FoundSession, Part, Totals};
use cardea_storage::incident::{Incident, IncidentNote};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::coverage::{CoverageCount, LogCheck};
use super::written;

/// Incidents.
#[derive(Debug, Serialize)]
pub(crate) struct IncidentList {
    /// The newest first.
    pub(crate) incidents: Vec<IncidentView>,
}

/// One of them.
#[derive(Debug, Serialize)]
pub(crate) struct IncidentView {
    /// Its name in events and commands.
    pub(crate) id: String,
    /// `not_me`, `operator` or `guard_stop`.
    pub(crate) kind: String,
    /// `open`, `in_work` or `closed`.
    pub(crate) state: String,
    /// Whom it is about, by her name at this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    card_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) words: Option<String>,
    opened_by: Value,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) opened_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    changed_at: OffsetDateTime,
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) closed_at: Option<OffsetDateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) close_reason: Option<String>,
}

/// An incident with what belongs to it.
#[derive(Debug, Serialize)]
pub(crate) struct CaseView {
    pub(crate) incident: IncidentView,
    pub(crate) notes: Vec<NoteView>,
    /// What happened in its session, or to its person around it, the oldest first.
    pub(crate) events: Vec<EventView>,
    pub(crate) has_more_events: bool,
}

/// What an operator wrote.
#[derive(Debug, Serialize)]
pub(crate) struct NoteView {
    pub(crate) number: i64,
    pub(crate) written_by: Value,
    pub(crate) words: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) written_at: OffsetDateTime,
}

/// An event of a timeline.
#[derive(Debug, Serialize)]
pub(crate) struct EventView {
    pub(crate) id: String,
    pub(crate) kind: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) occurred_at: OffsetDateTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    details: Value,
}

/// A report's beginning.
#[derive(Debug, Serialize)]
pub(crate) struct ReportView {
    pub(crate) scope: ReportScope,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) made_at: OffsetDateTime,
    pub(crate) totals: TotalsView,
    /// Of what is a guard's word alone.
    pub(crate) unproven: TotalsView,
    pub(crate) log: LogView,
    pub(crate) places: Vec<PlaceView>,
    pub(crate) patients: Vec<PatientView>,
    pub(crate) events: Vec<EventView>,
    /// Whether there is more of places, patients or events than is listed.
    pub(crate) has_more: bool,
}

/// How much.
#[derive(Debug, Serialize)]
pub(crate) struct TotalsView {
    pub(crate) patients: i64,
    pub(crate) data_sets: i64,
    pub(crate) look_ups: i64,
    pub(crate) writes: i64,
    pub(crate) step_ups: i64,
    pub(crate) slowed: i64,
    pub(crate) stopped: i64,
    pub(crate) accounts: i64,
    pub(crate) sessions: i64,
    pub(crate) portals: i64,
    pub(crate) services: i64,
    pub(crate) workstations: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_at: Option<String>,
    pub(crate) reports: i64,
}

/// What the log says of the look-ups that were compared with it.
#[derive(Debug, Serialize)]
pub(crate) struct LogView {
    pub(crate) origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verifier_key: Option<String>,
    /// Leaves under the checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    pub(crate) look_ups: CoverageCount,
}

/// From where.
#[derive(Debug, Serialize)]
pub(crate) struct PlaceView {
    proof: &'static str,
    portal: String,
    service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workstation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<String>,
    requests: i64,
    patients: i64,
    first_at: String,
    last_at: String,
}

/// Whom.
#[derive(Debug, Serialize)]
pub(crate) struct PatientView {
    patient: String,
    times: i64,
    #[serde(with = "time::serde::rfc3339")]
    first_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    last_at: OffsetDateTime,
}

impl ReportView {
    pub(crate) fn of(
        report: IncidentReport,
        patients: Vec<FoundPatient>,
        coverage: CoverageCount,
        log: &LogCheck,
    ) -> Self {
        let listed = i64::try_from(patients.len()).unwrap_or(i64::MAX);
        let has_more = report.has_more || listed < report.proven.patients;
        Self {
            scope: report.scope,
            made_at: report.made_at,
            totals: TotalsView::of(&report.proven),
            unproven: TotalsView::of(&report.unproven),
            log: LogView {
                origin: log.origin().to_owned(),
                verifier_key: log.key().map(ToString::to_string),
                size: log.checkpoint().map(|it| it.size),
                look_ups: coverage,
            },
            places: report.places.into_iter().map(PlaceView::of).collect(),
            patients: patients.into_iter().map(PatientView::from).collect(),
            events: report.events.into_iter().map(EventView::from).collect(),
            has_more,
        }
    }
}

impl TotalsView {
    fn of(totals: &Totals) -> Self {
        Self {
            patients: totals.patients,
            data_sets: totals.data_sets,
            look_ups: totals.look_ups,
            writes: totals.writes,
            step_ups: totals.step_ups,
            slowed: totals.slowed,
            stopped: totals.stopped,
            accounts: totals.persons,
            sessions: totals.sessions,
            portals: totals.clients,
            services: totals.services,
            workstations: totals.workstations,
            first_at: totals.first_at.map(written),
            last_at: totals.last_at.map(written),
            reports: totals.reports,
        }
    }
}

impl PlaceView {
    fn of((part, place): (Part, FoundSession)) -> Self {
        Self {
            proof: match part {
                Part::Proven => "proven",
                Part::Unproven => "unproven",
            },
            portal: place.client_id,
            service: place.service,
            person: place.sub,
            session: place.session_id,
            workstation: place.instance_jkt,
            card: place.card_id,
            requests: place.answers,
            patients: place.patients,
            first_at: written(place.first_at),
            last_at: written(place.last_at),
        }
    }
}

impl From<FoundPatient> for PatientView {
    fn from(found: FoundPatient) -> Self {
        Self {
            patient: found.patient,
            times: found.times,
            first_at: found.first_at,
            last_at: found.last_at,
        }
    }
}

impl From<Incident> for IncidentView {
    fn from(incident: Incident) -> Self {
        Self {
            opened_by: serde_json::from_str(&incident.opened_by).unwrap_or_default(),
            id: incident.id,
            kind: incident.kind,
            state: incident.state,
            sub: incident.sub,
            session_id: incident.session_id,
            card_sha256: incident.card_sha256,
            event_id: incident.event_id,
            client_id: incident.client_id,
            stop_id: incident.stop_id,
            words: incident.words,
            opened_at: incident.opened_at,
            changed_at: incident.changed_at,
            closed_at: incident.closed_at,
            close_reason: incident.close_reason,
        }
    }
}

impl From<IncidentNote> for NoteView {
    fn from(note: IncidentNote) -> Self {
        Self {
            number: note.number,
            written_by: serde_json::from_str(&note.written_by).unwrap_or_default(),
            words: note.words,
            written_at: note.written_at,
        }
    }
}

impl From<EventRecord> for EventView {
    fn from(event: EventRecord) -> Self {
        Self {
            id: event.id,
            kind: event.kind,
            occurred_at: event.occurred_at,
            session_id: event.session_id,
            client_id: event.client_id,
            code: event.code,
            details: serde_json::from_str(&event.details).unwrap_or_default(),
        }
    }
}

impl From<IncidentCase> for CaseView {
    fn from(case: IncidentCase) -> Self {
        Self {
            incident: case.incident.into(),
            notes: case.notes.into_iter().map(NoteView::from).collect(),
            events: case.events.into_iter().map(EventView::from).collect(),
            has_more_events: case.has_more_events,
        }
    }
}
