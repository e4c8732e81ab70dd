//! The end-session endpoint (OpenID Connect RP-Initiated Logout 1.0).

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use cardea_provider::{
    Error, LogoutDecision, LogoutParameters, ProtocolProfile, Provider, TokenLookup,
};

use crate::error_response::language_of;
use crate::form::{Body, parse_form, parse_query};
use crate::handler::authorize::{append_cookie, see_other};
use crate::handler::token_lookup::look_up_pairs;
use crate::language::Language;
use crate::mtls::Peer;
use crate::page::{self, AgentlessLogins, AskedBy, LogoutAnswerPage, LogoutPage};
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::Refusal;
use crate::same_origin::check_same_origin;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// The field that our own question adds.
const CONFIRMED: &str = "confirmed";
/// What a client shows that asks without a browser.
const REFRESH_TOKEN: &str = "refresh_token";

/// Where a logout request came from.
struct Caller<'a> {
    peer: SocketAddr,
    headers: &'a HeaderMap,
    language: Language,
}

/// GET: parameters in the query.
pub(crate) async fn get_logout(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let pairs = parse_query(&uri).map_err(Refusal::page)?;
    let caller = Caller {
        peer,
        headers: &headers,
        language: language_of(&uri, &headers),
    };
    decide(&state, caller, pairs).await
}

/// POST: a client's form, or the answer to our own question.
pub(crate) async fn post_logout(
    State(state): State<AppState>,
    from: Peer,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let peer = from.address;
    let pairs = parse_form(&headers, body).map_err(Refusal::page)?;
    let is_psc = state.provider().profile() == ProtocolProfile::Psc;
    if is_psc && pairs.iter().any(|(name, _)| name == REFRESH_TOKEN) {
        return end_without_browser(&state, (&from, &headers), pairs).await;
    }
    let caller = Caller {
        peer,
        headers: &headers,
        language: language_of(&uri, &headers),
    };
    if !pairs.iter().any(|(name, _)| name == CONFIRMED) {
        return decide(&state, caller, pairs).await;
    }
    // Only our own page may say that the person has confirmed (attack H2).
    check_same_origin(&headers, state.origin()).map_err(Refusal::page)?;
    let charge = state
        .charge(Counted::LogoutConfirmation, peer, &headers)
        .ok_or_else(|| Refusal::page(Problem::TooManyRequests))?;
    if confirm(&state, state.cookies().session(&headers)).await? {
        charge.give_back();
    }
    Ok(signed_out(&state, caller.language))
}

/// A portal's server with its own proof and its refresh token, as Keycloak takes it: there is no
/// browser to ask or to send anywhere.
async fn end_without_browser(
    state: &AppState,
    from: (&Peer, &HeaderMap),
    mut pairs: Vec<(String, String)>,
) -> Result<Response, Refusal> {
    pairs.retain(|(name, _)| name != "token");
    for (name, _) in &mut pairs {
        if name == REFRESH_TOKEN {
            "token".clone_into(name);
        }
    }
    let look = async |provider: &Provider, lookup: TokenLookup<'_>| {
        let ended = provider.logout_by_refresh_token(lookup).await?;
        state.announce(ended);
        Ok(())
    };
    look_up_pairs(state, from, pairs, look, |()| true).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The signed-out page in another language. Whoever has a session here is asked instead: no link
/// may tell people that they are signed out when they are not.
pub(crate) async fn get_signed_out(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let language = language_of(&uri, &headers);
    match state.cookies().session(&headers) {
        None => signed_out(&state, language),
        Some(_) => question(&state, language, None),
    }
}

/// Where the question's no leads: to words alone.
pub(crate) async fn get_stayed(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let language = language_of(&uri, &headers);
    let page = LogoutAnswerPage::stayed(language);
    page::render(&state, StatusCode::OK, language, &page)
}

async fn decide(
    state: &AppState,
    caller: Caller<'_>,
    pairs: Vec<(String, String)>,
) -> Result<Response, Refusal> {
    let parameters = LogoutParameters::from_pairs(pairs)
        .map_err(|error| Refusal::page(Problem::RequestMalformed).because(error.code()))?;
    let language = parameters
        .ui_locales
        .as_deref()
        .and_then(Language::from_ui_locales)
        .unwrap_or(caller.language);
    // A request that proves nothing is counted before it is looked into. Beyond the limit people
    // are asked all the same, for nobody may be kept signed in.
    let Some(charge) = state.charge(Counted::LogoutRefusal, caller.peer, caller.headers) else {
        return Ok(question(state, language, None));
    };
    let cookie = state.cookies().session(caller.headers);
    let client_id = parameters.client_id.clone();
    match end_hinted(state, parameters, cookie).await? {
        LogoutDecision::Ended { location, .. } => {
            charge.give_back();
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
            let asked_by = client_id.as_deref().zip(client_name.as_deref());
            let asked_by = asked_by.map(|(client_id, name)| AskedBy { client_id, name });
            Ok(question(state, language, asked_by))
        }
    }
}

/// Has the provider decide, and tells those concerned, to the end.
async fn end_hinted(
    state: &AppState,
    parameters: LogoutParameters,
    cookie: Option<String>,
) -> Result<LogoutDecision, Refusal> {
    let state = state.clone();
    let decided = to_the_end(async move {
        let provider = state.provider();
        let mut decision = provider.logout(&parameters, cookie.as_deref()).await?;
        if let LogoutDecision::Ended { ended, .. } = &mut decision {
            state.announce(ended.take());
        }
        Ok(decision)
    });
    finished(decided.await)
}

/// Ends this browser's session, and tells those concerned, to the end; false when it has none.
async fn confirm(state: &AppState, cookie: Option<String>) -> Result<bool, Refusal> {
    let state = state.clone();
    let confirmed = to_the_end(async move {
        let ended = state.provider().confirm_logout(cookie.as_deref()).await?;
        let any = !ended.is_empty();
        state.announce(ended);
        Ok(any)
    });
    finished(confirmed.await)
}

fn finished<T>(outcome: Option<Result<T, Error>>) -> Result<T, Refusal> {
    outcome
        .ok_or_else(|| Refusal::page(Problem::Internal))?
        .map_err(|error| Refusal::page(Problem::Unavailable).because(error.code()))
}

/// The page that asks.
fn question(state: &AppState, language: Language, asked_by: Option<AskedBy<'_>>) -> Response {
    let page = LogoutPage::new(language, asked_by);
    page::render(state, StatusCode::OK, language, &page)
}

fn signed_out(state: &AppState, language: Language) -> Response {
    let agentless = match state.agentless_origin() {
        Some(_) => AgentlessLogins::On,
        None => AgentlessLogins::Off,
    };
    let page = LogoutAnswerPage::signed_out(language, agentless);
    let mut response = page::render(state, StatusCode::OK, language, &page);
    append_cookie(&mut response, state.cookies().clear_session());
    response
}
