//! The token check for a proxy that asks before it passes a request on: nginx `auth_request`,
//! Caddy `forward_auth`, Traefik ForwardAuth (docs/guard-proxies.md).
//!
//! The proxy's words count only from configured addresses, and only the configured ones of its
//! headers: everything else in a request is its caller's own.

mod forwarded_request;
mod identity_headers;
mod rule;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use serde::Serialize;

use crate::access_token::{TokenCheck, VerifiedAccess};
use crate::adapter::{Guard, Portals, look_ups};
use crate::address_range::AddressRange;
use crate::delivery::ReportsHealth;
use crate::peer::Peer;
use crate::proof_of_possession::{CertificateHeader, DPOP_NONCE, RequestSeen};
use crate::refusal_answer::{CODE, Challenging, fault, nonce, problem, refuse};
use crate::{AccessError, Accounts, Error, Health as AccountsHealth, Reports};

pub(crate) use forwarded_request::{ForwardedRequest, Origins, RequestHeaders};
pub(crate) use rule::Rule;

/// Where a proxy asks whether a request may pass.
pub(crate) const AUTH: &str = "/auth";
/// The longest code that a proxy gives back.
const CODE_BYTES_MAX: usize = 64;

/// What the routes go by.
pub(crate) struct ForwardAuth {
    pub(crate) check: TokenCheck,
    pub(crate) proxies: Vec<AddressRange>,
    pub(crate) headers: RequestHeaders,
    pub(crate) origins: Origins,
    pub(crate) certificates: Option<CertificateHeader>,
    pub(crate) rules: Vec<Rule>,
    /// Who judges what was looked up, and the portals that may ask it.
    pub(crate) look_ups: Option<(Guard, Vec<AddressRange>)>,
    /// Whose states they are judged by, and how they are reported; for `/readyz`.
    pub(crate) accounts: Option<Arc<dyn Accounts>>,
    pub(crate) reports: Option<Reports>,
    /// Set when the program stops.
    pub(crate) is_stopping: std::sync::atomic::AtomicBool,
}

/// How the guard does.
#[derive(Serialize)]
struct Health {
    ready: bool,
    /// The code of what keeps every request out.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// The last failure to get the issuer's keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'static str>,
    event_stream: &'static str,
    /// Where the accounts' states are kept: as configured, or with less than that.
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reports: Option<ReportsHealth>,
}

/// The routes of `cardea-guard serve`.
pub(crate) fn router(state: Arc<ForwardAuth>) -> Router {
    let judging = state.look_ups.as_ref().map(|(guard, portals)| {
        look_ups(Arc::new(Portals {
            guard: guard.clone(),
            portals: portals.clone(),
            challenging: Challenging::of(&state.check),
        }))
    });
    let router = Router::new()
        .route(AUTH, any(ask))
        .route("/refusal", any(explain))
        .route("/healthz", get(async || StatusCode::OK))
        .route("/readyz", get(ready))
        .with_state(state);
    router.merge(judging.unwrap_or_default())
}

async fn ask(
    State(state): State<Arc<ForwardAuth>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    answer(&state, peer, &headers).await
}

/// Says whether a request may pass, and whose it is.
pub(crate) async fn answer(state: &ForwardAuth, peer: Peer, headers: &HeaderMap) -> Response {
    match state.verify(peer, headers).await {
        Ok(access) => {
            let reference = match &state.look_ups {
                Some((guard, _)) => guard.refer_to(&access),
                None => Ok(String::new()),
            };
            let reference = match reference {
                Ok(reference) => reference,
                Err(error) => {
                    let error = Error::from(error);
                    tracing::error!(code = error.code(), "refused: {error}");
                    return fault(&Challenging::of(&state.check), &error, headers);
                }
            };
            let mut answer = identity_headers::of(&access, &reference);
            if state.check.demands_nonces()
                && let Some(nonce) = nonce(&state.check)
            {
                answer.insert(DPOP_NONCE, nonce);
            }
            answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            (StatusCode::OK, answer).into_response()
        }
        Err(error) => {
            // No path: it may name a patient.
            tracing::info!(code = error.code(), "refused: {error}");
            refuse(&state.check, &error, headers)
        }
    }
}

impl ForwardAuth {
    async fn verify(&self, peer: Peer, headers: &HeaderMap) -> Result<VerifiedAccess, AccessError> {
        if !peer.is_proxy(&self.proxies) {
            return Err(AccessError::ProxyUnknown);
        }
        let request = ForwardedRequest::read(self.headers, &self.origins, headers)?;
        let demands = rule::demands(&self.rules, &request)?;
        let certificate = match self.certificates {
            Some(form) => form.read(headers)?,
            None => None,
        };
        let seen = RequestSeen {
            method: request.method,
            url: &request.url,
            certificate: certificate.as_ref(),
        };
        self.check.check_each(headers, &seen, demands).await
    }
}

/// Says in words what a code means that `/auth` has answered: nginx drops the body of that answer,
/// and brings code, status and challenge here.
async fn explain(
    State(state): State<Arc<ForwardAuth>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    if !peer.is_proxy(&state.proxies) {
        return refuse(&state.check, &AccessError::ProxyUnknown, &headers);
    }
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let status = text("x-cardea-status").and_then(|status| status.parse().ok());
    let status = status.filter(|status| (400..=599).contains(status));
    let code = text(CODE.as_str()).filter(|code| code.len() <= CODE_BYTES_MAX);
    let is_ours = |code: &&str| AccessError::ALL_CODES.contains(code);
    let code = code.filter(is_ours).unwrap_or("guard.not_ready");
    let mut response = problem(
        state.check.issuer_origin(),
        status.unwrap_or(503),
        code,
        &headers,
    );
    let passed_on = [
        ("x-cardea-challenge", header::WWW_AUTHENTICATE),
        ("x-cardea-nonce", DPOP_NONCE),
    ];
    // nginx itself passes a 401's challenge on, and a second one would stand beside it.
    let is_told = |to: &HeaderName| *to == header::WWW_AUTHENTICATE && status == Some(401);
    for (from, to) in passed_on {
        if let Some(value) = headers.get(from).filter(|_| !is_told(&to)) {
            response.headers_mut().insert(to, value.clone());
        }
    }
    response
}

async fn ready(State(state): State<Arc<ForwardAuth>>) -> Response {
    let check = &state.check;
    let refusal = check.check_ready().err();
    let reports = state.reports.as_ref().map(Reports::health);
    // What can't be written down is not answered.
    let is_full = reports.as_ref().is_some_and(|it| !it.takes);
    let code = refusal.as_ref().map(AccessError::code);
    let code = code.or(is_full.then_some("guard.spool_failed"));
    let is_stopping = state.is_stopping.load(std::sync::atomic::Ordering::Relaxed);
    let accounts = state.accounts.as_ref().map(|it| match it.health() {
        AccountsHealth::Good => "good",
        AccountsHealth::Alone => "alone",
        AccountsHealth::Unkept => "unkept",
    });
    let health = Health {
        ready: code.is_none() && !is_stopping,
        code,
        issuer: check.issuer_trouble(),
        event_stream: match (check.hears_stream(), check.check_stream()) {
            (false, _) => "off",
            (true, Ok(())) => "heard",
            (true, Err(_)) => "silent",
        },
        accounts,
        reports,
    };
    let status = if health.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, axum::Json(health)).into_response()
}

#[cfg(test)]
mod tests;
