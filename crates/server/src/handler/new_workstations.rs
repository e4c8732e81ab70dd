//! The notice of new workstations, between the card's answer and the portal.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use cardea_provider::NewWorkstations;

use crate::error_response::language_of_login;
use crate::form::{Body, parse_form};
use crate::handler::authorize::see_other;
use crate::handler::login_answer;
use crate::language::Language;
use crate::login_error::page_refusal;
use crate::page::{self, NewWorkstationsPage};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::request_log::record_login;
use crate::same_origin::check_same_origin;
use crate::security_headers::consent_page_policy;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// Where a login with news goes. The id is base64url, so that it needs no escaping in an address.
pub(super) fn address(request_id: &str) -> String {
    format!("/new-workstations/{request_id}")
}

/// Shows the notice to the browser that began the login, once its card is in the reader.
pub(crate) async fn get_new_workstations(
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
        .describe_new_workstations(&request_id, &cookie)
        .await
        .map_err(|error| page_refusal(&error))?;
    charge.give_back();
    if described.workstations.is_empty() {
        return Ok(go_on(&request_id));
    }
    let language = language_of_login(&uri, &headers, described.ui_locales.as_deref());
    Ok(render(&state, language, &request_id, &described))
}

/// Takes her word for it, which only our own page may bring.
pub(crate) async fn post_new_workstations(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(request_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    record_login(&request_id);
    check_same_origin(&headers, state.origin()).map_err(Refusal::page)?;
    let pairs = parse_form(&headers, body).map_err(Refusal::page)?;
    let [(name, shown)] = pairs.as_slice() else {
        return Err(Refusal::page(Problem::RequestMalformed));
    };
    if name != "shown" {
        return Err(Refusal::page(Problem::RequestMalformed));
    }
    let cookie = state.login_cookie(&headers, &request_id)?;
    let charge = state.charge_page(peer, &headers)?;
    let (provider, id, shown) = (state.clone(), request_id.clone(), shown.clone());
    let acknowledged = to_the_end(async move {
        let provider = provider.provider();
        provider
            .acknowledge_workstations(&id, &cookie, &shown)
            .await
    });
    acknowledged
        .await
        .ok_or_else(|| Refusal::page(Problem::Internal))?
        .map_err(|error| page_refusal(&error))?;
    charge.give_back();
    Ok(go_on(&request_id))
}

/// On to the answer, or to consent first.
fn go_on(request_id: &str) -> Response {
    see_other(&login_answer::address(request_id))
}

fn render(
    state: &AppState,
    language: Language,
    request_id: &str,
    described: &NewWorkstations,
) -> Response {
    let path = address(request_id);
    let notice = NewWorkstationsPage::new(language, &path, described);
    let policy = consent_page_policy(&described.form_action);
    page::render_with_policy(state, &policy, language, &notice)
}
