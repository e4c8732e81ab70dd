//! The consent page and its answer (OpenID Connect Core 1.0 section 3.1.2.4).

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use cardea_provider::{ConsentAnswer, ConsentPage as Described, ConsentedAuthorization, Error};

use crate::error_response::{language_of, language_of_login};
use crate::form::{Body, parse_form};
use crate::handler::authorize::{append_cookie, see_other};
use crate::handler::{authorization_response, card_news, new_workstations};
use crate::language::Language;
use crate::login_error::page_refusal;
use crate::page::{self, ConsentPage};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::request_log::record_login;
use crate::same_origin::check_same_origin;
use crate::security_headers::consent_page_policy;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// Where a login goes that wants consent. The id is base64url, so that it needs no escaping in an
/// address.
pub(super) fn address(request_id: &str) -> String {
    format!("/consent/{request_id}")
}

/// Shows the page to the browser that began the login, once its card is in the reader.
pub(crate) async fn get_consent(
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
        .describe_consent(&request_id, &cookie)
        .await;
    let described = match described {
        Ok(described) => described,
        Err(Error::NewWorkstationsUnshown) => {
            charge.give_back();
            return Ok(see_other(&new_workstations::address(&request_id)));
        }
        Err(Error::CardNewsUnshown) => {
            charge.give_back();
            return Ok(see_other(&card_news::address(&request_id)));
        }
        Err(error) => return Err(page_refusal(&error)),
    };
    charge.give_back();
    let language = language_of_login(&uri, &headers, described.ui_locales.as_deref());
    Ok(render(&state, language, &request_id, &described))
}

/// Takes the answer, which only our own page may give (attack E20).
pub(crate) async fn post_consent(
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
    let (shown, answer) = read(&pairs).ok_or_else(|| Refusal::page(Problem::RequestMalformed))?;
    let login_cookie = state.login_cookie(&headers, &request_id)?;
    let charge = state.charge_page(peer, &headers)?;
    let consented = answer_to_the_end(&state, &headers, &request_id, login_cookie, shown, answer);
    let consented = match consented.await? {
        Ok(consented) => consented,
        Err(Error::NewWorkstationsUnshown) => {
            charge.give_back();
            return Ok(see_other(&new_workstations::address(&request_id)));
        }
        Err(Error::CardNewsUnshown) => {
            charge.give_back();
            return Ok(see_other(&card_news::address(&request_id)));
        }
        Err(error) => return Err(page_refusal(&error)),
    };
    charge.give_back();
    let language = language_of(&uri, &headers);
    let cookies = state.cookies();
    let mut response = match consented {
        ConsentedAuthorization::Allowed(completed) => {
            state.announce(completed.ended);
            let mut response = authorization_response::send(&state, language, &completed.response);
            let cookie = completed.session_cookie.expose();
            append_cookie(&mut response, cookies.set_session(cookie));
            response
        }
        ConsentedAuthorization::Refused { response, .. } => {
            authorization_response::send(&state, language, &response)
        }
    };
    append_cookie(&mut response, cookies.clear_login(&request_id));
    Ok(response)
}

/// Has the provider decide, and tells those concerned, to the end.
async fn answer_to_the_end(
    state: &AppState,
    headers: &HeaderMap,
    request_id: &str,
    login_cookie: String,
    shown: String,
    answer: ConsentAnswer,
) -> Result<Result<ConsentedAuthorization, Error>, Refusal> {
    let session_cookie = state.cookies().session(headers);
    let (state, request_id) = (state.clone(), request_id.to_owned());
    let decided = to_the_end(async move {
        let mut consented = state
            .provider()
            .answer_consent(
                &request_id,
                &login_cookie,
                session_cookie.as_deref(),
                &shown,
                answer,
            )
            .await?;
        if let ConsentedAuthorization::Refused { ended, .. } = &mut consented {
            state.announce(ended.take());
        }
        Ok(consented)
    });
    let decided = decided.await;
    decided.ok_or_else(|| Refusal::page(Problem::Internal))
}

/// What the form says: each field once, and one of the two buttons.
fn read(pairs: &[(String, String)]) -> Option<(String, ConsentAnswer)> {
    let one = |wanted: &str| {
        let mut values = pairs.iter().filter(|(name, _)| name == wanted);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    };
    let answer = match one("answer")?.as_str() {
        "allow" => ConsentAnswer::Allow,
        "refuse" => ConsentAnswer::Refuse,
        _ => return None,
    };
    Some((one("shown")?.clone(), answer))
}

fn render(
    state: &AppState,
    language: Language,
    request_id: &str,
    described: &Described,
) -> Response {
    let path = address(request_id);
    let consent_page = ConsentPage::new(language, &path, described);
    let policy = consent_page_policy(&described.form_action);
    page::render_with_policy(state, &policy, language, &consent_page)
}
