//! The token endpoint (RFC 6749 section 3.2).

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::{TokenParameters, TokenResponse};
use cardea_provider::{ClientCredentials, DpopRequest, Error, TokenError, TokenRequest};

use crate::endpoint::RequestedUrl;
use crate::form::Body;
use crate::handler::admission::{admit, with_bounded_guesses};
use crate::handler::card_grant;
use crate::handler::client_form::{
    read_client_form, read_credentials, refuse_parameters, refuse_problem, refuse_token_error,
};
use crate::handler::proof::read_dpop;
use crate::mtls::{ClientCertificate, Peer};
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Turns a grant into tokens.
pub(crate) async fn post_token(
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
    let parameters =
        TokenParameters::from_pairs(pairs).map_err(|error| refuse_parameters(&error))?;
    let read = read_credentials(&headers, &parameters, &certificate)
        .and_then(|credentials| Ok((credentials, read_dpop(&headers, "POST", &url)?)));
    // A refusal may go on record: it is counted before anything is written.
    let caller = (peer, &headers);
    let credentials = read.as_ref().ok().map(|(credentials, _)| credentials);
    let Some(admission) = admit(&state, Counted::TokenRefusal, caller, credentials) else {
        return Err(refuse_problem(Problem::TooManyRequests));
    };
    let outcome = match read {
        Ok((credentials, dpop)) => {
            let issuing = issue(
                &state,
                (&headers, &certificate),
                &credentials,
                &parameters,
                dpop,
            );
            with_bounded_guesses(&state, &credentials, caller, issuing).await
        }
        Err(error) => Err(state.provider().refuse_token_request(error).await),
    };
    let harmless = outcome.as_ref().map_or_else(is_harmless, |_| true);
    admission.settle(&outcome, harmless);
    let tokens = outcome.map_err(|error| refuse_token_error(&error))?;
    let mut response = Json(tokens).into_response();
    // RFC 6749 section 5.1, for caches older than Cache-Control.
    response
        .headers_mut()
        .insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// Whether a refusal is no stranger's: the client comes back at once with the nonce of the answer,
/// or it holds a token of ours that died with the card. All workstations of a hospital may have one
/// address, and their cards are pulled all day long.
fn is_harmless(refusal: &TokenError) -> bool {
    matches!(
        refusal.source,
        Error::DpopNonceMissing
            | Error::DpopNonceInvalid
            | Error::DeviceCodePending
            | Error::RefreshTokenRevoked
            | Error::RefreshTokenExpired
            | Error::RefreshTokenSessionEnded
            | Error::RefreshTokenPresenceLost
    )
}

async fn issue(
    state: &AppState,
    (headers, certificate): (&HeaderMap, &ClientCertificate),
    credentials: &ClientCredentials,
    parameters: &TokenParameters,
    dpop: DpopRequest<'_>,
) -> Result<TokenResponse, TokenError> {
    if card_grant::is_card_grant(parameters) {
        // It waits for the card and goes on without this request: with credentials of its own.
        let credentials = read_credentials(headers, parameters, certificate)?;
        return card_grant::redeem(state, credentials, parameters.clone(), dpop).await;
    }
    let request = TokenRequest {
        credentials,
        parameters,
        dpop,
    };
    state.provider().issue_tokens(request).await
}
