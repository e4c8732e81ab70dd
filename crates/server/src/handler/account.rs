//! The account page: opening it by a card, showing it, closing it.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use cardea_provider::{ACCOUNT_PATH, Error};

use crate::account::{self, SignedIn, unavailable};
use crate::error_response::language_of;
use crate::form::{Body, parse_query};
use crate::handler::authorize::{append_cookie, see_other};
use crate::language::{Language, Text};
use crate::page::{self, AccountClosedPage, AccountPage};
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::Refusal;
use crate::request_log::record_login;
use crate::same_origin::check_visit;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// Shows the page; whoever has not opened it is led to the login with her card.
pub(crate) async fn get_account(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    signed_in: Option<SignedIn>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let language = language_of(&uri, &headers);
    match signed_in {
        Some(signed_in) => show(&state, &signed_in, language, None).await,
        None => begin(&state, peer, language, &headers).await,
    }
}

/// Shows the page with what a form has just done.
pub(crate) async fn show(
    state: &AppState,
    SignedIn(session): &SignedIn,
    language: Language,
    notice: Option<Text>,
) -> Result<Response, Refusal> {
    let sections = account::sections(state, session, language).await?;
    let page = AccountPage::new(language, session, &sections).with_notice(notice);
    Ok(page::render(state, StatusCode::OK, language, &page))
}

async fn begin(
    state: &AppState,
    peer: SocketAddr,
    language: Language,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    // As at the authorization endpoint: a login is a row.
    check_visit(headers).map_err(Refusal::page)?;
    let _counted = state
        .charge(Counted::LoginStart, peer, headers)
        .ok_or_else(|| Refusal::page(Problem::TooManyRequests))?;
    let begun = state.provider().begin_account(Some(language.tag())).await;
    let begun = begun.map_err(|error| Refusal::page(Problem::Unavailable).because(error.code()))?;
    record_login(&begun.request_id);
    let cookies = state.cookies();
    let page = format!("/login/{}?lang={}", begun.request_id, language.tag());
    let mut response = see_other(&page);
    let cookie = cookies.set_login(
        &begun.request_id,
        begun.login_cookie.expose(),
        begun.lifetime,
    );
    append_cookie(&mut response, cookie);
    let verifier = begun.code_verifier.expose();
    append_cookie(
        &mut response,
        cookies.set_account_login(verifier, language, begun.lifetime),
    );
    Ok(response)
}

/// Takes the code of a login, in the browser that began it.
pub(crate) async fn get_callback(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let charge = state.charge_page(peer, &headers)?;
    let pairs = parse_query(&uri).map_err(Refusal::page)?;
    let one = |wanted: &str| {
        let mut values = pairs.iter().filter(|(name, _)| name == wanted);
        let value = values.next().map(|(_, value)| value.clone());
        value.filter(|_| values.next().is_none())
    };
    let cookies = state.cookies();
    let kept = cookies.account_login(&headers);
    let chosen = kept.as_ref().and_then(|(_, language)| *language);
    let in_language = |path: &str| match chosen {
        Some(language) => format!("{path}?lang={}", language.tag()),
        None => path.to_owned(),
    };
    if one("error").is_some() {
        let mut response = see_other(&in_language(CLOSED_PATH));
        append_cookie(&mut response, cookies.clear_account_login());
        return Ok(response);
    }
    let (verifier, _) = kept.ok_or_else(|| Refusal::page(Problem::OtherBrowser))?;
    let (Some(code), Some(answered)) = (one("code"), one("state")) else {
        return Err(Refusal::page(Problem::RequestMalformed));
    };
    let provider = state.clone();
    let opened = to_the_end(async move {
        let provider = provider.provider();
        provider.open_account(&code, &answered, &verifier).await
    });
    let opened = opened
        .await
        .ok_or_else(|| Refusal::page(Problem::Internal))?;
    let cookie = opened.map_err(|error| match error {
        Error::LoginCookieMismatch | Error::CodeVerifierMismatch => {
            Refusal::page(Problem::OtherBrowser).because(error.code())
        }
        error => unavailable(&error),
    })?;
    charge.give_back();
    let mut response = see_other(&in_language(ACCOUNT_PATH));
    append_cookie(&mut response, cookies.set_account(cookie.expose()));
    append_cookie(&mut response, cookies.clear_account_login());
    Ok(response)
}

/// Where a page goes that is closed.
const CLOSED_PATH: &str = "/account/closed";

/// Closes the page in this browser.
pub(crate) async fn post_close(
    State(state): State<AppState>,
    signed_in: SignedIn,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    signed_in.read_form(&state, &headers, body)?;
    let cookies = state.cookies();
    if let Some(cookie) = cookies.account(&headers) {
        let provider = state.clone();
        let closed = to_the_end(async move { provider.provider().close_account(&cookie).await });
        closed
            .await
            .ok_or_else(|| Refusal::page(Problem::Internal))?
            .map_err(|error| unavailable(&error))?;
    }
    Ok(closed(&state, language_of(&uri, &headers)))
}

/// Leads to the page that says that the account is closed.
pub(crate) fn closed(state: &AppState, language: Language) -> Response {
    let mut response = see_other(&format!("{CLOSED_PATH}?lang={}", language.tag()));
    append_cookie(&mut response, state.cookies().clear_account());
    response
}

/// Words alone.
pub(crate) async fn get_closed(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let language = language_of(&uri, &headers);
    let page = AccountClosedPage::new(language);
    page::render(&state, StatusCode::OK, language, &page)
}
