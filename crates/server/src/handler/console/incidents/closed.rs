//! The incidents that are closed, with what came out: the last closed first, page by page.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use cardea_provider::event::ConsoleView;
use cardea_provider::incident::{CLOSED_PAGE_MAX, ClosedIncidents};
use cardea_storage::incident::{ClosedBefore, Incident};
use time::OffsetDateTime;

use super::{kind, person_cell};
use crate::console::{AtConsole, Said, Visit, unavailable};
use crate::form::parse_query;
use crate::language::Text;
use crate::page::console_page::{Block, Cell, Link, Part, Section, Table};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

pub(super) const PATH: &str = "/console/incidents/closed";
/// Bytes of an incident's id.
const ID_BYTES_MAX: usize = 64;
/// Characters of an outcome that the list shows; the incident's own page has all of it.
const OUTCOME_CHARS_MAX: usize = 200;

/// Lists them, from behind the one that `before` names on.
pub(crate) async fn get_closed(
    State(state): State<AppState>,
    Visit(at): Visit,
    uri: Uri,
) -> Result<Response, Refusal> {
    let before = read_before(&uri)?;
    let page = at.incidents(&state).list_closed(before.as_ref()).await;
    let page = page.map_err(|error| unavailable(&error))?;
    let subs: Vec<String> = page
        .incidents
        .iter()
        .filter_map(|it| it.sub.clone())
        .collect();
    let (operator, view) = (&at.session.operator, ConsoleView::Incident);
    let look = state.provider().record_look(operator, view, subs).await;
    look.map_err(|error| unavailable(&error))?;
    let sections = vec![Section::new(at.say(HEADING), blocks(&at, &page))];
    Ok(at.show(&state, (Part::Incidents, PATH), sections, Said::default()))
}

/// Seconds since 1970 and an id, with a dot between them.
fn read_before(uri: &Uri) -> Result<Option<ClosedBefore>, Refusal> {
    let malformed = || Refusal::page(Problem::RequestMalformed);
    let pairs = parse_query(uri).map_err(Refusal::page)?;
    let mut cursors = pairs.iter().filter(|(name, _)| name == "before");
    let Some((_, cursor)) = cursors.next() else {
        return Ok(None);
    };
    let (seconds, id) = cursor.split_once('.').ok_or_else(malformed)?;
    let seconds = seconds.parse().map_err(|_| malformed())?;
    let closed_at = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| malformed())?;
    if id.len() > ID_BYTES_MAX {
        return Err(malformed());
    }
    Ok(Some(ClosedBefore {
        closed_at,
        id: id.to_owned(),
    }))
}

fn blocks(at: &AtConsole, page: &ClosedIncidents) -> Vec<Block> {
    let open = at.link(super::PATH, at.say(OPEN_ONES));
    if page.incidents.is_empty() {
        return vec![Block::Text(at.say(NONE)), Block::Links(vec![open])];
    }
    let head = [CLOSED_AT, OPENED_AT, super::KIND, super::PERSON, OUTCOME];
    let table = Table {
        caption: at.say(HEADING),
        head: head.map(|text| at.say(text)).to_vec(),
        rows: page.incidents.iter().map(|it| row(at, it)).collect(),
    };
    let mut links = vec![open];
    if let Some(ClosedBefore { closed_at, id }) = &page.next {
        let seconds = closed_at.unix_timestamp();
        let count = CLOSED_PAGE_MAX.to_string();
        links.push(Link {
            href: format!("{}&before={seconds}.{id}", at.href(PATH)),
            text: at.say(OLDER).replace("{count}", &count),
        });
    }
    vec![Block::Table(table), Block::Links(links)]
}

fn row(at: &AtConsole, incident: &Incident) -> Vec<Cell> {
    let path = format!("{}/{}", super::PATH, incident.id);
    let closed_at = incident.closed_at.unwrap_or(incident.changed_at);
    let reason = incident.close_reason.as_deref().unwrap_or("–");
    let mut outcome: String = reason.chars().take(OUTCOME_CHARS_MAX).collect();
    if outcome.len() < reason.len() {
        outcome.push('…');
    }
    vec![
        Cell::Link(at.link(&path, at.written(closed_at))),
        Cell::Text(at.written(incident.opened_at)),
        Cell::Text(at.say(kind(&incident.kind))),
        person_cell(at, incident),
        Cell::Text(outcome),
    ]
}

pub(super) const HEADING: Text = Text::new("Closed incidents", "Incidents clos");
const OPEN_ONES: Text = Text::new("Incidents that wait", "Incidents en attente");
const NONE: Text = Text::new(
    "No incident has been closed yet.",
    "Aucun incident n’a encore été clos.",
);
const OLDER: Text = Text::new("The {count} before", "Les {count} précédents");
const CLOSED_AT: Text = Text::new("Closed", "Clos");
const OPENED_AT: Text = Text::new("Since", "Depuis");
const OUTCOME: Text = Text::new("What came out", "Conclusion");
