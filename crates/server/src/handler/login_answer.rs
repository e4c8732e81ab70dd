//! The end of a login whose answer is a page of ours: the client wants it by form post.

use axum::extract::State;
use axum::response::Response;

use crate::handler::authorization_response;
use crate::handler::authorize::append_cookie;
use crate::handler::on_the_way::{NotHere, OnTheWay};
use crate::state::AppState;

/// Where a login goes whose answer takes a page. The id is base64url, so that it needs no escaping
/// in an address.
pub(super) fn address(request_id: &str) -> String {
    format!("/login/{request_id}/answer")
}

/// Completes a login in the browser that began it; the card has answered before.
pub(crate) async fn get_answer(
    State(state): State<AppState>,
    way: OnTheWay,
) -> Result<Response, NotHere> {
    let login_cookie = way.login_cookie(&state)?;
    let session_cookie = way.session_cookie(&state);
    let session = session_cookie.as_deref();
    let provider = state.provider();
    let completing = provider.complete_authorization(&way.request_id, &login_cookie, session);
    let completed = way.see(&state, completing).await?;
    let cookies = state.cookies();
    state.announce(completed.ended);
    let mut response = authorization_response::send(&state, way.language(), &completed.response);
    append_cookie(
        &mut response,
        cookies.set_session(completed.session_cookie.expose()),
    );
    append_cookie(&mut response, cookies.clear_login(&way.request_id));
    Ok(response)
}
