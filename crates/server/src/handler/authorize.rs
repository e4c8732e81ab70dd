//! The authorization endpoint (RFC 6749 section 3.1).

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::AuthorizationParameters;
use cardea_provider::{AuthorizationError, BegunAuthorization, Error};

use crate::error_response::language_of;
use crate::form::{Body, parse_form, parse_query};
use crate::handler::{authorization_response, consent};
use crate::language::Language;
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::Refusal;
use crate::request_log::record_login;
use crate::same_origin::check_visit;
use crate::state::AppState;

/// GET: parameters in the query.
pub(crate) async fn get_authorize(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let pairs = parse_query(&uri).map_err(Refusal::page)?;
    authorize(&state, peer, &uri, &headers, pairs).await
}

/// POST: parameters in the body (OpenID Connect Core 1.0 section 3.1.2.1).
pub(crate) async fn post_authorize(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = parse_form(&headers, body).map_err(Refusal::page)?;
    authorize(&state, peer, &uri, &headers, pairs).await
}

async fn authorize(
    state: &AppState,
    peer: SocketAddr,
    uri: &Uri,
    headers: &HeaderMap,
    pairs: Vec<(String, String)>,
) -> Result<Response, Refusal> {
    // Before it is counted: a foreign page has every visitor ask for images.
    check_visit(headers).map_err(Refusal::page)?;
    let _counted = state
        .charge(Counted::LoginStart, peer, headers)
        .ok_or_else(|| Refusal::page(Problem::TooManyRequests))?;
    // A repeated parameter is refused on our own page: with two redirect URIs there is no telling
    // which one is meant (attack E2).
    let parameters = AuthorizationParameters::from_pairs(pairs)
        .map_err(|error| Refusal::page(Problem::AuthorizationRefused).because(error.code()))?;
    let language = parameters
        .ui_locales
        .as_deref()
        .and_then(Language::from_ui_locales);
    let session_cookie = state.cookies().session(headers);
    let begun = state
        .provider()
        .begin_authorization(parameters, session_cookie.as_deref())
        .await;
    let language = language.unwrap_or_else(|| language_of(uri, headers));
    match begun {
        Ok(begun) => Ok(go_on(state, language, begun)),
        Err(error) => refuse(state, language, &error),
    }
}

/// Leads the browser to a page of ours, or back to the portal with an answer.
fn go_on(state: &AppState, language: Language, begun: BegunAuthorization) -> Response {
    let (page, request_id, login_cookie, lifetime) = match begun {
        BegunAuthorization::Login {
            request_id,
            login_cookie,
            lifetime,
            ui_locales,
        } => {
            // Where the request stands elsewhere, its languages do too.
            let language = ui_locales.as_deref().and_then(Language::from_ui_locales);
            let query = language.map_or_else(String::new, |it| format!("?lang={}", it.tag()));
            let page = format!("/login/{request_id}{query}");
            (page, request_id, login_cookie, lifetime)
        }
        BegunAuthorization::Consent {
            request_id,
            login_cookie,
            lifetime,
        } => {
            let page = consent::address(&request_id);
            (page, request_id, login_cookie, lifetime)
        }
        BegunAuthorization::Completed { response } => {
            return authorization_response::send(state, language, &response);
        }
    };
    record_login(&request_id);
    let mut response = see_other(&page);
    let cookies = state.cookies();
    let cookie = cookies.set_login(&request_id, login_cookie.expose(), lifetime);
    append_cookie(&mut response, cookie);
    response
}

fn refuse(
    state: &AppState,
    language: Language,
    error: &AuthorizationError,
) -> Result<Response, Refusal> {
    match error {
        AuthorizationError::Redirect {
            response,
            error,
            source,
        } => {
            let (code, error) = (source.code(), error.as_str());
            tracing::warn!(code, error, "refused by redirect");
            Ok(authorization_response::send(state, language, response))
        }
        AuthorizationError::Page(source) => {
            let is_full = matches!(source, Error::WaitingLoginsLimitReached);
            let problem = if source.is_internal() || is_full {
                Problem::Unavailable
            } else {
                Problem::AuthorizationRefused
            };
            Err(Refusal::page(problem).because(source.code()))
        }
    }
}

/// 303, so that no browser repeats a POST at the new address (attack E22).
pub(super) fn see_other(location: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else {
        return Refusal::page(Problem::Internal).into_response();
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    response
}

pub(super) fn append_cookie(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
