//! `GET /patients` and `POST /patients/walk`: the look-up service, as a person sees it.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::handler::cookie::Cookie;
use crate::language::Language;
use crate::look_up::desk::{Asking, Desk, Outcome, WALK};
use crate::text::Text;
use crate::{clock, page, router};

#[derive(Deserialize)]
pub(crate) struct Search {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
pub(crate) struct Walk {
    from: usize,
}

/// The form, and what was found by it.
pub(crate) async fn search_patients(
    State(state): State<Arc<router::State>>,
    headers: HeaderMap,
    Query(search): Query<Search>,
) -> Response {
    let Some(visit) = Visit::of(&state, &headers).await else {
        return Redirect::to("/").into_response();
    };
    let outcome = match search.name.trim() {
        "" => Outcome::default(),
        name => visit.desk.search(&visit.asking(), name).await,
    };
    visit.respond(&search.name, outcome, 0)
}

/// One patient after the other, as a robot would.
pub(crate) async fn walk_patients(
    State(state): State<Arc<router::State>>,
    headers: HeaderMap,
    Form(walk): Form<Walk>,
) -> Response {
    let Some(visit) = Visit::of(&state, &headers).await else {
        return Redirect::to("/").into_response();
    };
    let outcome = visit.desk.walk(&visit.asking(), walk.from).await;
    visit.respond("", outcome, walk.from.saturating_add(WALK))
}

/// Somebody who is signed in, at a portal that has the service.
struct Visit<'a> {
    desk: &'a Desk,
    subject: String,
    token: String,
    language: Language,
    issuer: &'a str,
}

impl<'a> Visit<'a> {
    async fn of(state: &'a router::State, headers: &HeaderMap) -> Option<Self> {
        let config = state.relying_party.config();
        let cookie = Cookie::Session.read(config, headers)?;
        let now = clock::unix_seconds();
        let session = state.sessions.find(cookie, now)?;
        Some(Self {
            desk: state.look_ups.as_ref()?,
            token: session.access.token(&state.relying_party, now).await,
            subject: session.subject,
            language: Language::of(headers, Cookie::Language.read(config, headers)),
            issuer: &config.issuer,
        })
    }

    fn asking(&self) -> Asking<'_> {
        Asking {
            token: &self.token,
            language: self.language,
        }
    }

    fn respond(&self, name: &str, outcome: Outcome, from: usize) -> Response {
        let (per_minute, per_hour) = self.desk.allowed;
        let text = Text::of(self.language);
        let withheld = outcome.withheld;
        let patients = page::Patients {
            text,
            language: self.language.tag(),
            other: page::other(self.language),
            name,
            is_searched: !name.trim().is_empty(),
            found: outcome.found,
            withheld: withheld.map(|it| (text.way_out(it.way_out), it)),
            seen: self.desk.seen(&self.subject),
            per_minute,
            per_hour,
            walk: WALK,
            from,
        };
        page::render(StatusCode::OK, &patients, self.issuer)
    }
}
