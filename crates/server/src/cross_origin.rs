//! Pages that are a client themselves may read the token endpoint's answers (Fetch, CORS protocol).
//!
//! Exact origins of registered public clients, or none; never with cookies (attack H13). The
//! metadata and keys are readable by any page, as their handlers say. What any other page sends is
//! refused before it is counted (attack H9).

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::ErrorCode;

use crate::problem::Problem;
use crate::refusal::{Form, Refusal};
use crate::same_origin::is_of_foreign_page;
use crate::state::AppState;

/// What a client in a browser calls from its own page.
const PATHS: [&str; 4] = ["/par", "/token", "/userinfo", "/revoke"];

/// How long a browser may remember the answer to its question, in seconds.
const PREFLIGHT_AGE: &str = "600";

/// Answers a browser's question, and lets the asking page read the answer.
pub(crate) async fn allow_pages_of_clients<F>(
    state: &AppState,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    if !PATHS.contains(&request.uri().path()) {
        return next(request).await;
    }
    let origin = permitted_origin(state, request.headers());
    let is_preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &origin {
        Some(_) if is_preflight => preflight(),
        _ => next(request).await,
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("DPoP-Nonce, WWW-Authenticate, Retry-After"),
        );
    }
    response
}

/// Middleware that refuses what the pages of others have their visitors send to the endpoints for
/// clients: it would use up what all behind their address may send.
pub(crate) async fn refuse_foreign_pages(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    if is_of_foreign_page(headers) && permitted_origin(&state, headers).is_none() {
        let problem = Problem::OriginRefused;
        let form = Form::OAuth {
            error: ErrorCode::InvalidRequest,
            status: problem.status(),
        };
        let code = problem.code();
        return Refusal { form, code }.into_response();
    }
    next.run(request).await
}

fn permitted_origin(state: &AppState, headers: &HeaderMap) -> Option<HeaderValue> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (origin, None) = (origins.next()?, origins.next()) else {
        return None;
    };
    let is_known = state
        .provider()
        .is_origin_of_public_client(origin.to_str().ok()?);
    is_known.then(|| origin.clone())
}

fn preflight() -> Response {
    let allow = |name: HeaderName, value: &'static str| (name, HeaderValue::from_static(value));
    let headers = HeaderMap::from_iter([
        allow(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        allow(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, dpop",
        ),
        allow(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE),
    ]);
    (StatusCode::NO_CONTENT, headers).into_response()
}
