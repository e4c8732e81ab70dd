//! `GET /callback`: the browser comes back from the provider with a code or an error.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::access::Access;
use crate::error::Error;
use crate::handler::cookie::{self, Cookie};
use crate::handler::problem;
use crate::language::Language;
use crate::person::Person;
use crate::session::{PendingLogin, Session};
use crate::{clock, router};

/// The level of a login without the agent: nobody sees whether the card is still there.
const UNWATCHED: &str = "urn:cardea:acr:card-unwatched";

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
        Ok((session_cookie, leads_to)) => {
            let mut response = Redirect::to(leads_to).into_response();
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
) -> Result<(String, &'static str), Error> {
    let pending = pending.ok_or(Error::LoginUnknown)?;
    let issuer = &state.relying_party.config().issuer;
    let code = check_answer(answer, pending.state.secret(), issuer)?;
    let login = state
        .relying_party
        .finish(code, pending.verifier, &pending.nonce)
        .await?;
    let now = clock::unix_seconds();
    let session = Session {
        person: Person::from_userinfo(&login.userinfo),
        id_token: login.id_token,
        access: Access::new(login.tokens, now),
        subject: login.subject,
        sid: login.sid,
        watched: login.acr.as_deref() != Some(UNWATCHED),
    };
    tracing::info!("a professional signed in");
    Ok((state.sessions.open(session, now)?, pending.leads_to))
}

/// The code of an answer that belongs to this login and comes from this issuer.
fn check_answer(answer: Answer, state: &str, issuer: &str) -> Result<String, Error> {
    // A foreign answer must not be finished here (RFC 6749, 10.12).
    if answer.state.as_deref() != Some(state) {
        return Err(Error::LoginUnknown);
    }
    // An answer that does not say whose it is may be another provider's (RFC 9207, 2.4).
    if answer.iss.as_deref() != Some(issuer) {
        return Err(Error::LoginUnknown);
    }
    if let Some(error) = answer.error {
        return Err(Error::LoginRefused { error });
    }
    answer.code.ok_or(Error::LoginUnknown)
}

#[cfg(test)]
mod tests {
    use super::{Answer, check_answer};

    const ISSUER: &str = "https://op.test";

    fn check(name: &str, change: impl FnOnce(&mut Answer), expected: Result<&str, &str>) {
        let mut answer = Answer {
            code: Some("a-code".into()),
            error: None,
            state: Some("a-state".into()),
            iss: Some(ISSUER.into()),
        };
        change(&mut answer);
        let outcome = check_answer(answer, "a-state", ISSUER);
        let outcome = outcome.as_deref().map_err(|error| error.code());
        assert_eq!(outcome, expected, "{name}");
    }

    #[test]
    fn only_an_answer_of_this_login_from_this_issuer_gives_its_code() {
        const UNKNOWN: Result<&str, &str> = Err("portal.login_unknown");
        check("good", |_| {}, Ok("a-code"));
        check("no state", |answer| answer.state = None, UNKNOWN);
        check(
            "other state",
            |answer| answer.state = Some("another".into()),
            UNKNOWN,
        );
        check("no issuer", |answer| answer.iss = None, UNKNOWN);
        check(
            "other issuer",
            |answer| answer.iss = Some("https://op.test/".into()),
            UNKNOWN,
        );
        check("no code", |answer| answer.code = None, UNKNOWN);
        check(
            "error",
            |answer| answer.error = Some("access_denied".into()),
            Err("portal.login_refused"),
        );
        check(
            "error without issuer",
            |answer| {
                answer.error = Some("access_denied".into());
                answer.iss = None;
            },
            UNKNOWN,
        );
    }
}
