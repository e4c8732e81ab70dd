//! "History": what happened in her name, the newest first. The account page has the last few; a
//! page of its own has all, by day and portal.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use cardea_provider::{AccountSession, HistoryPage, HistoryQuestion};
use url::form_urlencoded::Serializer;

use super::{Section, SignedIn, unavailable};
use crate::activity::lines::{Day, Line, by_day};
use crate::error_response::language_of;
use crate::form::parse_query;
use crate::language::{Language, Text};
use crate::moment::Moments;
use crate::page::{self, portal_name};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Where the page is.
pub(crate) const HISTORY_PATH: &str = "/account/history";
/// Lines on the account page.
const PREVIEW: usize = 8;
/// No id of an event is longer, and no client's of ours.
const TEXT_BYTES_MAX: usize = 256;

#[derive(Template)]
#[template(path = "account_history.html")]
struct Preview<'a> {
    language: Language,
    form_token: &'a str,
    days: Vec<Day>,
}

/// The section of the account page.
pub(crate) async fn section(
    state: &AppState,
    session: &AccountSession,
    language: Language,
) -> Result<Section, Refusal> {
    let question = HistoryQuestion::default();
    let page = state.provider().own_history(session, &question).await;
    let mut page = page.map_err(|error| unavailable(&error))?;
    page.entries.truncate(PREVIEW);
    let section = Section::render(&Preview {
        language,
        form_token: &session.form_token,
        days: by_day(&page.entries, &state.moments(language)),
    })?;
    Ok(section.reached_by("history", HEADING.in_language(language)))
}

/// What the page was asked for, as its form and its links say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Asked {
    day: String,
    portal: String,
    is_whole: bool,
    before: String,
}

#[derive(Template)]
#[template(path = "history.html")]
struct History<'a> {
    language: Language,
    form_token: &'a str,
    person_name: &'a str,
    asked: &'a Asked,
    portals: Vec<(String, String)>,
    days: Vec<Day>,
    next: Option<String>,
}

/// A page of her history.
pub(crate) async fn get_history(
    State(state): State<AppState>,
    signed_in: SignedIn,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let language = language_of(&uri, &headers);
    let moments = state.moments(language);
    let asked = Asked::read(&uri)?;
    let question = asked.question(&moments)?;
    let session = &signed_in.0;
    let provider = state.provider();
    let history = provider.own_history(session, &question).await;
    let HistoryPage { entries, next } = history.map_err(|error| unavailable(&error))?;
    let portals = provider.own_portals(session).await;
    let page = History {
        language,
        form_token: &session.form_token,
        person_name: &session.person_name,
        asked: &asked,
        portals: portals.map_err(|error| unavailable(&error))?,
        days: by_day(&entries, &moments),
        next: next.map(|before| {
            let older = Asked {
                before,
                ..asked.clone()
            };
            older.href(language)
        }),
    };
    Ok(page::render(&state, StatusCode::OK, language, &page))
}

impl Asked {
    /// Reads the query; what is said twice, too long or unknown is refused.
    fn read(uri: &Uri) -> Result<Self, Refusal> {
        let malformed = || Refusal::page(Problem::RequestMalformed);
        let mut asked = Self::default();
        let mut seen = Vec::new();
        for (name, value) in parse_query(uri).map_err(Refusal::page)? {
            if value.len() > TEXT_BYTES_MAX || seen.contains(&name) {
                return Err(malformed());
            }
            match name.as_str() {
                "lang" => {}
                "day" => asked.day = value,
                "portal" => asked.portal = value,
                "all" => asked.is_whole = value == "1",
                "before" => asked.before = value,
                _ => return Err(malformed()),
            }
            seen.push(name);
        }
        Ok(asked)
    }

    fn question(&self, moments: &Moments) -> Result<HistoryQuestion, Refusal> {
        let malformed = || Refusal::page(Problem::RequestMalformed);
        let day = match self.day.as_str() {
            "" => None,
            day => Some(moments.parse_day(day).ok_or_else(malformed)?),
        };
        // A cursor that is nothing of ours; whose event it names does not matter.
        let is_id = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
        if !self.before.chars().all(is_id) {
            return Err(malformed());
        }
        let given = |text: &String| Some(text.clone()).filter(|it| !it.is_empty());
        Ok(HistoryQuestion {
            from: day.map(|it| it.from),
            until: day.map(|it| it.until),
            client_id: given(&self.portal),
            with_details: self.is_whole,
            before: given(&self.before),
        })
    }

    fn href(&self, language: Language) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("lang", language.tag());
        for (name, value) in [
            ("day", self.day.as_str()),
            ("portal", self.portal.as_str()),
            ("all", if self.is_whole { "1" } else { "" }),
            ("before", self.before.as_str()),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        format!("{HISTORY_PATH}?{}", query.finish())
    }
}

impl Preview<'_> {
    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn moment(&self, line: &Line) -> String {
        line.time.clone()
    }

    fn href(&self) -> String {
        Asked::default().href(self.language)
    }
}

impl History<'_> {
    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn moment(&self, line: &Line) -> String {
        line.time.clone()
    }

    fn portal<'a>(&self, name: &'a str) -> &'a str {
        portal_name(name, self.language)
    }

    fn switch(&self) -> &'static str {
        page::SWITCH.in_language(self.language)
    }

    fn switch_href(&self) -> String {
        self.asked.href(self.language.other())
    }

    fn first_href(&self) -> String {
        let first = Asked {
            before: String::new(),
            ..self.asked.clone()
        };
        first.href(self.language)
    }
}

pub(crate) const HEADING: Text = Text::new("History", "Historique");
const MORE: Text = Text::new("The whole history", "Tout l’historique");
const NOTHING: Text = Text::new("Nothing is on record here.", "Rien n’est enregistré ici.");
const TITLE: Text = Text::new("My history", "Mon historique");
const BACK: Text = Text::new("Back to my activity", "Retour à mon activité");
const DAY: Text = Text::new("Day", "Jour");
const PORTAL: Text = Text::new("Portal", "Portail");
const EVERY_PORTAL: Text = Text::new("All portals", "Tous les portails");
const WHOLE: Text = Text::new("With technical details", "Avec les détails techniques");
const FILTER: Text = Text::new("Show", "Afficher");
const NEWEST: Text = Text::new("Back to the newest", "Retour aux plus récents");
const OLDER: Text = Text::new("Older", "Plus anciens");

#[cfg(test)]
mod tests {
    use super::Asked;
    use crate::language::Language;
    use crate::moment::Moments;

    fn asked(query: &str) -> Option<Asked> {
        let uri = format!("/account/history?{query}").parse().unwrap();
        let asked = Asked::read(&uri).ok()?;
        asked.question(&Moments::utc(Language::French)).ok()?;
        Some(asked)
    }

    #[test]
    fn a_query_is_read_strictly_and_written_as_it_was_read() {
        let whole = asked("lang=en&day=2026-11-30&portal=a%26b&all=1&before=18a-0-x_").unwrap();
        let href = whole.href(Language::English);
        assert_eq!(
            href,
            "/account/history?lang=en&day=2026-11-30&portal=a%26b&all=1&before=18a-0-x_"
        );
        assert_eq!(asked("day=&portal="), Some(Asked::default()));
        let long = format!("portal={}", "x".repeat(300));
        for bad in [
            "day=yesterday",
            "day=2026-02-30",
            "day=2026-11-30&day=2026-11-30",
            "before=%27%20OR",
            "sub=somebody",
            long.as_str(),
        ] {
            assert_eq!(asked(bad), None, "{bad}");
        }
    }
}
