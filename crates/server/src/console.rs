//! The operators' console (`/console`): who is at it, and what all of its pages share.
//!
//! An operator reaches it by her card, as a portal (`cardea_provider::ConsoleSession`), and is
//! judged anew at every request. A handler of a page takes [`Visit`] as an argument, which leads
//! everybody else to the login; one that takes a form takes [`AtConsole`] and has
//! [`AtConsole::read_form`] read it, which refuses what another page sent.

pub(crate) mod events;
pub(crate) mod reasons;
pub(crate) mod words;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use cardea_jose::constant_time_eq;
use cardea_provider::incident::Incidents;
use cardea_provider::{AdminRules, Approvals, CONSOLE, CONSOLE_PATH, ConsoleSession, Error};
use time::OffsetDateTime;

use crate::error_response::language_of;
use crate::form::{Body, parse_form};
use crate::handler::own_page;
use crate::language::{Language, Text};
use crate::moment::Moments;
use crate::page;
use crate::page::console_page::{ConsolePage, Link, Part, Section};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::same_origin::check_same_origin;
use crate::state::AppState;

/// The field of every form of the console that says which page it is from.
const FORM_TOKEN: &str = "form_token";

/// An operator at the console, for a form; it refuses everybody else.
pub(crate) struct AtConsole {
    pub(crate) session: ConsoleSession,
    pub(crate) rules: Arc<AdminRules>,
    pub(crate) language: Language,
    pub(crate) moments: Moments,
}

/// An operator who looks at a page; whoever is not signed in is led to the login.
pub(crate) struct Visit(pub(crate) AtConsole);

/// What a form has done, or why it has not.
#[derive(Debug, Default)]
pub(crate) struct Said {
    notice: Option<String>,
    mistake: Option<(StatusCode, String)>,
    /// The fields that it is about.
    fields: Vec<Link>,
}

impl Said {
    pub(crate) fn done(text: Text, language: Language) -> Self {
        Self {
            notice: Some(text.in_language(language).to_owned()),
            ..Self::default()
        }
    }

    /// Fields of a form say what cannot be used; each has a link that leads to it.
    pub(crate) fn mistaken(words: String, fields: Vec<Link>) -> Self {
        Self {
            notice: None,
            mistake: Some((StatusCode::UNPROCESSABLE_ENTITY, words)),
            fields,
        }
    }

    /// What the operator can do something about stands on the page; all else is a page of its own.
    pub(crate) fn refused(error: &Error, language: Language) -> Result<Self, Refusal> {
        let (status, text) = words::mistake(error).ok_or_else(|| unavailable(error))?;
        let words = format!("{} ({})", text.in_language(language), error.code());
        Ok(Self {
            mistake: Some((status, words)),
            ..Self::default()
        })
    }
}

impl AtConsole {
    /// Reads a form of the console: from our own origin, with the token of this very session
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
        let expected = self.session.form_token.as_bytes();
        if !token.is_some_and(|(_, token)| constant_time_eq(token.as_bytes(), expected)) {
            return Err(Refusal::page(Problem::OriginRefused));
        }
        pairs.retain(|(name, _)| name != FORM_TOKEN);
        Ok(pairs)
    }

    /// A moment by the clocks of the pages.
    pub(crate) fn written(&self, moment: OffsetDateTime) -> String {
        self.moments.written(moment)
    }

    pub(crate) fn say(&self, text: Text) -> String {
        text.in_language(self.language).to_owned()
    }

    /// An address of the console in her language.
    pub(crate) fn href(&self, path: &str) -> String {
        format!("{path}?lang={}", self.language.tag())
    }

    pub(crate) fn link(&self, path: &str, text: impl Into<String>) -> Link {
        Link {
            href: self.href(path),
            text: text.into(),
        }
    }

    pub(crate) fn approvals(&self, state: &AppState) -> Approvals {
        let operator = &self.session.operator;
        state.provider().approvals(&self.rules, operator)
    }

    pub(crate) fn incidents(&self, state: &AppState) -> Incidents {
        state.provider().incidents(&self.session.operator)
    }

    /// Shows a page.
    pub(crate) fn show(
        &self,
        state: &AppState,
        (part, address): (Part, &str),
        sections: Vec<Section>,
        said: Said,
    ) -> Response {
        let status = said.mistake.as_ref().map_or(StatusCode::OK, |(it, _)| *it);
        let mistake = said.mistake.map(|(_, words)| words);
        let page = ConsolePage::new(self.language, &self.session, (part, address), sections)
            .with_notice(said.notice)
            .with_mistake(mistake, said.fields);
        page::render(state, status, self.language, &page)
    }
}

/// The one value of a field; a form that has it twice, or not, is not one of ours.
pub(crate) fn one<'a>(pairs: &'a [(String, String)], wanted: &str) -> Result<&'a str, Refusal> {
    let mut values = pairs.iter().filter(|(name, _)| name == wanted);
    let (Some((_, value)), None) = (values.next(), values.next()) else {
        return Err(Refusal::page(Problem::RequestMalformed));
    };
    Ok(value)
}

/// The same of a field that a form may leave out; without it there is nothing.
pub(crate) fn one_or_none<'a>(
    pairs: &'a [(String, String)],
    wanted: &str,
) -> Result<&'a str, Refusal> {
    match pairs.iter().any(|(name, _)| name == wanted) {
        true => one(pairs, wanted),
        false => Ok(""),
    }
}

/// A fault that the operator can do nothing about here.
pub(crate) fn unavailable(error: &Error) -> Refusal {
    let problem = match error.is_internal() {
        true => Problem::Unavailable,
        false => Problem::RequestMalformed,
    };
    Refusal::page(problem).because(error.code())
}

impl FromRequestParts<AppState> for AtConsole {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Refusal> {
        let closed = || Refusal::page(Problem::ConsoleClosed);
        find(parts, state).await?.ok_or_else(closed)
    }
}

impl FromRequestParts<AppState> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let found = find(parts, state).await;
        match found.map_err(IntoResponse::into_response)? {
            Some(at) => Ok(Self(at)),
            None => Err(begin(parts, state).await),
        }
    }
}

async fn begin(parts: &Parts, state: &AppState) -> Response {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let Some(ConnectInfo(peer)) = peer else {
        return Refusal::page(Problem::Internal).into_response();
    };
    let language = language_of(&parts.uri, &parts.headers);
    let begun = own_page::begin(state, CONSOLE, *peer, language, &parts.headers).await;
    begun.unwrap_or_else(IntoResponse::into_response)
}

/// None where nobody is at the console, or has to sign in again.
async fn find(parts: &Parts, state: &AppState) -> Result<Option<AtConsole>, Refusal> {
    let rules = state.administration().admin();
    let rules = rules.ok_or_else(|| Refusal::page(Problem::NotFound))?;
    let Some(cookie) = state.cookies().own_page(CONSOLE, &parts.headers) else {
        return Ok(None);
    };
    // A cookie that anybody made up costs a look at the database: it is counted before.
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let ConnectInfo(peer) = peer.ok_or_else(|| Refusal::page(Problem::Internal))?;
    let charge = state.charge_page(*peer, &parts.headers)?;
    let found = match state.provider().find_console(&rules, &cookie).await {
        Ok(found) => found,
        Err(Error::AdminAuthenticationInsufficient) => None,
        Err(error) => return Err(refused(&error)),
    };
    if found.is_some() {
        charge.give_back();
    }
    let language = language_of(&parts.uri, &parts.headers);
    Ok(found.map(|session| AtConsole {
        session,
        rules,
        language,
        moments: state.moments(language),
    }))
}

/// A refusal of the provider's to let somebody to the console.
pub(crate) fn refused(error: &Error) -> Refusal {
    let problem = match error {
        Error::AdminNotOperator | Error::AdminAnchorAdded => Problem::ConsoleRefused,
        error if error.is_internal() => Problem::Unavailable,
        _ => Problem::ConsoleClosed,
    };
    Refusal::page(problem).because(error.code())
}

/// Where the console is.
pub(crate) const HOME: &str = CONSOLE_PATH;
