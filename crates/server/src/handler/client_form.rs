//! What the endpoints for clients' servers have in common: a form, credentials beside or in it, and
//! refusals in OAuth's JSON.

use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use cardea_oauth2_types::{ErrorCode, TokenParameters};
use cardea_provider::{ClientCredentials, Error, TokenError};

use crate::form::{Body, parse_form};
use crate::mtls::ClientCertificate;
use crate::problem::Problem;
use crate::refusal::{Form, Refusal};

/// Reads the form of a request whose address carries nothing: RFC 6749 section 2.3.1 forbids
/// credentials in it, and nothing else belongs there either.
pub(super) fn read_client_form(
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
) -> Result<Vec<(String, String)>, Refusal> {
    if uri.query().is_some() {
        return Err(refuse(
            ErrorCode::InvalidRequest,
            "server.request_malformed",
        ));
    }
    parse_form(headers, body).map_err(refuse_problem)
}

/// What a request says about who sends it, in its `Authorization` header and its form, and by the
/// certificate of its connection.
pub(super) fn read_credentials(
    headers: &HeaderMap,
    parameters: &TokenParameters,
    certificate: &ClientCertificate,
) -> Result<ClientCredentials, Error> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(Error::ClientAuthenticationRepeated);
    }
    let text = value.map(HeaderValue::to_str).transpose();
    let text = text.map_err(|_| Error::ClientAuthenticationFailed)?;
    certificate.join(ClientCredentials::read(text, parameters)?)
}

pub(super) fn refuse_parameters(error: &cardea_oauth2_types::Error) -> Refusal {
    refuse(ErrorCode::InvalidRequest, error.code())
}

pub(super) fn refuse_token_error(error: &TokenError) -> Refusal {
    let mut refusal = refuse(error.error, error.code());
    if matches!(error.source, Error::ClientAuthenticationThrottled) {
        refusal.form = Form::OAuth {
            error: error.error,
            status: StatusCode::TOO_MANY_REQUESTS,
        };
    }
    if error.public_code() != error.code() {
        refusal.form = Form::OAuthAs {
            error: error.error,
            status: refusal.status(),
            shown: error.public_code(),
        };
    }
    refusal
}

/// A refusal of the server itself, such as of too many requests.
pub(super) fn refuse_problem(problem: Problem) -> Refusal {
    let form = Form::OAuth {
        error: ErrorCode::InvalidRequest,
        status: problem.status(),
    };
    Refusal {
        form,
        code: problem.code(),
    }
}

/// RFC 6749 section 5.2: 400, but 401 for a client that did not authenticate; RFC 6585 section 4
/// for one that tries too often.
pub(super) fn refuse(error: ErrorCode, code: &'static str) -> Refusal {
    let status = match error {
        _ if code == Error::ClientAuthenticationThrottled.code() => StatusCode::TOO_MANY_REQUESTS,
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

/// 429 where a bound is reached; the answer says when to come back (RFC 9126 section 2.3).
pub(super) fn refuse_too_many(code: &'static str) -> Refusal {
    let form = Form::OAuth {
        error: ErrorCode::TemporarilyUnavailable,
        status: StatusCode::TOO_MANY_REQUESTS,
    };
    Refusal { form, code }
}
