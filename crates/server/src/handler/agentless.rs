//! The few pages of the listener that asks for a card's certificate, and the way back from there.
//!
//! Whoever arrives there has answered a TLS handshake with the card's key, which browsers do
//! without asking once a certificate was chosen: the page asks, and only its answer counts.

use std::net::SocketAddr;

use axum::Extension;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;
use cardea_provider::{AgentlessVisit, Error};

use crate::error_response::{language_of, language_of_login};
use crate::form::{Body, parse_form, parse_query};
use crate::handler::authorize::see_other;
use crate::handler::login_answer;
use crate::login_error::{agentless_refusal, page_refusal};
use crate::page::{self, AgentlessPage};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::request_log::record_login;
use crate::same_origin::{check_same_origin, check_visit};
use crate::security_headers::agentless_page_policy;
use crate::state::AppState;
use crate::tls::client_certificate::PeerCertificates;
use crate::uninterrupted::to_the_end;

/// The page's path. The id is base64url, so that it needs no escaping in an address.
pub(super) fn path(request_id: &str) -> String {
    format!("/agentless/{request_id}")
}

/// Asks the person; nothing happens by arriving here.
pub(crate) async fn get_confirmation(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    certificates: Option<Extension<PeerCertificates>>,
    Path(request_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    record_login(&request_id);
    check_visit(&headers).map_err(Refusal::page)?;
    state.charge_agentless(peer)?;
    let origin = origin_of(&state)?;
    let visit = AgentlessVisit {
        request_id: &request_id,
        chain_der: chain_of(certificates.as_ref()),
    };
    let described = state.provider().describe_agentless(visit).await;
    let described = described.map_err(|error| agentless_refusal(&error))?;
    let language = language_of_login(&uri, &headers, described.ui_locales.as_deref());
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let path = path(&request_id);
    let agentless_page = AgentlessPage::new(language, &path, host, &described);
    let status = axum::http::StatusCode::OK;
    let mut response = page::render_away(&state, state.origin(), status, language, &agentless_page);
    let policy = agentless_page_policy(state.origin(), &described.form_action);
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

/// Takes the answer, which only our own page may give, on a connection whose handshake the same
/// card has answered.
pub(crate) async fn post_confirmation(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    certificates: Option<Extension<PeerCertificates>>,
    Path(request_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    record_login(&request_id);
    check_same_origin(&headers, origin_of(&state)?).map_err(Refusal::page)?;
    let pairs = parse_form(&headers, body).map_err(Refusal::page)?;
    let malformed = || Refusal::page(Problem::RequestMalformed);
    let confirmation = one(&pairs, "confirmation")
        .ok_or_else(malformed)?
        .to_owned();
    let said_yes = match one(&pairs, "answer") {
        Some("yes") => true,
        Some("no") => false,
        _ => return Err(malformed()),
    };
    state.charge_agentless(peer)?;
    let language = language_of(&uri, &headers).tag();
    // The id stands in an address from here on, so that it must be one.
    if !is_request_id(&request_id) {
        return Err(agentless_refusal(&Error::AuthorizationRequestUnknown));
    }
    let home = state.origin();
    if !said_yes {
        return Ok(see_other(&format!(
            "{home}/login/{request_id}?lang={language}"
        )));
    }
    let chain = chain_of(certificates.as_ref()).to_vec();
    let (judging, id) = (state.clone(), request_id.clone());
    let confirmed = to_the_end(async move {
        let visit = AgentlessVisit {
            request_id: &id,
            chain_der: &chain,
        };
        let source = judging.revocation();
        let judged = judging.provider();
        judged.confirm_agentless(visit, &confirmation, source).await
    });
    let confirmed = confirmed
        .await
        .ok_or_else(|| Refusal::page(Problem::Internal))?
        .map_err(|error| agentless_refusal(&error))?;
    let code = confirmed.code.expose();
    let way_back = format!(
        "{home}{}?code={code}&lang={language}",
        return_path(&request_id)
    );
    let mut response = see_other(&way_back);
    if let Some(location) = response.headers_mut().get_mut(header::LOCATION) {
        location.set_sensitive(true);
    }
    Ok(response)
}

/// Takes the code at the issuer's own host, from the browser that began the login and no other.
pub(crate) async fn get_return(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(request_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    record_login(&request_id);
    check_visit(&headers).map_err(Refusal::page)?;
    let pairs = parse_query(&uri).map_err(Refusal::page)?;
    let code = one(&pairs, "code");
    let code = code
        .ok_or_else(|| Refusal::page(Problem::RequestMalformed))?
        .to_owned();
    let charge = state.charge_page(peer, &headers)?;
    let cookies = state.cookies();
    // Without the cookie the code is spent all the same: it has left the browser that it was for.
    let login_cookie = cookies.login(&headers, &request_id).unwrap_or_default();
    let session_cookie = cookies.session(&headers);
    let (redeeming, id) = (state.clone(), request_id.clone());
    let redeemed = to_the_end(async move {
        let ended = redeeming
            .provider()
            .redeem_agentless_code(&id, &login_cookie, session_cookie.as_deref(), &code)
            .await?;
        redeeming.announce(ended);
        Ok::<_, Error>(())
    });
    redeemed
        .await
        .ok_or_else(|| Refusal::page(Problem::Internal))?
        .map_err(|error| page_refusal(&error))?;
    charge.give_back();
    let language = language_of(&uri, &headers).tag();
    let answer = login_answer::address(&request_id);
    Ok(see_other(&format!("{answer}?lang={language}")))
}

/// Where the listener sends the browser back to.
fn return_path(request_id: &str) -> String {
    format!("/login/{request_id}/agentless")
}

fn origin_of(state: &AppState) -> Result<&str, Refusal> {
    state
        .agentless_origin()
        .ok_or_else(|| Refusal::page(Problem::NotFound))
}

fn chain_of(certificates: Option<&Extension<PeerCertificates>>) -> &[Vec<u8>] {
    certificates.map_or(&[], |Extension(certificates)| certificates.leaf_first())
}

fn is_request_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == 43 && text.bytes().all(is_plain)
}

/// A parameter that stands there once.
fn one<'a>(pairs: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    let mut values = pairs.iter().filter(|(name, _)| name == wanted);
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value)
}
