//! How a browser gets to a page of our own, the account or the operators' console: by a login with
//! a card, as to a portal.

use std::net::SocketAddr;

use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use cardea_provider::{Error, OwnPage, Secret};

use super::authorize::{append_cookie, see_other};
use crate::form::parse_query;
use crate::language::Language;
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::Refusal;
use crate::request_log::record_login;
use crate::same_origin::check_visit;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// What a login to a page came back with.
#[derive(Debug)]
pub(crate) enum Returned {
    /// Whoever began it gave it up; the answer leads to the page that says so.
    GivenUp(Response),
    /// A code, for this browser.
    With(OwnCode),
}

/// A code for a page of our own.
#[derive(Debug)]
pub(crate) struct OwnCode {
    /// The code.
    pub(crate) code: String,
    /// What came back beside it.
    pub(crate) state: String,
    /// What this browser was given when it asked.
    pub(crate) code_verifier: String,
    /// The language that was chosen on the way.
    language: Option<Language>,
}

/// Leads a browser to the login with the card.
pub(crate) async fn begin(
    state: &AppState,
    page: OwnPage,
    peer: SocketAddr,
    language: Language,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    // As at the authorization endpoint: a login is a row.
    check_visit(headers).map_err(Refusal::page)?;
    let _counted = state
        .charge(Counted::LoginStart, peer, headers)
        .ok_or_else(|| Refusal::page(Problem::TooManyRequests))?;
    let begun = state
        .provider()
        .begin_own_page(page, Some(language.tag()))
        .await;
    let begun = begun.map_err(|error| Refusal::page(Problem::Unavailable).because(error.code()))?;
    record_login(&begun.request_id);
    let cookies = state.cookies();
    let login = format!("/login/{}?lang={}", begun.request_id, language.tag());
    let mut response = see_other(&login);
    let cookie = cookies.set_login(
        &begun.request_id,
        begun.login_cookie.expose(),
        begun.lifetime,
    );
    append_cookie(&mut response, cookie);
    let verifier = begun.code_verifier.expose();
    append_cookie(
        &mut response,
        cookies.set_own_page_login(page, verifier, language, begun.lifetime),
    );
    Ok(response)
}

/// Reads what the login came back with, in the browser that began it.
pub(crate) fn read_return(
    state: &AppState,
    page: OwnPage,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Returned, Refusal> {
    let pairs = parse_query(uri).map_err(Refusal::page)?;
    let one = |wanted: &str| {
        let mut values = pairs.iter().filter(|(name, _)| name == wanted);
        let value = values.next().map(|(_, value)| value.clone());
        value.filter(|_| values.next().is_none())
    };
    let cookies = state.cookies();
    let kept = cookies.own_page_login(page, headers);
    let language = kept.as_ref().and_then(|(_, language)| *language);
    if one("error").is_some() {
        let mut response = see_other(&in_language(&closed_path(page), language));
        append_cookie(&mut response, cookies.clear_own_page_login(page));
        return Ok(Returned::GivenUp(response));
    }
    let (code_verifier, _) = kept.ok_or_else(|| Refusal::page(Problem::OtherBrowser))?;
    let (Some(code), Some(state)) = (one("code"), one("state")) else {
        return Err(Refusal::page(Problem::RequestMalformed));
    };
    Ok(Returned::With(OwnCode {
        code,
        state,
        code_verifier,
        language,
    }))
}

/// Opens the page in this browser with what its code was redeemed for.
pub(crate) fn opened(
    state: &AppState,
    page: OwnPage,
    language: Option<Language>,
    cookie: &Secret,
) -> Response {
    let cookies = state.cookies();
    let mut response = see_other(&in_language(page.path, language));
    append_cookie(&mut response, cookies.set_own_page(page, cookie.expose()));
    append_cookie(&mut response, cookies.clear_own_page_login(page));
    response
}

impl OwnCode {
    /// The language that was chosen on the way, if one was.
    pub(crate) fn language(&self) -> Option<Language> {
        self.language
    }
}

/// A code that opened nothing: another browser's is told from one that is over.
pub(crate) fn refused_code(error: &Error) -> Option<Refusal> {
    let is_other = matches!(
        error,
        Error::LoginCookieMismatch | Error::CodeVerifierMismatch
    );
    is_other.then(|| Refusal::page(Problem::OtherBrowser).because(error.code()))
}

/// Waits for a change to the end, whoever hangs up meanwhile.
pub(crate) async fn done<T: Send + 'static>(
    change: impl Future<Output = Result<T, Error>> + Send + 'static,
    refuse: impl FnOnce(&Error) -> Refusal,
) -> Result<T, Refusal> {
    let done = to_the_end(change).await;
    let done = done.ok_or_else(|| Refusal::page(Problem::Internal))?;
    done.map_err(|error| refuse(&error))
}

/// Where a page leads that is closed.
pub(crate) fn closed_path(page: OwnPage) -> String {
    format!("{}/closed", page.path)
}

fn in_language(path: &str, language: Option<Language>) -> String {
    match language {
        Some(language) => format!("{path}?lang={}", language.tag()),
        None => path.to_owned(),
    }
}
