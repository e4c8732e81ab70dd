//! A page for each code, where `error_uri` and `type` lead.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use crate::error_list;
use crate::error_response::language_of;
use crate::language::{Language, Text};
use crate::page::{self, ErrorPage};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Explains a code: in both languages where people meet it, else in the words of docs/errors.md.
pub(crate) async fn get_error_page(
    State(state): State<AppState>,
    Path(code): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let language = language_of(&uri, &headers);
    if let Some(problem) = Problem::from_code(&code) {
        let heading = problem.title().in_language(language);
        let detail = problem.advice().in_language(language);
        return Ok(render(&state, language, heading, detail, problem.code()));
    }
    let entry = error_list::find(&code).ok_or_else(|| Refusal::page(Problem::NotFound))?;
    let detail = format!("{} ({})", entry.advice, entry.who);
    // Such codes are for portals' and operators' staff; the list is kept in English.
    Ok(render(
        &state,
        language,
        &format!("{} – {}", HEADING.in_language(language), entry.meaning),
        &detail,
        entry.code,
    ))
}

fn render(
    state: &AppState,
    language: Language,
    heading: &str,
    detail: &str,
    code: &str,
) -> Response {
    let error_page = ErrorPage {
        language,
        heading,
        detail,
        code,
        reference: None,
    };
    page::render(state, StatusCode::OK, language, &error_page)
}

const HEADING: Text = Text::new("Technical refusal", "Refus technique");
