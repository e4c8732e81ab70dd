//! What the portal's own pages ask the look-up service, each time with the person's token.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use cardea_guard::{Kind, Recorded, Report, Reporter, Rules};
use serde_json::Value;
use tower::ServiceExt as _;
use url::form_urlencoded;

use super::guarded::Guarded;
use super::patient::{self, Patient};
use super::{PATIENTS, SERVICE};
use crate::config::Config;
use crate::error::Error;
use crate::language::Language;

const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Whose patients are counted; with more people all counts begin anew.
const PEOPLE_MAX: usize = 1_000;
/// What a search may ask for, and what is remembered of one person.
const NAME_BYTES_MAX: usize = 64;
const SEEN_MAX: usize = 2_000;
/// Look-ups of one press on the robot's button.
pub(crate) const WALK: usize = 20;

/// The service behind its guard.
pub(crate) struct Desk {
    service: Router,
    patients: Arc<Vec<Patient>>,
    counts: Arc<Counts>,
    /// Distinct patients in a minute and in an hour.
    pub(crate) allowed: (u32, u32),
}

/// Whose token it is, and how she is spoken to.
pub(crate) struct Asking<'a> {
    pub(crate) token: &'a str,
    pub(crate) language: Language,
}

/// What came of a question.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Number and name.
    pub(crate) found: Vec<(String, String)>,
    pub(crate) withheld: Option<Withheld>,
}

/// What the guard says instead.
#[derive(Debug)]
pub(crate) struct Withheld {
    /// Why, and what to do, in the person's language.
    pub(crate) detail: String,
    pub(crate) code: String,
    pub(crate) way_out: WayOut,
}

/// What the person can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WayOut {
    /// Have the card sign, and go on.
    Sign,
    /// The session was stopped: sign in anew.
    Stopped,
    /// The session is over for another reason.
    SignIn,
    /// Nothing: somebody else has to.
    Call,
    /// Wait: the fault is not hers.
    Later,
}

impl WayOut {
    fn of(status: StatusCode, code: &str) -> Self {
        match code {
            "guard.step_up_required" | "guard.slow_down" => Self::Sign,
            "guard.session_stopped" => Self::Stopped,
            "guard.account_stopped" => Self::Call,
            _ if status == StatusCode::UNAUTHORIZED => Self::SignIn,
            _ => Self::Later,
        }
    }
}

impl Desk {
    /// Opens it beside a portal. The guard's own keys are made in the folder.
    pub(crate) fn open(config: &Config, folder: &Path) -> Result<Self, Error> {
        let counts = Arc::new(Counts::default());
        let reporter: Arc<dyn Reporter> = counts.clone();
        let guarded = Guarded::begin(config, folder, reporter)?;
        let patients = Arc::new(patient::invent(PATIENTS));
        let rules = Rules::default();
        let budget = rules.budget(SERVICE, None, Kind::LookUp);
        Ok(Self {
            service: super::router(Arc::clone(&patients), guarded.layer),
            patients,
            counts,
            allowed: (budget.per_minute, budget.per_hour),
        })
    }

    /// All patients whose name begins so.
    pub(crate) async fn search(&self, asking: &Asking<'_>, name: &str) -> Outcome {
        let name: String = name.trim().chars().take(NAME_BYTES_MAX).collect();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("name", &name)
            .finish();
        self.ask(asking, &format!("/patients?{query}")).await
    }

    /// One patient after the other, as a robot would: from this one on, until the guard has enough.
    pub(crate) async fn walk(&self, asking: &Asking<'_>, from: usize) -> Outcome {
        let mut all = Outcome::default();
        for patient in self.patients.iter().skip(from).take(WALK) {
            let one = self
                .ask(asking, &format!("/patients/{}", patient.number))
                .await;
            all.found.extend(one.found);
            if one.withheld.is_some() {
                all.withheld = one.withheld;
                break;
            }
        }
        all
    }

    /// How many different patients somebody was told of, or asked for in vain.
    pub(crate) fn seen(&self, subject: &str) -> usize {
        self.counts.of(subject)
    }

    async fn ask(&self, asking: &Asking<'_>, address: &str) -> Outcome {
        let request = Request::get(address)
            .header(header::AUTHORIZATION, format!("Bearer {}", asking.token))
            .header(header::ACCEPT_LANGUAGE, asking.language.tag())
            .body(Body::empty());
        let Ok(request) = request else {
            return Outcome::default();
        };
        match self.service.clone().oneshot(request).await {
            Ok(response) => read(response).await,
            Err(never) => match never {},
        }
    }
}

async fn read(response: Response) -> Outcome {
    let status = response.status();
    let body = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
    let body: Value = body
        .ok()
        .and_then(|body| serde_json::from_slice(&body).ok())
        .unwrap_or_default();
    let text = |value: &Value, name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    if status.is_success() {
        let one = std::slice::from_ref(&body);
        let all = body.as_array().map_or(one, Vec::as_slice);
        let found = all.iter().map(|it| {
            let name = format!("{} {}", text(it, "given_name"), text(it, "family_name"));
            (text(it, "number"), name)
        });
        return Outcome {
            found: found.collect(),
            withheld: None,
        };
    }
    let code = text(&body, "code");
    Outcome {
        found: Vec::new(),
        withheld: Some(Withheld {
            detail: text(&body, "detail"),
            way_out: WayOut::of(status, &code),
            code,
        }),
    }
}

/// How many different patients each person was told of; a demo reports to nobody.
#[derive(Debug, Default)]
struct Counts(Mutex<HashMap<String, HashSet<String>>>);

impl Counts {
    fn of(&self, subject: &str) -> usize {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(subject).map_or(0, HashSet::len)
    }
}

impl Reporter for Counts {
    fn record(&self, report: Report) -> Recorded<'_> {
        if report.answer == "allow" {
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if counts.len() >= PEOPLE_MAX && !counts.contains_key(&report.sub) {
                counts.clear();
            }
            let seen = counts.entry(report.sub).or_default();
            let room = SEEN_MAX.saturating_sub(seen.len());
            seen.extend(report.patients.into_iter().take(room));
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

#[cfg(test)]
pub(crate) mod tests;
