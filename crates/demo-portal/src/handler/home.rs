//! `GET /`: the welcome page, or the professional's space.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::handler::cookie::Cookie;
use crate::language::Language;
use crate::text::Text;
use crate::{clock, page, router};

pub(crate) async fn show_home(
    State(state): State<Arc<router::State>>,
    headers: HeaderMap,
) -> Response {
    let config = state.relying_party.config();
    let language = Language::of(&headers, Cookie::Language.read(config, &headers));
    let (text, other) = (Text::of(language), page::other(language));
    let session = Cookie::Session
        .read(config, &headers)
        .and_then(|cookie| state.sessions.find(cookie, clock::unix_seconds()));
    let (language, issuer) = (language, &config.issuer);
    match session {
        None => {
            let welcome = page::Welcome {
                text,
                language: language.tag(),
                other,
            };
            page::render(StatusCode::OK, &welcome, issuer)
        }
        Some(session) => {
            let greeting = session.person.greeting(language);
            let space = page::Space {
                text,
                language: language.tag(),
                other,
                greeting,
                has_look_ups: state.look_ups.is_some(),
                presence: match session.watched {
                    true => text.presence,
                    false => text.unwatched,
                },
            };
            page::render(StatusCode::OK, &space, issuer)
        }
    }
}
