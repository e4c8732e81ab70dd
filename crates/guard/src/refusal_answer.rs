//! A refusal as an answer over HTTP: status, challenge (RFC 6750 section 3, RFC 9449 section 7.1,
//! RFC 9470 section 3), and problem details (RFC 9457) in the caller's language.

mod accept_language;
mod error_list;
mod judged;

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::ErrorCode;
use serde::Serialize;

use crate::access_token::{StepUp, TokenCheck};
use crate::proof_of_possession::DPOP_NONCE;
use crate::{AccessError, Language};

use accept_language::language_of;

pub(crate) use judged::{Challenging, fault, judged};

/// The code of a refusal, for a proxy that can't read bodies.
pub(crate) const CODE: HeaderName = HeaderName::from_static("x-cardea-code");
/// When to come back after too many proofs: half of them are forgotten by then.
const TOO_MANY_SECONDS: &str = "30";
/// When to come back where the issuer is not reached.
const UNREACHABLE_SECONDS: &str = "2";

/// RFC 9457 section 3.
#[derive(Serialize)]
struct ProblemDetails<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    /// What a judgement rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<&'a [&'a str]>,
}

/// The whole answer to a refused request.
pub(crate) fn refuse(check: &TokenCheck, error: &AccessError, headers: &HeaderMap) -> Response {
    let status = error.status();
    let mut response = problem(check.issuer_origin(), status, error.code(), headers);
    let answer = response.headers_mut();
    if let Some(challenge) = challenge(check, error, headers) {
        answer.insert(header::WWW_AUTHENTICATE, challenge);
    }
    let wants_nonce = error.oauth() == Some(ErrorCode::UseDpopNonce);
    if wants_nonce && let Some(nonce) = nonce(check) {
        answer.insert(DPOP_NONCE, nonce);
    }
    let seconds = match status {
        429 => Some(TOO_MANY_SECONDS),
        503 => Some(UNREACHABLE_SECONDS),
        _ => None,
    };
    if let Some(seconds) = seconds {
        answer.insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
    }
    response
}

/// The current nonce as a header; none where OpenSSL fails, and the client is refused anyway.
pub(crate) fn nonce(check: &TokenCheck) -> Option<HeaderValue> {
    HeaderValue::from_str(&check.dpop_nonce().ok()?).ok()
}

/// Problem details of a code.
pub(crate) fn problem(
    issuer_origin: &str,
    status: u16,
    code: &str,
    headers: &HeaderMap,
) -> Response {
    problem_with(issuer_origin, status, code, headers, None)
}

/// The same, with a detail and reasons of its own instead of the list's.
fn problem_with(
    issuer_origin: &str,
    status: u16,
    code: &str,
    headers: &HeaderMap,
    own: Option<(&str, &[&str])>,
) -> Response {
    let language = language_of(headers);
    let row = error_list::find(code, language);
    let details = ProblemDetails {
        r#type: format!("{issuer_origin}/errors/{code}"),
        title: row.map_or(code, |row| row.meaning),
        status,
        code,
        detail: own.map_or(row.map_or("", |row| row.advice), |(detail, _)| detail),
        reasons: own.map(|(_, reasons)| reasons),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(details)).into_response();
    let answer = response.headers_mut();
    let media = HeaderValue::from_static("application/problem+json");
    answer.insert(header::CONTENT_TYPE, media);
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.insert(header::VARY, HeaderValue::from_static("accept-language"));
    let tag = match language {
        Language::English => "en",
        Language::French => "fr",
    };
    answer.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(tag));
    if let Ok(code) = HeaderValue::from_str(code) {
        answer.insert(CODE, code);
    }
    response
}

/// One header with one challenge; two where no token came and both schemes are open.
fn challenge(check: &TokenCheck, error: &AccessError, headers: &HeaderMap) -> Option<HeaderValue> {
    let algorithms: Vec<_> = check.algorithms().iter().map(|it| it.as_str()).collect();
    let dpop = format!("DPoP algs=\"{}\"", algorithms.join(" "));
    let bearer = "Bearer realm=\"cardea\"".to_owned();
    let text = match (error.oauth(), check.offers_bearer()) {
        (None, true) if matches!(error, AccessError::TokenMissing) => format!("{dpop}, {bearer}"),
        (None, false) if matches!(error, AccessError::TokenMissing) => dpop,
        (None, _) => return None,
        (Some(oauth), offers_bearer) => {
            let scheme = if offers_bearer && came_as_bearer(headers) {
                bearer
            } else {
                dpop
            };
            let code = error.code();
            let meaning = error_list::find(code, Language::English);
            let meaning = allowed(meaning.map_or("", |row| row.meaning));
            let origin = check.issuer_origin();
            format!(
                "{scheme}, error=\"{oauth}\", error_description=\"{code}: {meaning}\", \
                 error_uri=\"{origin}/errors/{code}\"{}",
                wanted(error)
            )
        }
    };
    HeaderValue::from_str(&text).ok()
}

/// What would be enough.
fn wanted(error: &AccessError) -> String {
    match error {
        AccessError::ScopeInsufficient { scope } => format!(", scope=\"{}\"", allowed(scope)),
        AccessError::AcrInsufficient { wanted }
        | AccessError::AmrInsufficient { wanted }
        | AccessError::AuthenticationTooOld { wanted } => step_up(wanted),
        _ => String::new(),
    }
}

fn step_up(wanted: &StepUp) -> String {
    let mut text = String::new();
    if !wanted.acr_values.is_empty() {
        text.push_str(&format!(", acr_values=\"{}\"", allowed(&wanted.acr_values)));
    }
    if let Some(max_age) = wanted.max_age_seconds {
        text.push_str(&format!(", max_age=\"{max_age}\""));
    }
    text
}

fn came_as_bearer(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION);
    let value = value.and_then(|value| value.to_str().ok());
    let scheme = value.and_then(|value| value.split(' ').next());
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("Bearer"))
}

/// The characters that RFC 6750 section 3 allows.
fn allowed(text: &str) -> String {
    let is_allowed =
        |character: &char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
    text.chars().filter(is_allowed).collect()
}
