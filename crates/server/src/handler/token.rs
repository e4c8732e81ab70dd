//! The token endpoint (RFC 6749 section 3.2).

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::{ErrorCode, TokenParameters};
use cardea_provider::{ClientCredentials, DpopRequest, Error, TokenRequest};

use crate::form::{Body, parse_form};
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::{Form, Refusal};
use crate::state::AppState;

/// Turns a grant into tokens.
pub(crate) async fn post_token(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    // RFC 6749 section 2.3.1: credentials must not stand in the address; nor does anything else.
    if uri.query().is_some() {
        return Err(refuse(
            ErrorCode::InvalidRequest,
            "server.request_malformed",
        ));
    }
    let pairs = parse_form(&headers, body).map_err(refuse_form)?;
    let parameters = TokenParameters::from_pairs(pairs)
        .map_err(|error| refuse(ErrorCode::InvalidRequest, error.code()))?;
    // A refusal may go on record: it is counted before anything is written.
    let Some(charge) = state.charge(Counted::TokenRefusal, peer, &headers) else {
        let problem = Problem::TooManyRequests;
        let form = Form::OAuth {
            error: ErrorCode::InvalidRequest,
            status: problem.status(),
        };
        return Err(Refusal {
            form,
            code: problem.code(),
        });
    };
    let provider = state.provider();
    let outcome = match read_credentials(&headers, &parameters) {
        Ok(credentials) => {
            let request = TokenRequest {
                credentials: &credentials,
                parameters: &parameters,
                dpop: DpopRequest::default(),
            };
            provider.issue_tokens(request).await
        }
        Err(error) => Err(provider.refuse_token_request(error).await),
    };
    let tokens = outcome.map_err(|error| refuse(error.error, error.code()))?;
    charge.give_back();
    let mut response = Json(tokens).into_response();
    // RFC 6749 section 5.1, for caches older than Cache-Control.
    response
        .headers_mut()
        .insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(response)
}

pub(super) fn read_credentials(
    headers: &HeaderMap,
    parameters: &TokenParameters,
) -> Result<ClientCredentials, Error> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(Error::ClientAuthenticationRepeated);
    }
    let text = value.map(HeaderValue::to_str).transpose();
    let text = text.map_err(|_| Error::ClientAuthenticationFailed)?;
    ClientCredentials::read(text, parameters)
}

pub(super) fn refuse_form(problem: Problem) -> Refusal {
    let form = Form::OAuth {
        error: ErrorCode::InvalidRequest,
        status: problem.status(),
    };
    Refusal {
        form,
        code: problem.code(),
    }
}

/// RFC 6749 section 5.2: 400, but 401 for a client that did not authenticate.
pub(super) fn refuse(error: ErrorCode, code: &'static str) -> Refusal {
    let status = match error {
        ErrorCode::InvalidClient => StatusCode::UNAUTHORIZED,
        ErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    Refusal {
        form: Form::OAuth { error, status },
        code,
    }
}
