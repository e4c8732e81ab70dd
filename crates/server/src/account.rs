//! The page where a person looks after what is her own here (`/account`): what is open in her name,
//! what happened, her workstations and her cards.
//!
//! She reaches it by her card, as she reaches a portal (`cardea_provider::AccountSession`). A
//! handler of the page takes [`SignedIn`] as an argument; one that takes a form has
//! [`SignedIn::read_form`] read it, which refuses what another page sent. A new section is a file
//! in `account/`, one line in [`sections`] and a template of its own.

pub(crate) mod attention;
pub(crate) mod cards;
pub(crate) mod history;
mod look_ups;
pub(crate) mod open_sessions;
mod own_files;
pub(crate) mod stops;
pub(crate) mod take_away;
pub(crate) mod workstations;

use std::convert::Infallible;
use std::net::SocketAddr;

use askama::Template;
use axum::extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use cardea_jose::constant_time_eq;
use cardea_provider::{AccountSession, Error};

use crate::form::{Body, parse_form};
use crate::language::Language;
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::same_origin::check_same_origin;
use crate::state::AppState;

/// The field of every form of the page that says which page it is from.
pub(crate) const FORM_TOKEN: &str = "form_token";

/// Whoever is at the account page, proven by her cookie. As an argument of a handler it refuses
/// everybody else; as an `Option` it lets them in.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn(pub(crate) AccountSession);

/// A part of the page: what its own template made, which has escaped what it shows.
pub(crate) struct Section {
    html: String,
    /// The place that a link at the top of the page leads to, and its words.
    jump: Option<(&'static str, &'static str)>,
}

/// Every section of the page, in the order in which they stand on it.
pub(crate) async fn sections(
    state: &AppState,
    session: &AccountSession,
    language: Language,
) -> Result<Vec<Section>, Refusal> {
    // What a person in a hurry has to know comes first.
    let mut sections = vec![open_sessions::section(state, session, language).await?];
    sections.extend(stops::section(state, session, language).await?);
    sections.push(attention::section(state, session, language).await?);
    sections.push(history::section(state, session, language).await?);
    sections.extend(look_ups::section(state, session, language).await?);
    sections.push(take_away::section(session, language)?);
    sections.push(workstations::section(state, session, language).await?);
    sections.push(cards::section(state, session, language).await?);
    Ok(sections)
}

impl Section {
    /// Renders a section. Its template is a `<section>` with an `<h2>`.
    pub(crate) fn render(template: &impl Template) -> Result<Self, Refusal> {
        let rendered = template.render();
        let html = rendered.map_err(|_| Refusal::page(Problem::Internal))?;
        Ok(Self { html, jump: None })
    }

    /// The same, with a link at the top of the page that leads to it.
    pub(crate) fn reached_by(self, place: &'static str, words: &'static str) -> Self {
        Self {
            jump: Some((place, words)),
            ..self
        }
    }

    /// The section as HTML.
    pub(crate) fn html(&self) -> &str {
        &self.html
    }

    /// Where the link at the top of the page leads, and what it says.
    pub(crate) fn jump(&self) -> Option<(&'static str, &'static str)> {
        self.jump
    }
}

impl SignedIn {
    /// Reads a form of the account page: from our own origin, with the token of this very session
    /// (attack E20). The token is not among the pairs that it gives.
    pub(crate) fn read_form(
        &self,
        state: &AppState,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Vec<(String, String)>, Refusal> {
        check_same_origin(headers, state.origin()).map_err(Refusal::page)?;
        let mut pairs = parse_form(headers, body).map_err(Refusal::page)?;
        let mut tokens = pairs.iter().filter(|(name, _)| name == FORM_TOKEN);
        let token = tokens.next().filter(|_| tokens.next().is_none());
        let expected = self.0.form_token.as_bytes();
        if !token.is_some_and(|(_, token)| constant_time_eq(token.as_bytes(), expected)) {
            return Err(Refusal::page(Problem::OriginRefused));
        }
        pairs.retain(|(name, _)| name != FORM_TOKEN);
        Ok(pairs)
    }
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Refusal> {
        find(parts, state)
            .await?
            .ok_or_else(|| Refusal::page(Problem::AccountClosed))
    }
}

/// None without a cookie that counts, and where nobody can say: what then follows asks again.
impl OptionalFromRequestParts<AppState> for SignedIn {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Option<Self>, Infallible> {
        Ok(find(parts, state).await.ok().flatten())
    }
}

async fn find(parts: &Parts, state: &AppState) -> Result<Option<SignedIn>, Refusal> {
    let Some(cookie) = state.cookies().account(&parts.headers) else {
        return Ok(None);
    };
    // A cookie that anybody made up costs a look at the database: it is counted before.
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let ConnectInfo(peer) = peer.ok_or_else(|| Refusal::page(Problem::Internal))?;
    let charge = state.charge_page(*peer, &parts.headers)?;
    let found = state.provider().find_account(&cookie).await;
    let found = found.map_err(|error| unavailable(&error))?;
    if found.is_some() {
        charge.give_back();
    }
    Ok(found.map(SignedIn))
}

/// A refusal of the provider's at the account page.
pub(crate) fn unavailable(error: &Error) -> Refusal {
    let problem = match error.is_internal() {
        true => Problem::Unavailable,
        false => Problem::AccountClosed,
    };
    Refusal::page(problem).because(error.code())
}
