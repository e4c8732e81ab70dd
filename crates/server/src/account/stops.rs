//! "Stopped": where a guard has stopped her account, as long as that holds, and what she has not
//! said that she has seen. Most people never see this section.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use cardea_provider::{AccountSession, GuardStopNotice};

use super::{Section, SignedIn, unavailable};
use crate::error_response::language_of;
use crate::form::Body;
use crate::handler::account::show;
use crate::language::{Language, Text};
use crate::moment::Moments;
use crate::page::{advice_on_stops, line_of_stop};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// Notices of one answer; the page has no more.
const SEEN_MAX: usize = 100;

#[derive(Template)]
#[template(path = "account_stops.html")]
struct Stops<'a> {
    language: Language,
    moments: Moments,
    form_token: &'a str,
    stops: &'a [GuardStopNotice],
}

/// The section; none where there is nothing to say.
pub(crate) async fn section(
    state: &AppState,
    session: &AccountSession,
    language: Language,
) -> Result<Option<Section>, Refusal> {
    let stops = state.provider().list_own_guard_stops(session).await;
    let stops = stops.map_err(|error| unavailable(&error))?;
    if stops.is_empty() {
        return Ok(None);
    }
    let template = Stops {
        language,
        moments: state.moments(language),
        form_token: &session.form_token,
        stops: &stops,
    };
    Section::render(&template).map(Some)
}

/// Takes her word that she has seen them.
pub(crate) async fn post_stops(
    State(state): State<AppState>,
    signed_in: SignedIn,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = signed_in.read_form(&state, &headers, body)?;
    if pairs.len() > SEEN_MAX || pairs.iter().any(|(name, _)| name != "seen") {
        return Err(Refusal::page(Problem::RequestMalformed));
    }
    let ids: Vec<_> = pairs.into_iter().map(|(_, id)| id).collect();
    let (all, account) = (state.clone(), signed_in.0.clone());
    let seen = to_the_end(async move {
        let provider = all.provider();
        provider.acknowledge_own_guard_stops(&account, &ids).await
    });
    let seen = seen.await.ok_or_else(|| Refusal::page(Problem::Internal))?;
    seen.map_err(|error| unavailable(&error))?;
    show(&state, &signed_in, language_of(&uri, &headers), None).await
}

impl Stops<'_> {
    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn line(&self, stop: &GuardStopNotice) -> String {
        line_of_stop(stop, &self.moments)
    }

    fn advice(&self) -> Vec<&'static str> {
        advice_on_stops(self.stops, self.language)
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        self.stops.iter().filter_map(|it| it.id.as_deref())
    }

    fn is_news(&self) -> bool {
        self.ids().next().is_some()
    }
}

const HEADING: Text = Text::new("Look-ups that were stopped", "Consultations interrompues");
const SEEN: Text = Text::new("I have seen it", "J’en prends note");
