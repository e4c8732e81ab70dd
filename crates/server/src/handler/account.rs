//! The account page: opening it by a card, showing it, closing it.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use cardea_provider::{ACCOUNT, Error};

use crate::account::{self, SignedIn, unavailable};
use crate::error_response::language_of;
use crate::form::Body;
use crate::handler::authorize::{append_cookie, see_other};
use crate::handler::own_page::{self, OwnCode, Returned};
use crate::language::{Language, Text};
use crate::page::{self, AccountClosedPage, AccountPage};
use crate::problem::Problem;
use crate::refusal::Refusal;
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
        None => own_page::begin(&state, ACCOUNT, peer, language, &headers).await,
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

/// Takes the code of a login, in the browser that began it.
pub(crate) async fn get_callback(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let charge = state.charge_page(peer, &headers)?;
    let returned = match own_page::read_return(&state, ACCOUNT, &uri, &headers)? {
        Returned::GivenUp(response) => return Ok(response),
        Returned::With(code) => code,
    };
    let language = returned.language();
    let all = state.clone();
    let opened = async move {
        let provider = all.provider();
        let OwnCode {
            code,
            state,
            code_verifier,
            ..
        } = &returned;
        provider.open_account(code, state, code_verifier).await
    };
    let refuse = |error: &Error| {
        let refused = own_page::refused_code(error);
        refused.unwrap_or_else(|| unavailable(error))
    };
    let cookie = own_page::done(opened, refuse).await?;
    charge.give_back();
    Ok(own_page::opened(&state, ACCOUNT, language, &cookie))
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
