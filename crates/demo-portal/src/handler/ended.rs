//! `GET /session/ended`: says kindly that the session is over.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::handler::cookie::{self, Cookie};
use crate::language::Language;
use crate::text::Text;
use crate::{page, router};

pub(crate) async fn show_ended(
    State(state): State<Arc<router::State>>,
    headers: HeaderMap,
) -> Response {
    let config = state.relying_party.config();
    let language = Language::of(&headers, Cookie::Language.read(config, &headers));
    let ended = page::Ended {
        text: Text::of(language),
        language: language.tag(),
        other: page::other(language),
    };
    let mut response = page::render(StatusCode::OK, &ended, &config.issuer);
    cookie::add(response.headers_mut(), Cookie::Session.clear(config));
    response
}
