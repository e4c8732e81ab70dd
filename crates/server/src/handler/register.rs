//! The client registration endpoint (RFC 7591) and that of one client's registration (RFC 7592).

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::ErrorCode;
use cardea_provider::{Error, Registered, RegistrationTerms, Secret};
use cardea_storage::client::ClientRecord;
use serde_json::{Map, Value, json};

use crate::bearer::bearer_of;
use crate::client_metadata;
use crate::client_reload::follow_clients;
use crate::form::{Body, parse_json};
use crate::problem::Problem;
use crate::rate_limit::{Charge, Counted};
use crate::refusal::{Form, Refusal};
use crate::state::AppState;

/// Where clients register themselves.
pub(crate) const REGISTRATION_PATH: &str = "/register";

/// Members of an update that only the server sets (RFC 7592 section 2.2).
const SET_BY_SERVER: [&str; 4] = [
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
];

/// Registers a client.
pub(crate) async fn post_registration(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let charge = charge(&state, peer, &headers)?;
    let token = bearer_of(&headers).unwrap_or_default();
    let metadata = metadata_of(&headers, body)?;
    let clients_max = state.administration().registration().clients_max;
    let provider = state.provider();
    let read =
        |terms: RegistrationTerms<'_>| client_metadata::read(metadata, terms, provider.rules());
    let registered = provider.register_client(token, clients_max, read).await;
    let registered = registered.map_err(|error| refuse(&error))?;
    charge.give_back();
    // Known here at once, and at other nodes within two seconds.
    follow_clients(provider).await;
    let document = document_of_registered(&state, registered)?;
    Ok((StatusCode::CREATED, Json(document)).into_response())
}

/// Tells a client what is registered of it.
pub(crate) async fn get_registration(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let charge = charge(&state, peer, &headers)?;
    let token = bearer_of(&headers).unwrap_or_default();
    let record = state.provider().read_registration(&client_id, token).await;
    let record = record.map_err(|error| refuse(&error))?;
    charge.give_back();
    let mut document = document_of(&state, &record)?;
    document.insert("registration_access_token".to_owned(), json!(token));
    Ok(Json(document).into_response())
}

/// Replaces what is registered of a client.
pub(crate) async fn put_registration(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let charge = charge(&state, peer, &headers)?;
    let token = bearer_of(&headers).unwrap_or_default();
    let mut metadata = metadata_of(&headers, body)?;
    let provider = state.provider();
    let read = |terms: RegistrationTerms<'_>| {
        check_update(&mut metadata, &terms)?;
        client_metadata::read(metadata, terms, provider.rules())
    };
    let changed = provider.change_registration(&client_id, token, read).await;
    let changed = changed.map_err(|error| refuse(&error))?;
    charge.give_back();
    follow_clients(provider).await;
    Ok(Json(document_of_registered(&state, changed)?).into_response())
}

/// Takes a client out at its own wish.
pub(crate) async fn delete_registration(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let charge = charge(&state, peer, &headers)?;
    let token = bearer_of(&headers).unwrap_or_default();
    let removed = state.provider().remove_registration(&client_id, token);
    removed.await.map_err(|error| refuse(&error))?;
    charge.give_back();
    follow_clients(state.provider()).await;
    Ok(StatusCode::NO_CONTENT)
}

/// RFC 7592 section 2.2: an update names its client, and the secret only as it is.
fn check_update(
    metadata: &mut Map<String, Value>,
    terms: &RegistrationTerms<'_>,
) -> Result<(), Error> {
    let wrong = |key, reason| Err(Error::ClientMetadataInvalid { key, reason });
    if metadata.remove("client_id") != Some(json!(terms.client_id)) {
        return wrong(
            "client_id",
            "must be that of the client (RFC 7592 section 2.2)",
        );
    }
    if let Some(key) = SET_BY_SERVER.iter().find(|it| metadata.contains_key(**it)) {
        return wrong(key, "is for the server to set (RFC 7592 section 2.2)");
    }
    let secret = metadata.remove("client_secret");
    let is_kept = |secret: &Value| {
        let secret = secret.as_str().unwrap_or_default();
        terms.secret.is(secret)
    };
    if secret.is_some_and(|secret| !is_kept(&secret)) {
        return wrong(
            "client_secret",
            "is not chosen by the client (RFC 7592 section 2.2)",
        );
    }
    Ok(())
}

/// Every request is counted before anything is looked up, and given back where its token was good.
fn charge<'a>(
    state: &'a AppState,
    peer: SocketAddr,
    headers: &HeaderMap,
) -> Result<Charge<'a>, Refusal> {
    let charge = state.charge(Counted::RegistrationRefusal, peer, headers);
    charge.ok_or_else(|| refuse_problem(Problem::TooManyRequests))
}

fn metadata_of(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Refusal> {
    let metadata: Map<String, Value> = parse_json(headers, body).map_err(refuse_problem)?;
    if client_metadata::is_too_large(&metadata) {
        return Err(refuse_problem(Problem::RequestMalformed));
    }
    Ok(metadata)
}

fn document_of_registered(
    state: &AppState,
    registered: Registered,
) -> Result<Map<String, Value>, Refusal> {
    let mut document = document_of(state, &registered.record)?;
    let token = registered.registration_access_token.expose();
    document.insert("registration_access_token".to_owned(), json!(token));
    if let Some(secret) = registered.secret.as_ref().map(Secret::expose) {
        document.insert("client_secret".to_owned(), json!(secret));
    }
    Ok(document)
}

fn document_of(state: &AppState, record: &ClientRecord) -> Result<Map<String, Value>, Refusal> {
    let metadata = client_metadata::write(&record.registration);
    let mut document = metadata.map_err(|error| refuse(&error))?;
    let issued_at = record.created_at.unix_timestamp();
    document.insert("client_id_issued_at".to_owned(), json!(issued_at));
    if record.secret.is_some() {
        // RFC 7591 section 3.2.1: 0 for a secret that does not expire.
        document.insert("client_secret_expires_at".to_owned(), json!(0));
    }
    let uri = format!(
        "{}{REGISTRATION_PATH}/{}",
        state.provider().issuer().as_str(),
        record.client_id
    );
    document.insert("registration_client_uri".to_owned(), json!(uri));
    Ok(document)
}

fn refuse_problem(problem: Problem) -> Refusal {
    Refusal {
        form: Form::OAuth {
            error: ErrorCode::InvalidRequest,
            status: problem.status(),
        },
        code: problem.code(),
    }
}

fn refuse(error: &Error) -> Refusal {
    let code = error.code();
    let name = error.oauth_error();
    let status = match name {
        _ if matches!(error, Error::RegistrationChangesTooMany) => StatusCode::TOO_MANY_REQUESTS,
        // RFC 6750 section 3.1: both tokens of these endpoints are bearer tokens.
        ErrorCode::InvalidToken => {
            let form = Form::AccessToken {
                scheme: cardea_provider::TokenScheme::Bearer,
                error: Some(name),
                status: StatusCode::UNAUTHORIZED,
            };
            return Refusal { form, code };
        }
        ErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    let form = match error {
        Error::ClientMetadataInvalid { .. } | Error::ClientRedirectUriInvalid { .. } => {
            Form::OAuthBecause {
                error: name,
                status,
                reason: error.to_string(),
            }
        }
        _ => Form::OAuth {
            error: name,
            status,
        },
    };
    Refusal { form, code }
}
