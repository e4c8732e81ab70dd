//! `GET /language/{tag}`: remembers the language and goes back to the start.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};

use crate::handler::cookie::{self, Cookie};
use crate::language::Language;
use crate::router;

pub(crate) async fn choose_language(
    State(state): State<Arc<router::State>>,
    Path(tag): Path<String>,
) -> Response {
    let mut response = Redirect::to("/").into_response();
    if let Some(language) = Language::parse(&tag) {
        let config = state.relying_party.config();
        cookie::add(
            response.headers_mut(),
            Cookie::Language.set(config, language.tag()),
        );
    }
    response
}
