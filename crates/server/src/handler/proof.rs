//! The proof that a client holds a key, and bounds on guessing at its secret, for every endpoint
//! that clients call themselves.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use cardea_oauth2_types::ErrorCode;
use cardea_provider::{ClientAuthentication, ClientCredentials, DpopRequest, Error, TokenError};

use crate::client_throttle::ClientAttempt;
use crate::state::AppState;

/// RFC 9449 section 4.1.
const DPOP: HeaderName = HeaderName::from_static("dpop");
/// RFC 9449 section 8.1.
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The request's one `DPoP` header (RFC 9449 section 4.3, check 1) with what it must be made for:
/// the method, and a URL that follows from the configuration, whatever `Host` says.
pub(crate) fn read_dpop<'a>(
    headers: &'a HeaderMap,
    method: &'a str,
    url: &'a str,
) -> Result<DpopRequest<'a>, Error> {
    let mut values = headers.get_all(DPOP).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(Error::DpopProofRepeated);
    }
    // Two header lines that a proxy has joined. A proof has neither comma nor other bytes.
    let proof = value.map(|value| match value.to_str() {
        Ok(text) if text.contains(',') => Err(Error::DpopProofRepeated),
        Ok(text) => Ok(text),
        Err(_) => Ok(""),
    });
    Ok(DpopRequest {
        proof: proof.transpose()?,
        method,
        url,
    })
}

/// The URL of one of our endpoints.
pub(crate) fn endpoint_url(state: &AppState, path: &str) -> String {
    format!("{}{path}", state.issuer())
}

/// Carries out a client's request, unless its secret was guessed at too often; counts the request
/// if the client turns out not to be who it says.
pub(crate) async fn with_bounded_guesses<T>(
    state: &AppState,
    credentials: &ClientCredentials,
    peer: SocketAddr,
    headers: &HeaderMap,
    request: impl Future<Output = Result<T, TokenError>>,
) -> Result<T, TokenError> {
    let attempt = attempt(state, credentials, state.address_of(peer, headers));
    let attempt = attempt.ok_or(Error::ClientAuthenticationThrottled)?;
    let outcome = request.await;
    match outcome.as_ref().err().map(|refusal| refusal.error) {
        Some(ErrorCode::InvalidClient) => drop(attempt),
        Some(ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable) => attempt.give_back(),
        // What is refused after the client was accepted is no guess at its secret.
        _ => attempt.succeed(),
    }
    outcome
}

/// Counts an attempt to authenticate by a secret; none when there were too many failures.
fn attempt<'a>(
    state: &'a AppState,
    credentials: &ClientCredentials,
    address: IpAddr,
) -> Option<ClientAttempt<'a>> {
    let client_id = credentials.unverified_client_id();
    let client = state.provider().find_client(client_id);
    match client.as_ref().map(|client| &client.authentication) {
        Some(ClientAuthentication::SecretBasic(_) | ClientAuthentication::SecretPost(_)) => {
            state.client_throttle().attempt(client_id, address)
        }
        _ => Some(ClientAttempt::UNCOUNTED),
    }
}

/// Middleware that gives every answer a fresh nonce, so that a client seldom has to be told to use
/// one (RFC 9449 section 8.2).
pub(crate) async fn add_dpop_nonce(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    // Without a nonce the answer is still right: the client will be asked for one.
    let nonce = state.provider().dpop_nonce().ok();
    if let Some(value) = nonce.and_then(|nonce| HeaderValue::from_str(&nonce).ok()) {
        response.headers_mut().insert(DPOP_NONCE, value);
    }
    response
}
