//! The admin API: what operators do by command, for whoever signs in with an operator's card.
//!
//! Every request proves anew who asks ([`OperatorRequest`]); nothing here can be reached without.

pub(crate) mod anchors;
pub(crate) mod approvals;
pub(crate) mod cards;
pub(crate) mod clients;
pub(crate) mod incidents;
pub(crate) mod initial_access_tokens;
pub(crate) mod instances;
pub(crate) mod stops;

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use cardea_oauth2_types::{Acr, ErrorCode};
use cardea_provider::{Approvals, Error, OperatorProven, PresentedToken, TokenScheme};
use serde::de::DeserializeOwned;

use crate::endpoint::RequestedUrl;
use crate::form::{Body, parse_json_naming};
use crate::handler::proof::read_dpop;
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::{Form, Refusal};
use crate::reload::{ReloadReport, reload};
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// A request that an operator makes.
pub(crate) struct OperatorRequest(pub(crate) OperatorProven);

/// Reads the configuration anew.
pub(crate) async fn post_reload(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
) -> Result<Json<ReloadReport>, Refusal> {
    // A reload that is on record is done, whoever waits for the answer.
    let by = operator.author().clone();
    let report = to_the_end(async move { reload(&state, by).await }).await;
    let report = report.unwrap_or(Err(crate::error::Error::ReloadAbandoned));
    report.map(Json).map_err(|error| Refusal {
        form: Form::Api {
            status: StatusCode::CONFLICT,
            detail: error.to_string(),
            challenge: None,
        },
        code: error.code(),
    })
}

impl FromRequestParts<AppState> for OperatorRequest {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Refusal> {
        let rules = state.administration().admin();
        let rules = rules.ok_or_else(|| refuse_problem(Problem::NotFound))?;
        let peer = ConnectInfo::<SocketAddr>::from_request_parts(parts, state).await;
        let ConnectInfo(peer) = peer.map_err(|_| refuse_problem(Problem::Internal))?;
        let Ok(RequestedUrl(url)) = RequestedUrl::from_request_parts(parts, state).await;
        let charge = state.charge(Counted::AdminRefusal, peer, &parts.headers);
        let charge = charge.ok_or_else(|| refuse_problem(Problem::TooManyRequests))?;
        let token = token_of(&parts.headers);
        let (token, scheme) = token.ok_or_else(|| refuse(&Error::AccessTokenInvalid))?;
        let dpop = read_dpop(&parts.headers, parts.method.as_str(), &url);
        let presented = PresentedToken {
            token,
            scheme,
            dpop: dpop.map_err(|error| refuse(&error))?,
            certificate: None,
        };
        let proven = state.provider().authorize_operator(&rules, presented).await;
        match proven {
            Ok(operator) => {
                charge.give_back();
                Ok(Self(operator))
            }
            Err(error) => {
                if matches!(error, Error::DpopNonceMissing | Error::DpopNonceInvalid) {
                    charge.give_back();
                }
                Err(refuse(&error))
            }
        }
    }
}

/// What takes two operators where four eyes are asked for, in this operator's name.
fn approvals_of(state: &AppState, operator: &OperatorProven) -> Result<Approvals, Refusal> {
    let rules = state.administration().admin();
    let rules = rules.ok_or_else(|| refuse_problem(Problem::NotFound))?;
    Ok(state.provider().approvals(&rules, operator))
}

/// The token of the one `Authorization` header, with its scheme.
fn token_of(headers: &HeaderMap) -> Option<(&str, TokenScheme)> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("DPoP") {
        Some((token, TokenScheme::Dpop))
    } else if scheme.eq_ignore_ascii_case("Bearer") {
        Some((token, TokenScheme::Bearer))
    } else {
        None
    }
}

/// The form of every refusal of the admin API.
fn refuse(error: &Error) -> Refusal {
    let name = error.oauth_error();
    let status = match name {
        ErrorCode::InvalidToken
        | ErrorCode::InvalidDpopProof
        | ErrorCode::UseDpopNonce
        | ErrorCode::InsufficientUserAuthentication => StatusCode::UNAUTHORIZED,
        ErrorCode::InsufficientScope | ErrorCode::AccessDenied => StatusCode::FORBIDDEN,
        ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable => status_of_fault(error),
        _ => StatusCode::BAD_REQUEST,
    };
    let status = match error {
        Error::ClientUnknown
        | Error::AnchorUnknown
        | Error::CardUnknown
        | Error::StopUnknown
        | Error::IncidentUnknown
        | Error::IncidentPersonUnknown
        | Error::IncidentNameUnknown { .. }
        | Error::ApprovalUnknown
        | Error::InstanceUndecided
        | Error::AnchorRulesUnknown { .. }
        | Error::InitialAccessTokenUnknown => StatusCode::NOT_FOUND,
        Error::ClientExists { .. }
        | Error::AnchorExists
        | Error::CardSuspendedAlready
        | Error::IncidentClosed
        | Error::IncidentsTooMany
        | Error::IncidentNotesTooMany
        | Error::ApprovalDecided
        | Error::ApprovalExpired
        | Error::ApprovalExists
        | Error::ApprovalChanged
        | Error::ApprovalLimitReached
        | Error::CardNotSuspended => StatusCode::CONFLICT,
        // What is wrong is the certificate of the request.
        Error::Pki(_) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => status,
    };
    let detail = match error {
        Error::ClientInvalid { .. }
        | Error::InitialAccessTokenTermsInvalid { .. }
        | Error::Pki(_) => error.to_string(),
        _ => String::new(),
    };
    Refusal {
        form: Form::Api {
            status,
            detail,
            challenge: (status == StatusCode::UNAUTHORIZED).then(|| challenge(name)),
        },
        code: error.code(),
    }
}

/// A registration that cannot be used is the caller's fault; a database that does not answer is
/// ours.
fn status_of_fault(error: &Error) -> StatusCode {
    match error {
        Error::ClientInvalid { .. }
        | Error::ClientExists { .. }
        | Error::ClientSecretMissing
        | Error::SecretOverlapTooLong { .. }
        | Error::KeyMissing { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Storage(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// RFC 9449 section 7.1; with RFC 9470 section 3 where the person has to sign in again.
fn challenge(error: ErrorCode) -> String {
    let challenge = format!("DPoP realm=\"cardea\", error=\"{error}\"");
    match error {
        ErrorCode::InsufficientUserAuthentication => {
            let acr = Acr::CardPin.as_str();
            format!("{challenge}, acr_values=\"{acr}\", max_age=\"0\"")
        }
        _ => challenge,
    }
}

/// Reads what an operator sends; the refusal names the member that is wrong.
fn read_body<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Refusal> {
    parse_json_naming(headers, body).map_err(|(problem, detail)| Refusal {
        form: Form::Api {
            status: problem.status(),
            detail: detail.unwrap_or_default(),
            challenge: None,
        },
        code: problem.code(),
    })
}

fn refuse_problem(problem: Problem) -> Refusal {
    Refusal {
        form: Form::Api {
            status: problem.status(),
            detail: String::new(),
            challenge: None,
        },
        code: problem.code(),
    }
}
