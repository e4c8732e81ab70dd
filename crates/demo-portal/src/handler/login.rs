//! `GET /login`: sends the browser to the OpenID provider.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::error::Error;
use crate::handler::cookie::{self, Cookie};
use crate::handler::problem;
use crate::language::Language;
use crate::session::PendingLogin;
use crate::{clock, router};

#[derive(Deserialize)]
pub(crate) struct Wanted {
    /// The card signs anew, also where somebody is signed in already.
    #[serde(default)]
    fresh: u8,
}

pub(crate) async fn begin_login(
    State(state): State<Arc<router::State>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Response {
    let config = state.relying_party.config();
    let language = Language::of(&headers, Cookie::Language.read(config, &headers));
    match begin(&state, language, wanted.fresh > 0).await {
        Ok(response) => response,
        Err(error) => problem::respond(&error, language, &config.issuer),
    }
}

async fn begin(
    state: &router::State,
    language: Language,
    is_fresh: bool,
) -> Result<Response, Error> {
    let begun = match is_fresh {
        true => state.relying_party.begin_fresh(language.tag()).await?,
        false => state.relying_party.begin(language.tag()).await?,
    };
    // Only a look-up asks for a signature of somebody who is there already.
    let leads_to = if is_fresh { "/patients" } else { "/" };
    let pending = PendingLogin {
        leads_to,
        state: begun.state,
        nonce: begun.nonce,
        verifier: begun.verifier,
    };
    let value = state
        .sessions
        .remember_login(pending, clock::unix_seconds())?;
    let mut response = Redirect::to(begun.address.as_str()).into_response();
    let config = state.relying_party.config();
    cookie::add(response.headers_mut(), Cookie::Login.set(config, &value));
    Ok(response)
}
