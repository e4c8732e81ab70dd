//! `GET /callback`: the browser comes back from the provider with a code or an error.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::error::Error;
use crate::handler::cookie::{self, Cookie};
use crate::handler::problem;
use crate::language::Language;
use crate::person::Person;
use crate::session::{PendingLogin, Session};
use crate::{clock, router};

/// The provider's answer (RFC 6749, 4.1.2 and RFC 9207).
#[derive(Deserialize)]
pub(crate) struct Answer {
    code: Option<String>,
    error: Option<String>,
    state: Option<String>,
    iss: Option<String>,
}

pub(crate) async fn finish_login(
    State(state): State<Arc<router::State>>,
    headers: HeaderMap,
    Query(answer): Query<Answer>,
) -> Response {
    let config = state.relying_party.config();
    let language = Language::of(&headers, Cookie::Language.read(config, &headers));
    let pending = Cookie::Login
        .read(config, &headers)
        .and_then(|cookie| state.sessions.take_login(cookie, clock::unix_seconds()));
    let mut response = match finish(&state, pending, answer).await {
        Ok(session_cookie) => {
            let mut response = Redirect::to("/").into_response();
            cookie::add(
                response.headers_mut(),
                Cookie::Session.set(config, &session_cookie),
            );
            response
        }
        Err(error) => problem::respond(&error, language, &config.issuer),
    };
    cookie::add(response.headers_mut(), Cookie::Login.clear(config));
    response
}

async fn finish(
    state: &router::State,
    pending: Option<PendingLogin>,
    answer: Answer,
) -> Result<String, Error> {
    let pending = pending.ok_or(Error::LoginUnknown)?;
    // A foreign answer must not be finished here (RFC 6749, 10.12; RFC 9207, 2.4).
    if answer.state.as_deref() != Some(pending.state.secret()) {
        return Err(Error::LoginUnknown);
    }
    if answer
        .iss
        .as_ref()
        .is_some_and(|iss| *iss != state.relying_party.config().issuer)
    {
        return Err(Error::LoginUnknown);
    }
    if let Some(error) = answer.error {
        return Err(Error::LoginRefused { error });
    }
    let code = answer.code.ok_or(Error::LoginUnknown)?;
    let login = state
        .relying_party
        .finish(code, pending.verifier, &pending.nonce)
        .await?;
    let session = Session {
        person: Person::from_userinfo(&login.userinfo),
        id_token: login.id_token,
        subject: login.subject,
        sid: login.sid,
    };
    tracing::info!("a professional signed in");
    state.sessions.open(session, clock::unix_seconds())
}
