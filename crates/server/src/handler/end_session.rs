//! The end-session endpoint (OpenID Connect RP-Initiated Logout 1.0).

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use cardea_provider::{LogoutDecision, LogoutParameters};

use crate::error_response::language_of;
use crate::form::{Body, parse_form, parse_query};
use crate::handler::authorize::{append_cookie, see_other};
use crate::language::Language;
use crate::page::{self, LogoutPage, SignedOutPage};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::same_origin::check_same_origin;
use crate::state::AppState;

/// The field that our own question adds.
const CONFIRMED: &str = "confirmed";

/// GET: parameters in the query.
pub(crate) async fn get_logout(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let pairs = parse_query(&uri).map_err(Refusal::page)?;
    decide(&state, language_of(&uri, &headers), &headers, pairs).await
}

/// POST: a client's form, or the answer to our own question.
pub(crate) async fn post_logout(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = parse_form(&headers, body).map_err(Refusal::page)?;
    let language = language_of(&uri, &headers);
    if !pairs.iter().any(|(name, _)| name == CONFIRMED) {
        return decide(&state, language, &headers, pairs).await;
    }
    // Only our own page may say that the person has confirmed (attack H2).
    check_same_origin(&headers, state.issuer()).map_err(Refusal::page)?;
    let cookie = state.cookies().session(&headers);
    let ended = state
        .provider()
        .confirm_logout(cookie.as_deref())
        .await
        .map_err(|error| Refusal::page(Problem::Unavailable).because(error.code()))?;
    state.announce(ended);
    Ok(signed_out(&state, language))
}

async fn decide(
    state: &AppState,
    language: Language,
    headers: &HeaderMap,
    pairs: Vec<(String, String)>,
) -> Result<Response, Refusal> {
    let parameters = LogoutParameters::from_pairs(pairs)
        .map_err(|error| Refusal::page(Problem::RequestMalformed).because(error.code()))?;
    let language = parameters
        .ui_locales
        .as_deref()
        .and_then(Language::from_ui_locales)
        .unwrap_or(language);
    let cookie = state.cookies().session(headers);
    let decision = state
        .provider()
        .logout(&parameters, cookie.as_deref())
        .await
        .map_err(|error| Refusal::page(Problem::Unavailable).because(error.code()))?;
    match decision {
        LogoutDecision::Ended { location, ended } => {
            state.announce(ended);
            match location {
                Some(location) => {
                    let mut response = see_other(&location);
                    append_cookie(&mut response, state.cookies().clear_session());
                    Ok(response)
                }
                None => Ok(signed_out(state, language)),
            }
        }
        LogoutDecision::Confirm { client_name } => {
            let page = LogoutPage::new(language, client_name.as_deref());
            Ok(page::render(StatusCode::OK, language, &page))
        }
    }
}

fn signed_out(state: &AppState, language: Language) -> Response {
    let mut response = page::render(StatusCode::OK, language, &SignedOutPage::new(language));
    append_cookie(&mut response, state.cookies().clear_session());
    response
}
