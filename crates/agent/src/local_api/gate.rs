//! The checks that stand before every route: `Host`, then `Origin`. Nothing of a request is looked
//! at before they pass, and only an enrolled origin's response carries CORS headers.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use cardea_assertion::Origin;

use crate::agent::Agent;
use crate::host_check::check_host;
use crate::origin_check::check_origin;
use crate::{Error, problem};

/// Preflight headers of Chromium's Private Network Access and of its successor, Local Network
/// Access: the request's, and the answer that allows it.
const NETWORK_ACCESS: [(HeaderName, HeaderName); 2] = [
    (
        HeaderName::from_static("access-control-request-private-network"),
        HeaderName::from_static("access-control-allow-private-network"),
    ),
    (
        HeaderName::from_static("access-control-request-local-network"),
        HeaderName::from_static("access-control-allow-local-network"),
    ),
];

pub(super) struct Gate {
    pub(super) agent: Arc<Agent>,
    pub(super) port: u16,
}

/// Lets a request through, or refuses it.
pub(super) async fn pass(
    State(gate): State<Arc<Gate>>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut response = match gate.check(&request) {
        Ok(origin) => {
            let mut response = if request.method() == Method::OPTIONS {
                preflight(&request)
            } else {
                request.extensions_mut().insert(origin.clone());
                next.run(request).await
            };
            if let Ok(origin) = HeaderValue::from_str(origin.as_str()) {
                response
                    .headers_mut()
                    .insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            }
            response
        }
        Err(error) => {
            tracing::warn!(code = error.code(), "request refused: {error}");
            problem::response(&error, gate.agent.language)
        }
    };
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

impl Gate {
    fn check(&self, request: &Request) -> Result<Origin, Error> {
        check_host(request.headers(), request.uri().authority(), self.port)?;
        let issuers = self.agent.issuers.now();
        let enrolments = issuers.iter().map(|issuer| issuer.enrolment.as_ref());
        check_origin(request.headers(), enrolments)
    }
}

/// The answer to a preflight (Fetch standard, "CORS protocol") of an enrolled origin.
fn preflight(request: &Request) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST"),
    );
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("content-type"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("60"));
    for (asks, allows) in NETWORK_ACCESS {
        if request
            .headers()
            .get(asks)
            .is_some_and(|value| value == "true")
        {
            headers.insert(allows, HeaderValue::from_static("true"));
        }
    }
    response
}
