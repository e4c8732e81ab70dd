//! The login page.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;

use crate::error_response::language_of;
use crate::login_error::problem_of;
use crate::page::{self, LoginPage};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::request_log::record_login;
use crate::state::AppState;

/// Shows the page to the browser that began the login.
pub(crate) async fn get_login_page(
    State(state): State<AppState>,
    Path(request_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    record_login(&request_id);
    let cookie = state
        .cookies()
        .login(&headers, &request_id)
        .ok_or_else(|| Refusal::page(Problem::OtherBrowser))?;
    let described = state
        .provider()
        .describe_login(&request_id, &cookie)
        .await
        .map_err(|error| Refusal::page(problem_of(&error)).because(error.code()))?;
    let language = language_of(&uri, &headers);
    let host = state
        .issuer()
        .split_once("://")
        .map_or(state.issuer(), |(_, host)| host);
    // The id is base64url, so that it needs no escaping in an address.
    let login_path = format!("/login/{request_id}");
    let login_page = LoginPage::new(language, &login_path, &described.client_name, host);
    let mut response = page::render(StatusCode::OK, language, &login_page);
    if let Ok(policy) = HeaderValue::from_str(state.login_page_policy()) {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}
