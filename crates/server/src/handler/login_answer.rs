//! The end of a login whose answer is a page of ours: the client wants it by form post.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use cardea_provider::Error;

use crate::error_response::language_of;
use crate::handler::authorize::{append_cookie, see_other};
use crate::handler::{authorization_response, card_news, consent, new_workstations};
use crate::login_error::page_refusal;
use crate::refusal::Refusal;
use crate::request_log::record_login;
use crate::state::AppState;

/// Where a login goes whose answer takes a page. The id is base64url, so that it needs no escaping
/// in an address.
pub(super) fn address(request_id: &str) -> String {
    format!("/login/{request_id}/answer")
}

/// Completes a login in the browser that began it; the card has answered before.
pub(crate) async fn get_answer(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(request_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    record_login(&request_id);
    let cookies = state.cookies();
    let login_cookie = state.login_cookie(&headers, &request_id)?;
    let charge = state.charge_page(peer, &headers)?;
    let session_cookie = cookies.session(&headers);
    let completed = state
        .provider()
        .complete_authorization(&request_id, &login_cookie, session_cookie.as_deref())
        .await;
    let completed = match completed {
        Ok(completed) => completed,
        Err(Error::NewWorkstationsUnshown) => {
            charge.give_back();
            return Ok(see_other(&new_workstations::address(&request_id)));
        }
        Err(Error::CardNewsUnshown) => {
            charge.give_back();
            return Ok(see_other(&card_news::address(&request_id)));
        }
        Err(Error::ConsentRequired) => {
            charge.give_back();
            return Ok(see_other(&consent::address(&request_id)));
        }
        Err(error) => return Err(page_refusal(&error)),
    };
    charge.give_back();
    let language = language_of(&uri, &headers);
    state.announce(completed.ended);
    let mut response = authorization_response::send(&state, language, &completed.response);
    append_cookie(
        &mut response,
        cookies.set_session(completed.session_cookie.expose()),
    );
    append_cookie(&mut response, cookies.clear_login(&request_id));
    Ok(response)
}
