//! The userinfo endpoint (OpenID Connect Core 1.0 section 5.3).

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::ErrorCode;
use cardea_provider::{DpopRequest, PresentedToken, TokenScheme, UserinfoAnswer};

use crate::form::parse_query;
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::{Form, Refusal};
use crate::state::AppState;

/// GET and POST alike: the token stands in the `Authorization` header, never in a query
/// (RFC 9700 section 4.3.2) or body.
pub(crate) async fn read_userinfo(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let pairs = parse_query(&uri).unwrap_or_default();
    if pairs.iter().any(|(name, _)| name == "access_token") {
        return Err(refuse(
            Some(ErrorCode::InvalidRequest),
            "server.request_malformed",
        ));
    }
    let token = bearer_token(&headers)?;
    // A refusal may go on record: it is counted before anything is written.
    let Some(charge) = state.charge(Counted::UserinfoRefusal, peer, &headers) else {
        let problem = Problem::TooManyRequests;
        let form = Form::Bearer {
            error: Some(ErrorCode::InvalidRequest),
            status: problem.status(),
        };
        return Err(Refusal {
            form,
            code: problem.code(),
        });
    };
    let request = PresentedToken {
        token,
        scheme: TokenScheme::Bearer,
        dpop: DpopRequest::default(),
    };
    match state.provider().userinfo(request).await {
        Ok(answer) => {
            charge.give_back();
            Ok(match answer {
                UserinfoAnswer::Claims(claims) => Json(claims).into_response(),
                UserinfoAnswer::Jwt(jwt) => {
                    ([(header::CONTENT_TYPE, "application/jwt")], jwt).into_response()
                }
            })
        }
        Err(error) => Err(refuse(Some(error.oauth_error()), error.code())),
    }
}

/// RFC 6750 section 2.1.
fn bearer_token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(refuse(None, "provider.access_token_invalid"));
    };
    let malformed = || refuse(Some(ErrorCode::InvalidRequest), "server.request_malformed");
    if values.next().is_some() {
        return Err(malformed());
    }
    let text = value.to_str().map_err(|_| malformed())?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => Ok(token),
        _ => Err(refuse(None, "provider.access_token_invalid")),
    }
}

/// RFC 6750 section 3.1.
fn refuse(error: Option<ErrorCode>, code: &'static str) -> Refusal {
    let status = match error {
        None | Some(ErrorCode::InvalidToken) => StatusCode::UNAUTHORIZED,
        Some(ErrorCode::InsufficientScope) => StatusCode::FORBIDDEN,
        Some(ErrorCode::ServerError) => StatusCode::INTERNAL_SERVER_ERROR,
        Some(ErrorCode::TemporarilyUnavailable) => StatusCode::SERVICE_UNAVAILABLE,
        Some(_) => StatusCode::BAD_REQUEST,
    };
    Refusal {
        form: Form::Bearer { error, status },
        code,
    }
}
