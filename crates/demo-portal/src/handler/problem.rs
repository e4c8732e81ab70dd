//! The page for a login that did not work: kind words, the stable code, no inner detail.

use axum::http::StatusCode;
use axum::response::Response;

use crate::error::Error;
use crate::language::Language;
use crate::page;
use crate::text::Text;

pub(super) fn respond(error: &Error, language: Language, issuer: &str) -> Response {
    tracing::warn!(
        code = error.code(),
        reason = error.chain(),
        "a login did not work"
    );
    let text = Text::of(language);
    // What the person did on purpose is no problem (RFC 6749, 4.1.2.1).
    let cancelled = matches!(error, Error::LoginRefused { error } if error == "access_denied");
    let (status, explanation) = match error {
        Error::LoginRefused { .. } if cancelled => (StatusCode::OK, text.cancelled),
        Error::LoginRefused { .. } => (StatusCode::OK, text.problem_refused),
        Error::LoginOvertaken => (StatusCode::OK, text.problem_overtaken),
        Error::LoginUnknown => (StatusCode::BAD_REQUEST, text.problem_unknown),
        _ => (StatusCode::BAD_GATEWAY, text.problem_provider),
    };
    let problem = page::Problem {
        text,
        language: language.tag(),
        other: page::other(language),
        title: if cancelled {
            text.cancelled_title
        } else {
            text.problem_title
        },
        explanation,
        code: (!cancelled).then(|| error.code()),
    };
    page::render(status, &problem, issuer)
}
