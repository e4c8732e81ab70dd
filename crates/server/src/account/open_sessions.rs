//! "Open now": her sessions by portal and workstation, and their ends.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use cardea_provider::{AccountSession, Error, OwnSession};

use super::{Section, SignedIn, unavailable};
use crate::activity::lines::NOT_ME;
use crate::activity::words::place_parts;
use crate::error_response::language_of;
use crate::form::Body;
use crate::handler::account::{closed, show};
use crate::language::{Language, Text};
use crate::moment::Moments;
use crate::page::portal_name;
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// Longer than any handle of ours.
const HANDLE_BYTES_MAX: usize = 64;

#[derive(Template)]
#[template(path = "account_open_sessions.html")]
struct OpenSessions<'a> {
    language: Language,
    moments: Moments,
    form_token: &'a str,
    sessions: &'a [OwnSession],
}

/// The section.
pub(crate) async fn section(
    state: &AppState,
    session: &AccountSession,
    language: Language,
) -> Result<Section, Refusal> {
    let sessions = state.provider().list_own_sessions(session).await;
    let sessions = sessions.map_err(|error| unavailable(&error))?;
    let section = Section::render(&OpenSessions {
        language,
        moments: state.moments(language),
        form_token: &session.form_token,
        sessions: &sessions,
    })?;
    Ok(section.reached_by("open", HEADING.in_language(language)))
}

/// Ends one session of hers, or all of them.
pub(crate) async fn post_sessions(
    State(state): State<AppState>,
    signed_in: SignedIn,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = signed_in.read_form(&state, &headers, body)?;
    let malformed = || Refusal::page(Problem::RequestMalformed);
    let handle = match pairs.as_slice() {
        [(field, word)] if field == "change" && word == "end_all" => None,
        [(first, handle), (second, word)]
            if first == "session"
                && second == "change"
                && word == "end"
                && handle.len() <= HANDLE_BYTES_MAX =>
        {
            Some(handle.clone())
        }
        _ => return Err(malformed()),
    };
    let language = language_of(&uri, &headers);
    let (all, account) = (state.clone(), signed_in.0.clone());
    let ended = to_the_end(async move {
        let provider = all.provider();
        let ended = match &handle {
            Some(handle) => provider.end_own_session(&account, handle).await?,
            None => provider.end_all_own_sessions(&account).await?,
        };
        let is_over_here = ended.iter().any(|it| it.session_id == account.session_id);
        all.announce(ended);
        Ok::<_, Error>(is_over_here)
    });
    let ended = ended
        .await
        .ok_or_else(|| Refusal::page(Problem::Internal))?;
    if ended.map_err(|error| unavailable(&error))? {
        return Ok(closed(&state, language));
    }
    show(&state, &signed_in, language, Some(ENDED)).await
}

impl OpenSessions<'_> {
    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn portals(&self, session: &OwnSession) -> String {
        let names = session.portals.iter();
        let names: Vec<_> = names.map(|it| portal_name(it, self.language)).collect();
        match names.is_empty() {
            true => self.say(NO_PORTAL).to_owned(),
            false => names.join(", "),
        }
    }

    fn place(&self, session: &OwnSession) -> String {
        place_parts(&session.place, self.language).join(", ")
    }

    fn times(&self, session: &OwnSession) -> String {
        let moments = &self.moments;
        let since = moments.written(session.since);
        let is_same_day = moments.is_same_day(session.since, session.used_at);
        let used = match is_same_day {
            true => format!(
                "{} {}",
                self.say(LAST_USED_AT),
                moments.time(session.used_at)
            ),
            false => {
                let used = moments.written(session.used_at);
                format!("{} {used}", self.say(LAST_USED))
            }
        };
        format!("{} {since}, {used}", self.say(SINCE))
    }

    /// The button, for whoever hears it without what stands around it.
    fn not_me_label(&self, session: &OwnSession) -> String {
        let (portals, place) = (self.portals(session), self.place(session));
        format!("{}: {portals} – {place}", self.say(NOT_ME))
    }

    fn others(&self) -> usize {
        self.sessions.iter().filter(|it| !it.is_this_one).count()
    }
}

const HEADING: Text = Text::new("Open now", "Ouvert en ce moment");
const ONLY_THIS: Text = Text::new(
    "Your card is signed in nowhere else.",
    "Votre carte n’est connectée nulle part ailleurs.",
);
const HERE: Text = Text::new("you are here", "vous êtes ici");
const NO_PORTAL: Text = Text::new("No portal yet", "Aucun portail pour l’instant");
const SINCE: Text = Text::new("Since", "Depuis le");
const LAST_USED: Text = Text::new("last used on", "dernière activité le");
const LAST_USED_AT: Text = Text::new("last used at", "dernière activité à");
const END: Text = Text::new("End", "Fermer");
const END_ALL: Text = Text::new("End all, this page too", "Tout fermer, cette page comprise");
const ENDED: Text = Text::new("The session is over.", "La session est fermée.");
