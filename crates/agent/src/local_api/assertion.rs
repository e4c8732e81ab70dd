//! `POST /v1/assertion`: a challenge comes in, a stream of states goes out, ending with the card's
//! assertion or with the reason why there is none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use cardea_assertion::Origin;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::router::PageOrigin;
use crate::agent::Agent;
use crate::progress::Line;
use crate::{Error, page_request, problem};

/// Longest request body, in bytes: a challenge of 4 KiB in JSON.
const BODY_BYTES_MAX: usize = 8 * 1024;
/// How long the body may take to come in.
const BODY_LIMIT: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssertionRequest {
    challenge: String,
}

pub(super) async fn request(
    State(agent): State<Arc<Agent>>,
    Extension(origin): PageOrigin,
    request: Request,
) -> Response {
    let language = agent.language;
    begin(agent, origin, request).await.unwrap_or_else(|error| {
        tracing::warn!(code = error.code(), "assertion refused: {error}");
        problem::response(&error, language)
    })
}

async fn begin(agent: Arc<Agent>, origin: Origin, request: Request) -> Result<Response, Error> {
    let arrived = Instant::now();
    check_content_type(request.headers())?;
    let challenge = read_challenge(request.into_body()).await?;
    let lines = page_request::begin(agent, origin, &challenge, arrived).await?;
    Ok(stream(lines))
}

/// Refuses the content types that a form or a `no-cors` fetch could send without a preflight.
fn check_content_type(headers: &HeaderMap) -> Result<(), Error> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Error::ContentTypeRefused);
    };
    let essence = value
        .to_str()
        .ok()
        .and_then(|text| text.split(';').next())
        .map(str::trim);
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        Ok(())
    } else {
        Err(Error::ContentTypeRefused)
    }
}

async fn read_challenge(body: Body) -> Result<String, Error> {
    let body = tokio::time::timeout(BODY_LIMIT, axum::body::to_bytes(body, BODY_BYTES_MAX)).await;
    let Ok(Ok(bytes)) = body else {
        return Err(Error::RequestInvalid);
    };
    let AssertionRequest { challenge } =
        serde_json::from_slice(&bytes).map_err(|_| Error::RequestInvalid)?;
    Ok(challenge)
}

/// One JSON document a line. When the page closes the response, the receiver is dropped, and the
/// sign-in learns that its page has gone.
fn stream(lines: mpsc::Receiver<Line>) -> Response {
    let lines = futures_util::stream::unfold(lines, |mut lines| async move {
        let line = lines.recv().await?;
        let mut text = serde_json::to_vec(&line).unwrap_or_default();
        text.push(b'\n');
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), lines))
    });
    let mut response = Body::from_stream(lines).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-ndjson"),
    );
    response
}
