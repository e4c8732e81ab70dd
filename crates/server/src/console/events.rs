//! Events of the log as entries of the console's pages.

use cardea_provider::{
    ACCOUNT_CLIENT_ID, ACCOUNT_NAME, CONSOLE_CLIENT_ID, CONSOLE_NAME, HistoryEntry,
    TIMELINE_PAGE_MAX, TimelinePage,
};
use cardea_storage::event::EventRecord;

use super::AtConsole;
use crate::activity::words;
use crate::language::Text;
use crate::page::console_page::{Block, Entry, Link};
use crate::state::AppState;

/// One page of a timeline, with the way to the next; `path` is the timeline's own address.
pub(crate) fn blocks(
    state: &AppState,
    at: &AtConsole,
    page: TimelinePage,
    path: &str,
) -> Vec<Block> {
    let is_empty = page.events.is_empty();
    let mut blocks = match (is_empty, &page.next) {
        (true, Some(_)) => vec![Block::Text(at.say(NOTHING_YET))],
        (true, None) => vec![Block::Text(at.say(NOTHING))],
        (false, _) => {
            let entries = page.events.into_iter().map(|event| entry(state, at, event));
            vec![Block::Entries(entries.collect())]
        }
    };
    if let Some(next) = page.next {
        let link = Link {
            href: format!("{}&before={next}", at.href(path)),
            text: at
                .say(OLDER)
                .replace("{count}", &TIMELINE_PAGE_MAX.to_string()),
        };
        blocks.push(Block::Links(vec![link]));
    }
    blocks
}

/// One event, in the words that its person reads.
pub(crate) fn entry(state: &AppState, at: &AtConsole, event: EventRecord) -> Entry {
    let portal = event.client_id.as_deref().map(|id| match id {
        ACCOUNT_CLIENT_ID => ACCOUNT_NAME.to_owned(),
        CONSOLE_CLIENT_ID => CONSOLE_NAME.to_owned(),
        id => {
            let client = state.provider().find_client(id);
            client.map_or_else(|| id.to_owned(), |client| client.name.clone())
        }
    });
    let code = match &event.code {
        Some(code) => format!("{} · {code}", event.kind),
        None => event.kind.clone(),
    };
    let mut links = Vec::new();
    if let Some(sub) = &event.sub {
        links.push(at.link(&person_path(sub), at.say(PERSON)));
    }
    if let Some(session) = &event.session_id {
        links.push(at.link(&session_path(session), at.say(SESSION)));
    }
    let when = at.written(event.occurred_at);
    let concerns_somebody = event.sub.is_some();
    let history = HistoryEntry::alone(event, portal);
    let what = match concerns_somebody {
        true => words::sentence(&history, at.language),
        false => at.say(OF_NOBODY),
    };
    Entry {
        when,
        what,
        detail: words::circumstances(&history, at.language),
        code,
        links,
    }
}

/// Where a person's timeline is.
pub(crate) fn person_path(sub: &str) -> String {
    format!("/console/person/{sub}")
}

/// Where a session's timeline is.
pub(crate) fn session_path(id: &str) -> String {
    format!("/console/session/{id}")
}

/// Where a card's timeline is.
pub(crate) fn card_path(id: &str) -> String {
    format!("/console/card/{id}")
}

const NOTHING: Text = Text::new("Nothing is on record here.", "Rien n’est consigné ici.");
const NOTHING_YET: Text = Text::new(
    "Nothing is on record here among the newer events: it may be further back.",
    "Rien n’est consigné ici parmi les événements plus récents\u{a0}: c’est peut-être plus ancien.",
);
const OLDER: Text = Text::new("The {count} before", "Les {count} précédents");
const PERSON: Text = Text::new("person", "personne");
const SESSION: Text = Text::new("session", "session");
const OF_NOBODY: Text = Text::new(
    "Something that names nobody.",
    "Un événement qui ne concerne aucune personne connue.",
);
