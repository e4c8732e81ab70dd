//! `/admin/incidents`: what `cardea incident` does.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use cardea_provider::OperatorProven;
use cardea_provider::incident::{
    IncidentBy, IncidentKind, IncidentReport, Incidents, OpenIncident, ReportScope,
};
use cardea_storage::guard_report::Part;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{OperatorRequest, read_body, refuse, refuse_problem};
use crate::error::Error;
use crate::form::Body;
use crate::incident_report::Pages;
use crate::incident_report::coverage::CoverageCount;
use crate::incident_report::file::{FileForm, as_file};
use crate::incident_report::view::{CaseView, IncidentList, IncidentView, ReportView};
use crate::language::Language;
use crate::problem::Problem;
use crate::refusal::{Form, Refusal};
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// Patients that the JSON document lists.
const PATIENTS_LISTED: u32 = 10_000;
/// Look-ups that are compared with the log for a JSON document.
const COMPARED_MAX: u64 = 2_000;

/// An incident to be opened.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewIncident {
    /// What the operator has seen.
    words: String,
    sub: Option<String>,
    session_id: Option<String>,
    client_id: Option<String>,
}

/// What an operator writes down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewNote {
    words: String,
}

/// Why an incident is over.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloseReason {
    reason: String,
}

/// What a report is asked about, and in which form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportAsked {
    sub: Option<String>,
    /// `scheme:number` instead of `sub`.
    subject_id: Option<String>,
    session_id: Option<String>,
    card_id: Option<String>,
    #[serde(default, with = "time::serde::rfc3339::option")]
    from: Option<OffsetDateTime>,
    #[serde(default, with = "time::serde::rfc3339::option")]
    to: Option<OffsetDateTime>,
    #[serde(default)]
    form: ReportForm,
    #[serde(default)]
    language: DocumentWords,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ReportForm {
    #[default]
    Json,
    Csv,
    Pdf,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DocumentWords {
    #[default]
    Fr,
    En,
}

/// What was opened.
#[derive(Serialize)]
pub(crate) struct Opened {
    id: String,
}

/// Lists incidents, closed or not, the newest first.
pub(crate) async fn list_incidents(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
) -> Result<Json<IncidentList>, Refusal> {
    let incidents = state.provider().incidents(&operator);
    let found = incidents.list_all().await;
    let found = found.map_err(|error| refuse(&error))?;
    let incidents = found.into_iter().map(IncidentView::from).collect();
    Ok(Json(IncidentList { incidents }))
}

/// Shows an incident with its notes and its timeline.
pub(crate) async fn get_incident(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(id): Path<String>,
) -> Result<Json<CaseView>, Refusal> {
    let case = state.provider().incidents(&operator).show(&id).await;
    let case = case.map_err(|error| refuse(&error))?;
    Ok(Json(case.into()))
}

/// Opens an incident.
pub(crate) async fn post_incident(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Opened>), Refusal> {
    let new: NewIncident = read_body(&headers, body)?;
    let by = IncidentBy::Operator(operator.author().clone());
    let open = OpenIncident {
        sub: new.sub,
        session_id: new.session_id,
        client_id: new.client_id,
        words: Some(new.words),
        ..OpenIncident::new(IncidentKind::Operator, by)
    };
    let id = done(&state, &operator, |incidents| async move {
        incidents.open(open).await
    });
    Ok((StatusCode::CREATED, Json(Opened { id: id.await? })))
}

/// Says that the operator works on it.
pub(crate) async fn post_take(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(id): Path<String>,
) -> Result<Json<CaseView>, Refusal> {
    let case = done(&state, &operator, |incidents| async move {
        incidents.take_up(&id).await?;
        incidents.show(&id).await
    });
    Ok(Json(case.await?.into()))
}

/// Writes something down about it.
pub(crate) async fn post_note(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<CaseView>, Refusal> {
    let NewNote { words } = read_body(&headers, body)?;
    let case = done(&state, &operator, |incidents| async move {
        incidents.note(&id, &words).await?;
        incidents.show(&id).await
    });
    Ok(Json(case.await?.into()))
}

/// Closes it.
pub(crate) async fn post_close(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<CaseView>, Refusal> {
    let CloseReason { reason } = read_body(&headers, body)?;
    let case = done(&state, &operator, |incidents| async move {
        incidents.close(&id, &reason).await?;
        incidents.show(&id).await
    });
    Ok(Json(case.await?.into()))
}

/// Says which patients were looked up, when and from where.
pub(crate) async fn post_report(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let asked: ReportAsked = read_body(&headers, body)?;
    report_in_form(&state, &operator, asked).await
}

async fn report_in_form(
    state: &AppState,
    operator: &OperatorProven,
    asked: ReportAsked,
) -> Result<Response, Refusal> {
    let incidents = state.provider().incidents(operator);
    let (form, words) = (asked.form, asked.language);
    let language = match words {
        DocumentWords::Fr => Language::French,
        DocumentWords::En => Language::English,
    };
    let scope = scope_of(&incidents, asked).await?;
    give_report(state, operator, scope, (form, language)).await
}

/// Gives a report, which is an event of its own, in the form that is asked for.
async fn give_report(
    state: &AppState,
    operator: &OperatorProven,
    scope: ReportScope,
    (form, language): (ReportForm, Language),
) -> Result<Response, Refusal> {
    let incidents = state.provider().incidents(operator);
    let file = match form {
        ReportForm::Json => None,
        ReportForm::Csv => Some(FileForm::Csv),
        ReportForm::Pdf => Some(FileForm::Pdf),
    };
    let name = file.map_or("json", FileForm::as_str);
    let report = incidents.report(scope, name).await;
    let report = report.map_err(|error| refuse(&error))?;
    match file {
        None => as_json(state, &incidents, report).await,
        Some(form) => {
            let file = as_file(state, &incidents, &report, (form, language)).await;
            file.map_err(|error| refuse_own(&error))
        }
    }
}

async fn scope_of(incidents: &Incidents, asked: ReportAsked) -> Result<ReportScope, Refusal> {
    let sub = match (asked.sub, asked.subject_id) {
        (Some(sub), _) => Some(sub),
        (None, Some(subject_id)) => {
            let found = incidents.find_person(&subject_id).await;
            Some(found.map_err(|error| refuse(&error))?)
        }
        (None, None) => None,
    };
    Ok(ReportScope {
        sub,
        session_id: asked.session_id,
        card_id: asked.card_id,
        from: asked.from,
        to: asked.to,
    })
}

async fn as_json(
    state: &AppState,
    incidents: &Incidents,
    report: IncidentReport,
) -> Result<Response, Refusal> {
    let pages = Pages::begin(state, incidents, &report.scope).await;
    let mut pages = pages.map_err(|error| refuse_own(&error))?;
    let mut coverage = CoverageCount::default();
    while coverage.looked_at() < COMPARED_MAX {
        let page = pages.next().await.map_err(|error| refuse_own(&error))?;
        let Some(page) = page else { break };
        for row in &page {
            coverage.add(row.coverage);
        }
    }
    let patients = incidents.report_patients(&report.scope, Part::Proven, "", PATIENTS_LISTED);
    let patients = patients.await.map_err(|error| refuse(&error))?;
    Ok(Json(ReportView::of(report, patients, coverage, pages.log())).into_response())
}

/// What is on record is done, whoever waits for the answer.
async fn done<T, Doing>(
    state: &AppState,
    operator: &OperatorProven,
    doing: impl FnOnce(Incidents) -> Doing,
) -> Result<T, Refusal>
where
    T: Send + 'static,
    Doing: Future<Output = Result<T, cardea_provider::Error>> + Send + 'static,
{
    let incidents = state.provider().incidents(operator);
    let outcome = to_the_end(doing(incidents)).await;
    let outcome = outcome.ok_or_else(|| refuse_problem(Problem::Internal))?;
    outcome.map_err(|error| refuse(&error))
}

/// What the server itself could not do.
fn refuse_own(error: &Error) -> Refusal {
    let status = match error {
        Error::DocumentTooLong => StatusCode::UNPROCESSABLE_ENTITY,
        Error::DatabaseUnavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Refusal {
        form: Form::Api {
            status,
            detail: error.to_string(),
            challenge: None,
        },
        code: error.code(),
    }
}
