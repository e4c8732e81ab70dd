//! A page for each code, where `error_uri` and `type` lead.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use crate::error_list;
use crate::error_response::language_of;
use crate::page::{self, CodePage};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Explains a code in the words of docs/errors.md or of its translation.
pub(crate) async fn get_error_page(
    State(state): State<AppState>,
    Path(code): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let language = language_of(&uri, &headers);
    let explained = error_list::find_translated(&code, language)
        .ok_or_else(|| Refusal::page(Problem::NotFound))?;
    let code_page = CodePage::new(language, explained, Problem::from_code(&code));
    Ok(page::render(&state, StatusCode::OK, language, &code_page))
}
