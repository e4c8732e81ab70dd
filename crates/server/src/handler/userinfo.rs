//! The userinfo endpoint (OpenID Connect Core 1.0 section 5.3).

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::ErrorCode;
use cardea_provider::{Error, PresentedToken, TokenScheme, UserinfoAnswer};

use crate::endpoint::RequestedUrl;
use crate::form::{Body, parse_form, parse_query};
use crate::handler::proof::read_dpop;
use crate::mtls::Peer;
use crate::problem::Problem;
use crate::rate_limit::{Charge, Counted};
use crate::refusal::{Form, Refusal};
use crate::state::AppState;

/// GET and POST alike: the token stands in the `Authorization` header or in a form, never in a
/// query (RFC 9700 section 4.3.2).
pub(crate) async fn read_userinfo(
    State(state): State<AppState>,
    Peer {
        address: peer,
        certificate,
    }: Peer,
    method: Method,
    RequestedUrl(url): RequestedUrl,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let (token, scheme) = token_of(&method, &uri, &headers, body)?;
    // A refusal may go on record: it is counted before anything is written.
    // A client that asks for its users is one address, and strangers may give it junk: what we
    // signed is let in whatever the count says.
    let is_ours = || state.provider().signed_access_token(&token);
    let charge = state.charge(Counted::UserinfoRefusal, peer, &headers);
    if charge.is_none() && !is_ours() {
        return Err(refuse_problem(scheme, Problem::TooManyRequests));
    }
    let dpop = read_dpop(&headers, method.as_str(), &url);
    let dpop = dpop.map_err(|error| refuse_error(scheme, &error))?;
    let certificate = certificate.read();
    let certificate = certificate.map_err(|error| refuse_error(scheme, &error))?;
    let presented = PresentedToken {
        token: &token,
        scheme,
        dpop,
        certificate: certificate.as_ref(),
    };
    match state.provider().userinfo(presented).await {
        Ok(answer) => {
            give_back(charge);
            Ok(match answer {
                UserinfoAnswer::Claims(claims) => Json(claims).into_response(),
                UserinfoAnswer::Jwt(jwt) => {
                    ([(header::CONTENT_TYPE, "application/jwt")], jwt).into_response()
                }
            })
        }
        Err(error) => {
            if is_harmless(&error) {
                give_back(charge);
            }
            Err(refuse_error(scheme, &error))
        }
    }
}

fn give_back(charge: Option<Charge<'_>>) {
    if let Some(charge) = charge {
        charge.give_back();
    }
}

/// Whether a refusal is no stranger's: the client comes back at once with the nonce of the answer,
/// or it holds a token of ours that died with the card.
fn is_harmless(error: &Error) -> bool {
    matches!(
        error,
        Error::DpopNonceMissing
            | Error::DpopNonceInvalid
            | Error::AccessTokenExpired
            | Error::AccessTokenRevoked
            | Error::AccessTokenPresenceLost
    )
}

/// The access token of a request, and how it was presented; in one way only (RFC 6750 section 2).
fn token_of(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
) -> Result<(String, TokenScheme), Refusal> {
    let in_query = parse_query(uri).unwrap_or_default();
    if in_query.iter().any(|(name, _)| name == "access_token") {
        return Err(malformed());
    }
    let in_header = token_of_header(headers)?;
    let in_form = token_of_form(method, headers, body)?;
    match (in_header, in_form) {
        (Some(token), None) => Ok(token),
        (None, Some(token)) => Ok((token, TokenScheme::Bearer)),
        (Some(_), Some(_)) => Err(malformed()),
        (None, None) => Err(refuse(
            TokenScheme::Bearer,
            None,
            "provider.access_token_invalid",
        )),
    }
}

/// RFC 6750 section 2.1, RFC 9449 section 7.1.
fn token_of_header(headers: &HeaderMap) -> Result<Option<(String, TokenScheme)>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(malformed());
    }
    let text = value.to_str().map_err(|_| malformed())?;
    let found = text.split_once(' ').and_then(|(scheme, token)| {
        let scheme = if scheme.eq_ignore_ascii_case("Bearer") {
            TokenScheme::Bearer
        } else if scheme.eq_ignore_ascii_case("DPoP") {
            TokenScheme::Dpop
        } else {
            return None;
        };
        Some((token.to_owned(), scheme))
    });
    // Another scheme is no way to present a token, and so none was presented.
    let missing = || refuse(TokenScheme::Bearer, None, "provider.access_token_invalid");
    found.map(Some).ok_or_else(missing)
}

/// RFC 6750 section 2.2: a form, and nothing but a form, may carry the token.
fn token_of_form(
    method: &Method,
    headers: &HeaderMap,
    body: Body,
) -> Result<Option<String>, Refusal> {
    let is_empty = body.as_ref().is_ok_and(|bytes| bytes.is_empty());
    if *method != Method::POST || is_empty {
        return Ok(None);
    }
    let pairs = parse_form(headers, body)
        .map_err(|problem| refuse_problem(TokenScheme::Bearer, problem))?;
    let mut values = pairs
        .into_iter()
        .filter(|(name, _)| name == "access_token")
        .map(|(_, value)| value);
    let token = values.next();
    if values.next().is_some() {
        return Err(malformed());
    }
    Ok(token)
}

fn malformed() -> Refusal {
    refuse(
        TokenScheme::Bearer,
        Some(ErrorCode::InvalidRequest),
        "server.request_malformed",
    )
}

fn refuse_problem(scheme: TokenScheme, problem: Problem) -> Refusal {
    Refusal {
        form: Form::AccessToken {
            scheme,
            error: Some(ErrorCode::InvalidRequest),
            status: problem.status(),
        },
        code: problem.code(),
    }
}

/// A token of the other scheme is told which one it needs.
fn refuse_error(presented: TokenScheme, error: &Error) -> Refusal {
    let scheme = match (error, presented) {
        (Error::AccessTokenSchemeMismatch, TokenScheme::Bearer) => TokenScheme::Dpop,
        (Error::AccessTokenSchemeMismatch, TokenScheme::Dpop) => TokenScheme::Bearer,
        (_, presented) => presented,
    };
    refuse(scheme, Some(error.oauth_error()), error.code())
}

/// RFC 6750 section 3.1, RFC 9449 section 7.1.
fn refuse(scheme: TokenScheme, error: Option<ErrorCode>, code: &'static str) -> Refusal {
    let status = match error {
        None
        | Some(ErrorCode::InvalidToken | ErrorCode::InvalidDpopProof | ErrorCode::UseDpopNonce) => {
            StatusCode::UNAUTHORIZED
        }
        Some(ErrorCode::InsufficientScope) => StatusCode::FORBIDDEN,
        Some(ErrorCode::ServerError) => StatusCode::INTERNAL_SERVER_ERROR,
        Some(ErrorCode::TemporarilyUnavailable) => StatusCode::SERVICE_UNAVAILABLE,
        Some(_) => StatusCode::BAD_REQUEST,
    };
    Refusal {
        form: Form::AccessToken {
            scheme,
            error,
            status,
        },
        code,
    }
}
