//! The proof that a client holds a key, for every endpoint that clients call themselves.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use cardea_provider::{DpopRequest, Error};

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
