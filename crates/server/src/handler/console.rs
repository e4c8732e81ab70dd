//! The operators' console: opening it by a card, closing it, and its pages, one file each.

pub(crate) mod anchors;
pub(crate) mod approvals;
pub(crate) mod cards;
pub(crate) mod incidents;
pub(crate) mod overview;
pub(crate) mod report;
pub(crate) mod search;
pub(crate) mod stops;
pub(crate) mod timelines;

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use cardea_provider::{CONSOLE, Error};

use super::authorize::{append_cookie, see_other};
use super::own_page::{self, OwnCode, Returned};
use crate::console::{AtConsole, refused};
use crate::error_response::language_of;
use crate::form::Body;
use crate::page;
use crate::page::console_page::ConsoleClosedPage;
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Takes the code of a login, in the browser that began it, from an operator alone.
pub(crate) async fn get_callback(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let rules = state.administration().admin();
    let rules = rules.ok_or_else(|| Refusal::page(Problem::NotFound))?;
    let charge = state.charge_page(peer, &headers)?;
    let returned = match own_page::read_return(&state, CONSOLE, &uri, &headers)? {
        Returned::GivenUp(response) => return Ok(response),
        Returned::With(code) => code,
    };
    let language = returned.language();
    let all = state.clone();
    let opened = async move {
        let OwnCode {
            code,
            state,
            code_verifier,
            ..
        } = &returned;
        let provider = all.provider();
        provider
            .open_console(&rules, code, state, code_verifier)
            .await
    };
    let refuse = |error: &Error| own_page::refused_code(error).unwrap_or_else(|| refused(error));
    let cookie = own_page::done(opened, refuse).await?;
    charge.give_back();
    Ok(own_page::opened(&state, CONSOLE, language, &cookie))
}

/// Closes the console in this browser.
pub(crate) async fn post_close(
    State(state): State<AppState>,
    at: AtConsole,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    at.read_form(&state, &headers, body)?;
    if let Some(cookie) = state.cookies().own_page(CONSOLE, &headers) {
        let all = state.clone();
        let closed = async move { all.provider().close_console(&cookie).await };
        own_page::done(closed, refused).await?;
    }
    let mut response = see_other(&at.href(&own_page::closed_path(CONSOLE)));
    append_cookie(&mut response, state.cookies().clear_own_page(CONSOLE));
    Ok(response)
}

/// Words alone.
pub(crate) async fn get_closed(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let language = language_of(&uri, &headers);
    let page = ConsoleClosedPage::new(language);
    page::render(&state, StatusCode::OK, language, &page)
}
