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
    let (status, explanation) = match error {
        Error::LoginRefused { .. } => (StatusCode::OK, text.problem_refused),
        Error::LoginOvertaken => (StatusCode::OK, text.problem_overtaken),
        Error::LoginUnknown => (StatusCode::BAD_REQUEST, text.problem_unknown),
        _ => (StatusCode::BAD_GATEWAY, text.problem_provider),
    };
    let problem = page::Problem {
        text,
        language: language.tag(),
        other: page::other(language),
        explanation,
        code: error.code().to_owned(),
    };
    page::render(status, &problem, issuer)
}
