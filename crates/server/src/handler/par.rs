//! The pushed authorization request endpoint (RFC 9126).

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::{AuthorizationParameters, ErrorCode, TokenParameters};
use cardea_provider::{DpopRequest, Error, PushedAuthorization, TokenError};
use serde::Serialize;

use crate::form::{Body, parse_form};
use crate::handler::token::{read_credentials, refuse, refuse_form};
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::{Form, Refusal};
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
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    if uri.query().is_some() {
        let code = Problem::RequestMalformed.code();
        return Err(refuse(ErrorCode::InvalidRequest, code));
    }
    let pairs = parse_form(&headers, body).map_err(refuse_form)?;
    let malformed =
        |error: cardea_oauth2_types::Error| refuse(ErrorCode::InvalidRequest, error.code());
    let parameters = AuthorizationParameters::from_pairs(pairs.clone()).map_err(malformed)?;
    let credentials = TokenParameters::from_pairs(pairs).map_err(malformed)?;
    // A refusal may go on record, and a public client's request makes a row whoever sends it:
    // both are counted before anything is written.
    let Some(charge) = state.charge(Counted::PushedRequest, peer, &headers) else {
        return Err(too_many(Problem::TooManyRequests.code()));
    };
    let pushed = push(&state, &headers, &credentials, parameters)
        .await
        .map_err(|error| match error.source {
            Error::PushedRequestLimitReached => too_many(error.code()),
            _ => refuse(error.error, error.code()),
        })?;
    if pushed.from_confidential_client {
        charge.give_back();
    }
    let body = PushedResponse {
        request_uri: pushed.request_uri,
        expires_in: pushed.lifetime.whole_seconds(),
    };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

async fn push(
    state: &AppState,
    headers: &HeaderMap,
    credentials: &TokenParameters,
    parameters: AuthorizationParameters,
) -> Result<PushedAuthorization, TokenError> {
    let provider = state.provider();
    let url = format!("{}/par", state.issuer());
    let read = read_credentials(headers, credentials).and_then(|credentials| {
        let dpop = DpopRequest {
            proof: read_proof(headers)?,
            method: "POST",
            url: &url,
        };
        Ok((credentials, dpop))
    });
    match read {
        Ok((credentials, dpop)) => {
            provider
                .push_authorization_request(&credentials, parameters, dpop)
                .await
        }
        Err(error) => Err(provider.refuse_pushed_request(error).await),
    }
}

/// The one `DPoP` header (RFC 9449 section 4.3, check 1).
fn read_proof(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut values = headers.get_all("dpop").iter();
    let value = values.next().map(HeaderValue::to_str);
    if values.next().is_some() {
        return Err(Error::DpopProofRepeated);
    }
    value.transpose().map_err(|_| Error::DpopProofRepeated)
}

/// RFC 9126 section 2.3; the answer says when to come back.
fn too_many(code: &'static str) -> Refusal {
    let form = Form::OAuth {
        error: ErrorCode::TemporarilyUnavailable,
        status: StatusCode::TOO_MANY_REQUESTS,
    };
    Refusal { form, code }
}
