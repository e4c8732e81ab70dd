//! `POST /look-ups` of `cardea-guard serve`: a portal asks before it answers.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, header};
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
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let judgement = match state.judge(peer, &body).await {
        Ok(judgement) => judgement,
        Err(error) => {
            tracing::warn!(code = error.code(), "no judgement: {error}");
            return fault(&state.challenging, &error, &headers);
        }
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
    async fn judge(&self, peer: Peer, body: &[u8]) -> Result<super::Judgement, Error> {
        if !peer.is_at(&self.portals) {
            return Err(AdapterError::PortalUnknown.into());
        }
        let asked: Asked =
            serde_json::from_slice(body).map_err(|_| malformed("the body is no question"))?;
        self.guard
            .judge_sealed(&asked.access, &asked.statement)
            .await
    }
}
