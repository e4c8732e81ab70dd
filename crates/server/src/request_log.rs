//! One log line a request, and the span that ties a request's lines together.
//!
//! Only the route's pattern is written, never the address itself: queries hold states and codes,
//! and a login's address holds its id (of which eight characters go to the log).

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::response::Response;
use axum_server::ConnectionShutdown;
use cardea_jose::random_base64url;
use tracing::{Instrument, Span};

use crate::refusal::Refusal;
use crate::state::AppState;
use crate::telemetry::{continue_trace, note_answer};

/// Names one request in the log and in what its caller is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestId(String);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Characters of a login's id that the log shows: enough to tell logins apart, too few to use.
const LOGIN_ID_CHARS: usize = 8;

/// The part of an authorization request's id that stands in the log as `login_id`.
pub(crate) fn short_login_id(request_id: &str) -> &str {
    let end = request_id
        .char_indices()
        .nth(LOGIN_ID_CHARS)
        .map_or(request_id.len(), |(at, _)| at);
    request_id.get(..end).unwrap_or_default()
}

/// Writes a login's id into the span of the running request.
pub(crate) fn record_login(request_id: &str) {
    Span::current().record("login_id", short_login_id(request_id));
}

/// Opens the span and writes the line.
pub(crate) async fn log_request<F>(
    state: &AppState,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    let id = RequestId(random_base64url(9).unwrap_or_default());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unknown".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        otel.name = %format_args!("{} {route}", request.method()),
        request_id = id.as_str(),
        method = request.method().as_str(),
        route = route.as_str(),
        login_id = tracing::field::Empty,
    );
    continue_trace(&span, &request, state.traceparent_from());
    request.extensions_mut().insert(id);
    let (method, version) = (request.method().clone(), request.version());
    let connection = request.extensions().get::<ConnectionShutdown>().cloned();
    let began = Instant::now();
    async move {
        let mut response = next(request).await;
        let took = began.elapsed();
        let code = response
            .extensions()
            .get::<Refusal>()
            .map(|refusal| refusal.code);
        let metrics = state.metrics();
        metrics.observe_request(&method, &route, response.status(), code, took);
        if state.readiness().is_stopping() {
            close_after(version, connection.as_ref(), &mut response);
        }
        let status = response.status().as_u16();
        note_answer(&Span::current(), status, code);
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match code {
            Some(code) if status >= 500 => {
                tracing::error!(status, milliseconds, code, "failed");
            }
            Some(code) => tracing::warn!(status, milliseconds, code, "refused"),
            None => tracing::info!(status, milliseconds, "answered"),
        }
        response
    }
    .instrument(span)
    .await
}

/// A server that is to stop ends each connection with the answer at hand, and says so in it:
/// callers then ask elsewhere, and send nothing more that would be lost. HTTP/2 has a frame for it.
/// A connection that becomes an agent's has an end of its own.
fn close_after(version: Version, connection: Option<&ConnectionShutdown>, response: &mut Response) {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    if version < Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    } else if let Some(connection) = connection {
        connection.graceful_shutdown();
    }
}

#[cfg(test)]
mod tests {
    use super::short_login_id;

    #[test]
    fn login_ids_are_cut() {
        assert_eq!(short_login_id("abcdefghijk"), "abcdefgh");
        assert_eq!(short_login_id("abc"), "abc");
        assert_eq!(short_login_id("ééééééééé"), "éééééééé");
    }
}
