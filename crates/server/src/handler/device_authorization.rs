//! The device authorization endpoint (RFC 8628 section 3.1).

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::{AuthorizationParameters, HostAccountParameters, TokenParameters};
use cardea_provider::{DeviceRequest, Error};
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

/// RFC 8628 section 3.2. There is no `verification_uri_complete`: whoever lets a person follow a
/// link takes the comparison of the two screens away from her (section 5.4, docs/adr/0032).
#[derive(Serialize)]
struct DeviceResponse<'a> {
    device_code: &'a str,
    user_code: String,
    verification_uri: String,
    expires_in: i64,
    interval: i64,
}

/// Takes the request of a host without a browser.
pub(crate) async fn post_device_authorization(
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
    let host_account = HostAccountParameters::from_pairs(pairs.clone());
    let host_account = host_account.map_err(|error| refuse_parameters(&error))?;
    let credentials =
        TokenParameters::from_pairs(pairs).map_err(|error| refuse_parameters(&error))?;
    let read = read_credentials(&headers, &credentials, &certificate)
        .and_then(|it| Ok((it, read_dpop(&headers, "POST", &url)?)));
    // As at `/par`: a public client's request makes a row whoever sends it.
    let caller = (peer, &headers);
    let named = read.as_ref().ok().map(|(credentials, _)| credentials);
    let Some(admission) = admit(&state, Counted::DeviceRequest, caller, named) else {
        return Err(refuse_too_many(Problem::TooManyRequests.code()));
    };
    let outcome = match read {
        Ok((credentials, dpop)) => {
            let credentials = credentials.sent_from(state.source_of(peer, &headers));
            let provider = state.provider();
            let remote = host_account.cardea_host_remote.as_deref();
            let request = DeviceRequest {
                parameters: &parameters,
                host_account: &host_account,
                remote_source: remote.map(|it| state.source_of_remote(it)),
                dpop,
                address: state.address_of(peer, &headers),
            };
            let asking = provider.authorize_device(&credentials, request);
            with_bounded_guesses(&state, &credentials, caller, asking).await
        }
        Err(error) => Err(state.provider().refuse_device_request(error).await),
    };
    admission.settle(&outcome, false);
    let begun = outcome.map_err(|error| match error.source {
        Error::DeviceAuthorizationLimitReached => refuse_too_many(error.code()),
        _ => refuse_token_error(&error),
    })?;
    let body = DeviceResponse {
        device_code: begun.device_code.expose(),
        user_code: begun.user_code,
        verification_uri: begun.verification_uri,
        expires_in: begun.lifetime.whole_seconds(),
        interval: begun.interval.whole_seconds(),
    };
    Ok(Json(body).into_response())
}
