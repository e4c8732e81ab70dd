//! The portal's look-up service: invented patients behind the guard's layer.
//!
//! Each answer names patients, so each is stated before it is given, and withheld where the guard
//! does not allow it.

pub(crate) mod desk;
pub(crate) mod guarded;
mod key_files;
pub(crate) mod patient;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use cardea_guard::{LookUps, Seen, TokenLayer};
use serde::Deserialize;
use serde_json::json;

use patient::Patient;

/// The service's name among the guard's rules.
const SERVICE: &str = "patients";
/// People who don't exist.
pub(crate) const PATIENTS: u64 = 500;

/// The service's routes.
pub(crate) fn router(patients: Arc<Vec<Patient>>, layer: TokenLayer) -> Router {
    Router::new()
        .route("/patients", get(search))
        .route("/patients/{number}", get(show))
        .layer(layer)
        .with_state(patients)
}

/// One patient by number. A miss tells something too, and is stated as well.
async fn show(
    State(patients): State<Arc<Vec<Patient>>>,
    Path(number): Path<String>,
    look_ups: LookUps,
) -> Response {
    let numbers = [number.as_str()];
    let seen = Seen {
        numbers: &numbers,
        ..Seen::default()
    };
    if let Err(withheld) = look_ups.ask(&seen).await {
        return withheld.into_response();
    }
    match patients.iter().find(|patient| patient.number == number) {
        Some(patient) => Json(json!(patient)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[derive(Deserialize)]
struct Search {
    name: String,
}

/// All patients whose name begins so, with the family's or the person's own first: each of them is
/// stated.
async fn search(
    State(patients): State<Arc<Vec<Patient>>>,
    Query(search): Query<Search>,
    look_ups: LookUps,
) -> Response {
    let name = search.name.to_lowercase();
    let is_found = |patient: &&Patient| {
        let (given, family) = (patient.given_name, patient.family_name);
        let names = [format!("{family} {given}"), format!("{given} {family}")];
        names.iter().any(|it| it.to_lowercase().starts_with(&name))
    };
    let found: Vec<_> = patients.iter().filter(is_found).collect();
    let mut numbers: Vec<_> = found
        .iter()
        .map(|patient| patient.number.as_str())
        .collect();
    if numbers.is_empty() {
        numbers.push(&search.name);
    }
    let seen = Seen {
        numbers: &numbers,
        ..Seen::default()
    };
    match look_ups.ask(&seen).await {
        Ok(()) => Json(json!(found)).into_response(),
        Err(withheld) => withheld.into_response(),
    }
}
