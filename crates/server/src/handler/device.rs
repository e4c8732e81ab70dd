//! The pages where a person answers for a device (RFC 8628 section 3.3): she types the code that it
//! shows, sees who asks, and goes on to an ordinary login.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use cardea_provider::Error;

use crate::error_response::language_of;
use crate::form::{Body, parse_form};
use crate::handler::authorize::{append_cookie, see_other};
use crate::handler::on_the_way::{NotHere, OnTheWay};
use crate::login_error::page_refusal;
use crate::page::{self, DeviceAnswerPage, DeviceCodePage, DeviceConfirmationPage, Typed};
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::Refusal;
use crate::request_log::record_login;
use crate::same_origin::check_same_origin;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// Asks for the code. A code in the address is not taken: whoever sends a link could have made it,
/// and only the person's eyes know which device stands before her.
pub(crate) async fn get_device(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let language = language_of(&uri, &headers);
    let page = DeviceCodePage::new(language, Typed::Nothing);
    page::render(&state, StatusCode::OK, language, &page)
}

/// Takes the code, which only our own page may bring. Every try is counted as a login start before
/// the code is looked up; a wrong one is counted besides (section 5.1), and after the look: whoever
/// types nonsense from a practice's address keeps nobody there from her own code.
pub(crate) async fn post_user_code(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    check_same_origin(&headers, state.origin()).map_err(Refusal::page)?;
    let pairs = parse_form(&headers, body).map_err(Refusal::page)?;
    let [(name, typed)] = pairs.as_slice() else {
        return Err(Refusal::page(Problem::RequestMalformed));
    };
    if name != "user_code" {
        return Err(Refusal::page(Problem::RequestMalformed));
    }
    let too_many = || Refusal::page(Problem::TooManyRequests);
    // A right code begins a login, of which an address has so many.
    let _login = state
        .charge(Counted::LoginStart, peer, &headers)
        .ok_or_else(too_many)?;
    let language = language_of(&uri, &headers);
    let (claiming, typed) = (state.clone(), typed.clone());
    let claimed = to_the_end(async move { claiming.provider().claim_device(&typed).await }).await;
    match claimed.ok_or_else(|| Refusal::page(Problem::Internal))? {
        Ok(claimed) => {
            let id = claimed.request_id;
            record_login(&id);
            let address = format!("/device/{id}?lang={}", language.tag());
            let mut response = see_other(&address);
            let cookie =
                state
                    .cookies()
                    .set_login(&id, claimed.login_cookie.expose(), claimed.lifetime);
            append_cookie(&mut response, cookie);
            Ok(response)
        }
        Err(error @ Error::DeviceUserCodeUnknown) => {
            tracing::info!(code = error.code(), "no device shows this code");
            // Kept in the count: dropped, a charge stays.
            let _guess = state
                .charge(Counted::DeviceCodeGuess, peer, &headers)
                .ok_or_else(too_many)?;
            let page = DeviceCodePage::new(language, Typed::Unknown);
            Ok(page::render(&state, StatusCode::NOT_FOUND, language, &page))
        }
        Err(error) => Err(page_refusal(&error)),
    }
}

/// Shows who asks, to the browser in which the code was typed. Its two buttons are those of every
/// login: on to the card, or no.
pub(crate) async fn get_confirmation(
    State(state): State<AppState>,
    way: OnTheWay,
) -> Result<Response, NotHere> {
    let cookie = way.login_cookie(&state)?;
    let describing = state.provider().describe_device(&way.request_id, &cookie);
    let described = way.see(&state, describing).await?;
    let language = way.language();
    let moments = state.moments(language);
    let page = DeviceConfirmationPage::new(&moments, &way.request_id, &described);
    Ok(page::render(&state, StatusCode::OK, language, &page))
}

/// Says that the device may go on.
pub(crate) async fn get_approved(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let language = language_of(&uri, &headers);
    let page = DeviceAnswerPage::approved(language);
    page::render(&state, StatusCode::OK, language, &page)
}

/// Says that the device learns the no.
pub(crate) async fn get_refused(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let language = language_of(&uri, &headers);
    let page = DeviceAnswerPage::refused(language);
    page::render(&state, StatusCode::OK, language, &page)
}
