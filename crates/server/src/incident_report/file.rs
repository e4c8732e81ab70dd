//! A report as a file that a browser or a program takes away.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use cardea_provider::incident::{IncidentReport, Incidents};
use futures_util::stream::{self, StreamExt as _};

use super::{Pages, csv, document};
use crate::error::Error;
use crate::language::Language;
use crate::pdf;
use crate::state::AppState;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileForm {
    Csv,
    Pdf,
}

impl FileForm {
    /// Its word on record, and its file's ending.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Pdf => "pdf",
        }
    }
}

/// Gives a report that is on record as a file.
///
/// # Errors
/// Those of the database and of the log; `server.document_too_long`.
pub(crate) async fn as_file(
    state: &AppState,
    incidents: &Incidents,
    report: &IncidentReport,
    (form, language): (FileForm, Language),
) -> Result<Response, Error> {
    let mut pages = Pages::begin(state, incidents, &report.scope).await?;
    match form {
        FileForm::Csv => Ok(as_csv(pages)),
        FileForm::Pdf => {
            let moments = state.moments(language);
            let issuer = state.provider().issuer().as_str();
            let material = document::gather(moments, issuer, report, incidents, &mut pages).await?;
            let bytes = pdf::render(&material.document())?;
            Ok(attached("application/pdf", form, Body::from(bytes)))
        }
    }
}

/// Page by page as the caller reads: none is read before the one before it is on its way.
fn as_csv(pages: Pages) -> Response {
    let head = stream::once(async { Ok(csv::HEADER.to_owned()) });
    let lines = stream::try_unfold(pages, |mut pages| async move {
        let page = pages.next().await.inspect_err(|error| {
            tracing::error!(code = error.code(), "an incident report breaks off");
        })?;
        Ok::<_, Error>(page.map(|page| (csv::lines(&page), pages)))
    });
    let body = Body::from_stream(head.chain(lines));
    attached(
        "text/csv; charset=utf-8; header=present",
        FileForm::Csv,
        body,
    )
}

fn attached(content_type: &'static str, form: FileForm, body: Body) -> Response {
    let ending = form.as_str();
    let name = format!("attachment; filename=\"incident-report.{ending}\"");
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    (headers, body).into_response()
}
