//! `POST /logout`: ends the portal's session, then the one at the provider.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};

use crate::error::chain;
use crate::handler::cookie::{self, Cookie};
use crate::language::Language;
use crate::router;

/// The session cookie is `SameSite=Lax`, so a foreign page's form arrives without it and ends
/// nothing.
pub(crate) async fn end_session(
    State(state): State<Arc<router::State>>,
    headers: HeaderMap,
) -> Response {
    let config = state.relying_party.config();
    let language = Language::of(&headers, Cookie::Language.read(config, &headers));
    let session = Cookie::Session
        .read(config, &headers)
        .and_then(|cookie| state.sessions.close(cookie));
    let mut address = None;
    if let Some(session) = session {
        match state
            .relying_party
            .logout_address(&session.id_token, language.tag())
            .await
        {
            Ok(found) => address = found,
            // The portal's own session is over in any case.
            Err(error) => tracing::warn!(code = error.code(), reason = chain(&error), "sign-out"),
        }
    }
    let target = address.as_ref().map_or("/", |url| url.as_str());
    let mut response = Redirect::to(target).into_response();
    cookie::add(response.headers_mut(), Cookie::Session.clear(config));
    response
}
