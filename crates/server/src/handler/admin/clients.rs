//! `/admin/clients`: what `cardea clients` does.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use cardea_provider::{Error, NewClient, Secret};
use cardea_storage::client::ClientRecord;
use time::Duration;

use super::{OperatorRequest, read_body, refuse};
use crate::admin_api::{
    ChangedClient, ClientList, ClientSource, ClientView, NewSecret, SecretRotation,
};
use crate::client_registration::{config_of_record, put_secret_into};
use crate::client_reload::follow_clients;
use crate::config::{ClientConfig, check_client};
use crate::form::Body;
use crate::refusal::{Form, Refusal};
use crate::state::AppState;

/// Lists every client, those of the configuration included.
pub(crate) async fn list_clients(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
) -> Result<Json<ClientList>, Refusal> {
    let provider = state.provider();
    let records = provider.client_registrations(&operator).list().await;
    let records = records.map_err(|error| refuse(&error))?;
    let configured = provider.configured_clients();
    let configured = configured.iter().map(|client| ClientView {
        client_id: client.client_id.clone(),
        name: client.name.clone(),
        source: ClientSource::Configuration,
        initial_access_token: None,
        registration: None,
        created_at: None,
        changed_at: None,
    });
    let clients = configured.chain(records.iter().map(view)).collect();
    Ok(Json(ClientList { clients }))
}

/// Shows one client of the database.
pub(crate) async fn get_client(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(client_id): Path<String>,
) -> Result<Json<ClientView>, Refusal> {
    let registrations = state.provider().client_registrations(&operator);
    let record = registrations.load(&client_id).await;
    Ok(Json(view(&record.map_err(|error| refuse(&error))?)))
}

/// Registers a client.
pub(crate) async fn post_client(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<ChangedClient>), Refusal> {
    let table: ClientConfig = read_body(&headers, body)?;
    let (new, secret) = prepare(&state, table)?;
    let provider = state.provider();
    provider
        .check_new_client(&new)
        .map_err(|error| refuse(&error))?;
    let client_id = new.client.client_id.clone();
    let registrations = provider.client_registrations(&operator);
    let added = registrations.add(std::slice::from_ref(&new)).await;
    added.map_err(|error| refuse(&error))?;
    follow_clients(provider).await;
    let record = registrations.load(&client_id).await;
    let client = view(&record.map_err(|error| refuse(&error))?);
    let secret = secret.map(|secret| secret.expose().to_owned());
    Ok((StatusCode::CREATED, Json(ChangedClient { client, secret })))
}

/// Puts another registration in place of a client's; it keeps its secret.
pub(crate) async fn put_client(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(client_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ChangedClient>, Refusal> {
    let table: ClientConfig = read_body(&headers, body)?;
    if table.client_id != client_id {
        let reason = "must be that of the address";
        return Err(refuse_table("client_id", reason));
    }
    let (new, secret) = prepare(&state, table)?;
    let provider = state.provider();
    provider
        .check_new_client(&new)
        .map_err(|error| refuse(&error))?;
    let registrations = provider.client_registrations(&operator);
    let changed = registrations.change(&new).await;
    let changed = changed.map_err(|error| refuse(&error))?;
    follow_clients(provider).await;
    // One that had a secret has kept it, and the new one was never anybody's.
    let is_new = |secret: &Secret| changed.secret.as_ref() == Some(&secret.digest());
    let secret = secret.filter(is_new).map(|it| it.expose().to_owned());
    let client = view(&changed);
    Ok(Json(ChangedClient { client, secret }))
}

/// Takes a client out.
pub(crate) async fn delete_client(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(client_id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let configured = state.provider().check_not_configured(&client_id);
    configured.map_err(|error| refuse(&error))?;
    let registrations = state.provider().client_registrations(&operator);
    let removed = registrations.remove(&client_id).await;
    removed.map_err(|error| refuse(&error))?;
    follow_clients(state.provider()).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a client another secret.
pub(crate) async fn post_client_secret(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(client_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<NewSecret>, Refusal> {
    let rotation: SecretRotation = read_body(&headers, body)?;
    let configured = state.provider().check_not_configured(&client_id);
    configured.map_err(|error| refuse(&error))?;
    let overlap = Duration::seconds(i64::from(rotation.overlap_seconds));
    let registrations = state.provider().client_registrations(&operator);
    let rotated = registrations.rotate_secret(&client_id, overlap).await;
    let rotated = rotated.map_err(|error| refuse(&error))?;
    follow_clients(state.provider()).await;
    Ok(Json(NewSecret {
        client_id,
        secret: rotated.secret.expose().to_owned(),
        previous_secret_accepted_until: rotated.previous_accepted_until,
    }))
}

/// A client of the table, with a secret where it needs one and brings no digest along.
fn prepare(
    state: &AppState,
    mut table: ClientConfig,
) -> Result<(NewClient, Option<Secret>), Refusal> {
    if table.jwks_file.is_some() {
        return Err(refuse_table("jwks_file", "must be given as jwks"));
    }
    let secret = put_secret_into(&mut table);
    let secret = secret.map_err(|(key, reason)| refuse_table(key, &reason))?;
    let client = check_client(&table, state.provider().rules());
    let client = client.map_err(|(key, reason)| refuse_table(key, &reason))?;
    let registration = serde_json::to_string(&table);
    let registration =
        registration.map_err(|error| refuse(&Error::StoredValueUnreadable(error)))?;
    let new = NewClient {
        client,
        registration,
    };
    Ok((new, secret))
}

fn refuse_table(key: &str, reason: &str) -> Refusal {
    Refusal {
        form: Form::Api {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            detail: format!("{key} {reason}"),
            challenge: None,
        },
        code: "provider.client_invalid",
    }
}

fn view(record: &ClientRecord) -> ClientView {
    let registration = config_of_record(record).ok();
    let own = record.self_registration.as_ref();
    let name = registration.as_ref().map(|it| it.name.clone());
    ClientView {
        client_id: record.client_id.clone(),
        name: name.unwrap_or_default(),
        source: match own {
            Some(_) => ClientSource::SelfRegistered,
            None => ClientSource::Database,
        },
        initial_access_token: own.map(|own| own.initial_access_token_id.clone()),
        registration,
        created_at: Some(record.created_at),
        changed_at: Some(record.changed_at),
    }
}
