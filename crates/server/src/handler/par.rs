//! The pushed authorization request endpoint (RFC 9126).

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::{AuthorizationParameters, TokenParameters};
use cardea_provider::Error;
use serde::Serialize;

use crate::endpoint::RequestedUrl;
use crate::form::Body;
use crate::handler::admission::{admit, with_bounded_guesses};
use crate::handler::client_form::{
    read_client_form, read_credentials, refuse_parameters, refuse_token_error, refuse_too_many,
};
use crate::handler::proof::read_dpop;
use crate::mtls::Peer;
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::Refusal;
use crate::state::AppState;

/// RFC 9126 section 2.2.
#[derive(Serialize)]
struct PushedResponse {
    request_uri: String,
    expires_in: i64,
}

/// Takes an authorization request from a client's own connection.
pub(crate) async fn post_par(
    State(state): State<AppState>,
    Peer {
        address: peer,
        certificate,
    }: Peer,
    RequestedUrl(url): RequestedUrl,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = read_client_form(&uri, &headers, body)?;
    let parameters = AuthorizationParameters::from_pairs(pairs.clone());
    let parameters = parameters.map_err(|error| refuse_parameters(&error))?;
    let credentials =
        TokenParameters::from_pairs(pairs).map_err(|error| refuse_parameters(&error))?;
    let read = read_credentials(&headers, &credentials, &certificate)
        .and_then(|it| Ok((it, read_dpop(&headers, "POST", &url)?)));
    // A refusal may go on record, and a public client's request makes a row whoever sends it:
    // both are counted before anything is written.
    let caller = (peer, &headers);
    let named = read.as_ref().ok().map(|(credentials, _)| credentials);
    let Some(admission) = admit(&state, Counted::PushedRequest, caller, named) else {
        return Err(refuse_too_many(Problem::TooManyRequests.code()));
    };
    let outcome = match read {
        Ok((credentials, dpop)) => {
            let credentials = credentials.sent_from(state.source_of(peer, &headers));
            let provider = state.provider();
            let pushing = provider.push_authorization_request(&credentials, parameters, dpop);
            with_bounded_guesses(&state, &credentials, caller, pushing).await
        }
        Err(error) => Err(state.provider().refuse_pushed_request(error).await),
    };
    admission.settle(&outcome, false);
    let pushed = outcome.map_err(|error| match error.source {
        Error::PushedRequestLimitReached => refuse_too_many(error.code()),
        _ => refuse_token_error(&error),
    })?;
    let body = PushedResponse {
        request_uri: pushed.request_uri,
        expires_in: pushed.lifetime.whole_seconds(),
    };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}
