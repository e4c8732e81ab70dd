//! `POST /look-ups` of `cardea-guard serve`: a portal asks before it answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::json;

use super::keys::{SEALED_BYTES_MAX, malformed};
use super::{AdapterError, Guard};
use crate::address_range::AddressRange;
use crate::peer::Peer;
use crate::refusal_answer::{Challenging, fault, judged};
use crate::{Answer, Error};

/// Two sealed texts and their names.
const BODY_BYTES_MAX: usize = SEALED_BYTES_MAX + 16 * 1024;
/// For all of it to arrive: whoever is slower would keep a place from others.
const BODY_TIME: Duration = Duration::from_secs(5);

/// Who may ask, and who answers.
pub(crate) struct Portals {
    pub(crate) guard: Guard,
    pub(crate) portals: Vec<AddressRange>,
    pub(crate) challenging: Challenging,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The guard's own `X-Cardea-Access`.
    access: String,
    /// The adapter's statement.
    statement: String,
}

pub(crate) fn look_ups(portals: Arc<Portals>) -> Router {
    Router::new()
        .route("/look-ups", post(answer))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(portals)
}

async fn answer(
    State(state): State<Arc<Portals>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    // Of somebody unknown nothing is read.
    if !peer.is_at(&state.portals) {
        return state.refuse(&AdapterError::PortalUnknown.into(), &headers);
    }
    let body = match tokio::time::timeout(BODY_TIME, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(refusal)) => return refusal.into_response(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let judgement = match state.judge(&body).await {
        Ok(judgement) => judgement,
        Err(error) => return state.refuse(&error, &headers),
    };
    if judgement.decision.answer == Answer::Allow {
        let mut response = axum::Json(json!({"answer": "allow"})).into_response();
        let no_store = HeaderValue::from_static("no-store");
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, no_store);
        return response;
    }
    judged(&state.challenging, &judgement, &headers)
}

impl Portals {
    fn refuse(&self, error: &Error, headers: &HeaderMap) -> Response {
        tracing::warn!(code = error.code(), "no judgement: {error}");
        fault(&self.challenging, error, headers)
    }

    async fn judge(&self, body: &[u8]) -> Result<super::Judgement, Error> {
        let asked: Asked =
            serde_json::from_slice(body).map_err(|_| malformed("the body is no question"))?;
        self.guard
            .judge_sealed(&asked.access, &asked.statement)
            .await
    }
}
