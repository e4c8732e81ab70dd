//! `POST /add-checkpoint`, and `GET /healthz` for whoever watches the program.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use cardea_transparency::{ADD_CHECKPOINT_BYTES_MAX, SIZE_CONTENT_TYPE};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{Error, Witness, unix_seconds};

/// Time for a request's body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

struct Serving {
    witness: Arc<Witness>,
    places: Arc<Semaphore>,
}

/// The routes of a witness, with so many requests at work at a time.
pub fn router(witness: Arc<Witness>, requests_max: u32) -> Router {
    let places = usize::try_from(requests_max).unwrap_or(Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(places));
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/healthz", get(|| async { "ok\n" }))
        .with_state(Arc::new(Serving { witness, places }))
}

async fn add_checkpoint(State(serving): State<Arc<Serving>>, body: Body) -> Response {
    match answer(&serving, body).await {
        Ok(line) => (
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            format!("{line}\n"),
        )
            .into_response(),
        Err(error) => refuse(&error),
    }
}

async fn answer(serving: &Serving, body: Body) -> Result<String, Error> {
    let place = Arc::clone(&serving.places).try_acquire_owned();
    let place = place.map_err(|_| Error::Busy)?;
    let body = body_of(body).await?;
    let witness = Arc::clone(&serving.witness);
    // In a thread of its own it comes to its end even if the log hangs up, and has its place until
    // then.
    let judged = tokio::task::spawn_blocking(move || {
        let judged = witness.cosign(&body, unix_seconds());
        drop(place);
        judged
    });
    let signature = judged.await.map_err(|_| Error::Busy)??;
    Ok(signature.to_string())
}

/// The bytes of a request, which come whole, soon, and not too many.
async fn body_of(body: Body) -> Result<Bytes, Error> {
    let whole = to_bytes(body, ADD_CHECKPOINT_BYTES_MAX);
    match tokio::time::timeout(BODY_TIMEOUT, whole).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // Or it broke off, and nobody reads the answer.
        Ok(Err(_)) => Err(Error::RequestTooLarge),
        Err(_) => Err(Error::RequestUnfinished),
    }
}

fn refuse(error: &Error) -> Response {
    let (status, code) = (status(error), error.code());
    match error {
        Error::RootConflict { .. } | Error::GrowthUnproven(_) => {
            tracing::error!(code, "a log shows another history: {error}");
        }
        _ if status.is_server_error() => tracing::error!(code, "not cosigned: {error}"),
        _ => tracing::info!(code, "not cosigned: {error}"),
    }
    let known = match error {
        Error::SizeConflict { known, .. } => Some(*known),
        Error::RootConflict { size } => Some(*size),
        _ => None,
    };
    let mut response = if let Some(known) = known {
        let media = [(header::CONTENT_TYPE, SIZE_CONTENT_TYPE)];
        (status, media, format!("{known}\n")).into_response()
    } else {
        let problem = json!({"title": error.to_string(), "status": status.as_u16(), "code": code});
        let media = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, media, problem.to_string()).into_response()
    };
    let headers = response.headers_mut();
    headers.insert("cardea-error", HeaderValue::from_static(code));
    response
}

/// The statuses of C2SP tlog-witness; the last ones are nobody's fault but this program's.
fn status(error: &Error) -> StatusCode {
    match error {
        Error::RequestMalformed(_) => StatusCode::BAD_REQUEST,
        Error::LogUnknown { .. } => StatusCode::NOT_FOUND,
        Error::CheckpointUnsigned(_) => StatusCode::FORBIDDEN,
        Error::SizeConflict { .. } | Error::RootConflict { .. } => StatusCode::CONFLICT,
        Error::GrowthUnproven(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::RequestUnfinished => StatusCode::REQUEST_TIMEOUT,
        Error::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Error::StateMissing { .. }
        | Error::StateExists { .. }
        | Error::StateDamaged { .. }
        | Error::StateUnwritable { .. }
        | Error::StateUncertain { .. }
        | Error::StateLocked { .. }
        | Error::RestoreRefused(_)
        | Error::SigningFailed(_)
        | Error::FileUnreadable { .. }
        | Error::ConfigInvalid { .. }
        | Error::KeyUnusable { .. }
        | Error::ListenFailed { .. }
        | Error::ExportMalformed { .. }
        | Error::CheckpointRefused(_)
        | Error::CosignatureMissing { .. }
        | Error::EntryAltered { .. }
        | Error::EntryMisplaced { .. }
        | Error::EntryUnproven { .. }
        | Error::EntryForeign { .. }
        | Error::EntriesMissing { .. }
        | Error::EntriesExcess { .. }
        | Error::ErasureUnrecorded { .. }
        | Error::ErasureUnsigned { .. }
        | Error::RootMismatch { .. }
        | Error::HistoryContradicted { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
