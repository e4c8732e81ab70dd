//! `cardea-demo-portal attack`: a robot with a real session walks the look-up service.
//!
//! The session is a real one: card, PIN prompt, server and token are those of [`crate::once`]. The
//! robot asks for one number after the other, does not wait when it is told to, and does not sign
//! anew; what it gets to see is what the guard lets it see.

mod notes;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_guard::{Adapter, TokenLayer};
use serde_json::{Value, json};

use crate::config::Config;
use crate::error::{Error, chain};
use crate::look_up::guarded::Guarded;
use crate::look_up::{self, PATIENTS, patient};
use crate::once;

use notes::Notes;

/// The guard has the issuer's keys long before.
const PATIENCE: Duration = Duration::from_secs(30);
const NOTICES_MAX: usize = 32;

/// Lets the robot loose and says how far it got.
///
/// # Errors
/// [`Error::LookUp`], or what a login can fail with.
pub async fn run(config: &Config, folder: &Path) -> Result<Value, Error> {
    let patients = Arc::new(patient::invent(PATIENTS));
    let notes = Arc::new(Notes::default());
    let (adapter, layer) = guarded(config, folder, Arc::clone(&notes)).await?;
    let address = listen(look_up::router(Arc::clone(&patients), layer)).await?;
    let login = once::run(config).await?;
    let token = login.get("access_token").and_then(Value::as_str);
    let token = token.ok_or_else(|| failed("the login gave no access token"))?;

    let started = Instant::now();
    let walk = walk(&patients, address, token).await?;
    let elapsed = started.elapsed();
    let mut seen = Vec::new();
    for pseudonym in notes.seen() {
        // The guard knows pseudonyms alone; who they are, the portal knows.
        let found = patients
            .iter()
            .find(|patient| adapter.pseudonym(&patient.number) == pseudonym);
        seen.push(json!({
            "pseudonym": pseudonym,
            "number": found.map(|it| &it.number),
            "name": found.map(|it| format!("{} {}", it.given_name, it.family_name)),
        }));
    }
    Ok(json!({
        "stopped": walk.stopped,
        "requests": walk.requests,
        "patients_seen": seen,
        "notices": walk.notices,
        "elapsed_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
    }))
}

/// The portal's adapter, and the layer, once the guard has the issuer's keys.
async fn guarded(
    config: &Config,
    folder: &Path,
    notes: Arc<Notes>,
) -> Result<(Adapter, TokenLayer), Error> {
    let guarded = Guarded::begin(config, folder, notes)?;
    let begun = Instant::now();
    while let Err(error) = guarded.check.check_ready() {
        if begun.elapsed() > PATIENCE {
            return Err(failed(&chain(&error)));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok((guarded.adapter, guarded.layer))
}

async fn listen(router: axum::Router) -> Result<SocketAddr, Error> {
    let failed = |source| Error::Listen {
        address: "127.0.0.1:0".to_owned(),
        source,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

#[derive(Default)]
struct Walk {
    stopped: Option<Value>,
    requests: usize,
    notices: Vec<Value>,
}

/// One number after the other, as fast as answers come, until session or account is stopped.
async fn walk(
    patients: &[patient::Patient],
    address: SocketAddr,
    token: &str,
) -> Result<Walk, Error> {
    let client = crate::http_client::HttpClient::new(None)?;
    let mut walk = Walk::default();
    let mut last = String::new();
    for patient in patients {
        walk.requests += 1;
        let asked = async |language: &str| {
            let url = format!("http://{address}/patients/{}", patient.number);
            let request = client.inner().get(url).bearer_auth(token);
            let request = request.header("accept-language", language);
            request.send().await.map_err(|error| failed(&chain(&error)))
        };
        let answer = asked("fr").await?;
        let status = answer.status().as_u16();
        if status == 200 {
            continue;
        }
        let problem: Value = answer
            .json()
            .await
            .map_err(|error| failed(&chain(&error)))?;
        let code = problem
            .get("code")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if code != last && walk.notices.len() < NOTICES_MAX {
            last = code.to_owned();
            walk.notices.push(json!({
                "at_request": walk.requests,
                "status": status,
                "code": code,
                "title": problem.get("title"),
                "detail": problem.get("detail"),
                "reasons": problem.get("reasons"),
            }));
        }
        if matches!(code, "guard.session_stopped" | "guard.account_stopped") {
            walk.stopped = Some(code.into());
            break;
        }
    }
    Ok(walk)
}

/// The same for a person.
#[must_use]
pub fn text(document: &Value) -> String {
    let word = |value: &Value, name: &str| {
        let found = value.get(name);
        found.map_or_else(String::new, |it| match it {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    };
    let list = |name: &str| document.get(name).and_then(Value::as_array).cloned();
    let seen = list("patients_seen").unwrap_or_default();
    let mut lines = vec![format!(
        "The robot asked {} times within {} ms and saw {} patients.",
        word(document, "requests"),
        word(document, "elapsed_ms"),
        seen.len()
    )];
    for notice in list("notices").unwrap_or_default() {
        lines.push(String::new());
        lines.push(format!(
            "At request {}: {} {}, {}",
            word(&notice, "at_request"),
            word(&notice, "status"),
            word(&notice, "code"),
            word(&notice, "title")
        ));
        lines.push(format!("  {}", word(&notice, "detail")));
    }
    lines.push(String::new());
    lines.push(
        "Patients whom it has seen (the guard knows the pseudonym, the portal who it is):".into(),
    );
    for patient in &seen {
        lines.push(format!(
            "  {}  {}  {}",
            word(patient, "pseudonym"),
            word(patient, "number"),
            word(patient, "name")
        ));
    }
    lines.push(String::new());
    lines.push(match document.get("stopped") {
        Some(Value::String(code)) => format!("Stopped: {code}"),
        _ => "NOT STOPPED".to_owned(),
    });
    lines.join("\n")
}

fn failed(reason: &str) -> Error {
    Error::LookUp {
        reason: reason.to_owned(),
    }
}
