//! What a person is told about her cards, between the card's answer and the portal.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use cardea_provider::{CardNewsAnswer, SuspendCode};

use crate::error_response::{language_of, language_of_login};
use crate::form::{Body, parse_form};
use crate::handler::authorize::see_other;
use crate::handler::login_answer;
use crate::language::Language;
use crate::login_error::page_refusal;
use crate::page::{self, CardNewsPage, SUSPEND_PATH, SuspendCodePage};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::request_log::record_login;
use crate::same_origin::check_same_origin;
use crate::security_headers::consent_page_policy;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// Where a login with news about cards goes. The id is base64url, so that it needs no escaping in
/// an address.
pub(super) fn address(request_id: &str) -> String {
    format!("/card-news/{request_id}")
}

/// Shows the page to the browser that began the login, once its card is in the reader.
pub(crate) async fn get_card_news(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(request_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    record_login(&request_id);
    let cookie = state.login_cookie(&headers, &request_id)?;
    let charge = state.charge_page(peer, &headers)?;
    let described = state
        .provider()
        .describe_card_news(&request_id, &cookie)
        .await
        .map_err(|error| page_refusal(&error))?;
    charge.give_back();
    if described.suspended.is_empty() && described.offered_for.is_none() {
        return Ok(go_on(&request_id));
    }
    let language = language_of_login(&uri, &headers, described.ui_locales.as_deref());
    let path = address(&request_id);
    let page = CardNewsPage::new(language, &path, &described);
    let policy = consent_page_policy(&described.form_action);
    Ok(page::render_with_policy(&state, &policy, language, &page))
}

/// Takes her answer, which only our own page may bring, and shows the code where she wants one.
pub(crate) async fn post_card_news(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(request_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    record_login(&request_id);
    check_same_origin(&headers, state.origin()).map_err(Refusal::page)?;
    let pairs = parse_form(&headers, body).map_err(Refusal::page)?;
    let (shown, answer) = read_answer(&pairs).ok_or_else(malformed)?;
    let cookie = state.login_cookie(&headers, &request_id)?;
    let charge = state.charge_page(peer, &headers)?;
    let (all, id) = (state.clone(), request_id.clone());
    let answered = to_the_end(async move {
        let provider = all.provider();
        provider
            .answer_card_news(&id, &cookie, &shown, answer)
            .await
    });
    let code = answered
        .await
        .ok_or_else(|| Refusal::page(Problem::Internal))?
        .map_err(|error| page_refusal(&error))?;
    charge.give_back();
    let language = language_of(&uri, &headers);
    Ok(match code {
        Some(code) => show_code(&state, language, &code, &login_answer::address(&request_id)),
        None => go_on(&request_id),
    })
}

fn read_answer(pairs: &[(String, String)]) -> Option<(String, CardNewsAnswer)> {
    let [(first, shown), (second, answer)] = pairs else {
        return None;
    };
    let answer = match answer.as_str() {
        "go_on" => CardNewsAnswer::GoOn,
        "make_code" => CardNewsAnswer::MakeCode,
        _ => return None,
    };
    (first == "shown" && second == "answer").then(|| (shown.clone(), answer))
}

fn malformed() -> Refusal {
    Refusal::page(Problem::RequestMalformed)
}

/// Shows a code, which nobody sees again; `onward` is where the page leads.
pub(crate) fn show_code(
    state: &AppState,
    language: Language,
    code: &SuspendCode,
    onward: &str,
) -> Response {
    let suspend_url = format!("{}{SUSPEND_PATH}", state.origin());
    let code = code.expose_grouped();
    let page = SuspendCodePage::new(language, &code, &suspend_url, onward);
    page::render(state, StatusCode::OK, language, &page)
}

/// On to the answer, or to what else is to be shown first.
fn go_on(request_id: &str) -> Response {
    see_other(&login_answer::address(request_id))
}
