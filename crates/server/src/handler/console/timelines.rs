//! What is on record about a person, a session, a card or a portal. That an operator looks stands
//! on record before anything is shown.

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use cardea_provider::{CHART_DAYS, Clock as _, TimelineOf, TimelinePage};

use super::overview::short_day;
use super::report::{self, About};
use super::{cards, stops};
use crate::clock::SystemClock;
use crate::console::events::{blocks, card_path, person_path, session_path};
use crate::console::{AtConsole, Said, Visit, unavailable};
use crate::form::parse_query;
use crate::language::Text;
use crate::page::chart::{Bar, BarChart, Limit};
use crate::page::console_page::{Block, Cell, Part, Section};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Everything about a person: her look-ups against her budget, her stops, her cards, her timeline.
pub(crate) async fn get_person(
    State(state): State<AppState>,
    Visit(at): Visit,
    Path(sub): Path<String>,
    uri: Uri,
) -> Result<Response, Refusal> {
    show_person(&state, &at, &sub, &uri, Said::default()).await
}

/// The same, with what a form has done.
pub(super) async fn show_person(
    state: &AppState,
    at: &AtConsole,
    sub: &str,
    uri: &Uri,
    said: Said,
) -> Result<Response, Refusal> {
    let page = timeline(state, at, TimelineOf::Person(sub), uri).await?;
    let path = person_path(sub);
    let sections = vec![
        Section::new(at.say(PERSON), vec![pseudonym(at, sub)]),
        look_ups(state, at, sub).await?,
        stops::of_person(state, at, sub).await?,
        cards::of_person(state, at, sub).await?,
        Section::new(
            at.say(report::HEADING),
            report::blocks(at, About::Person(sub)),
        ),
        Section::new(at.say(TIMELINE), blocks(state, at, page, &path)),
    ];
    Ok(at.show(state, (Part::Search, &path), sections, said))
}

/// One session.
pub(crate) async fn get_session(
    State(state): State<AppState>,
    Visit(at): Visit,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let page = timeline(&state, &at, TimelineOf::Session(&id), &uri).await?;
    let path = session_path(&id);
    let mut facts = vec![(at.say(SESSION), Cell::Code(id.clone()))];
    facts.extend(holder(&at, page.sub.as_deref()));
    let mut section = vec![Block::Facts(facts)];
    section.extend(blocks(&state, &at, page, &path));
    let of_report = report::blocks(&at, About::Session(&id));
    let sections = vec![
        Section::new(at.say(SESSION), section),
        Section::new(at.say(report::HEADING), of_report),
    ];
    Ok(at.show(&state, (Part::Search, &path), sections, Said::default()))
}

/// One card, with what can be done about it.
pub(crate) async fn get_card(
    State(state): State<AppState>,
    Visit(at): Visit,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Refusal> {
    show_card(&state, &at, &id, &uri, Said::default()).await
}

/// The same, with what a form has done.
pub(super) async fn show_card(
    state: &AppState,
    at: &AtConsole,
    id: &str,
    uri: &Uri,
    said: Said,
) -> Result<Response, Refusal> {
    let page = timeline(state, at, TimelineOf::Card(id), uri).await?;
    let path = card_path(id);
    let sections = vec![
        cards::one_card(state, at, id).await?,
        Section::new(at.say(report::HEADING), report::blocks(at, About::Card(id))),
        Section::new(at.say(TIMELINE), blocks(state, at, page, &path)),
    ];
    Ok(at.show(state, (Part::Cards, &path), sections, said))
}

/// What happened at a portal.
pub(crate) async fn get_portal(
    State(state): State<AppState>,
    Visit(at): Visit,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let client = state.provider().find_client(&id);
    let client = client.ok_or_else(|| Refusal::page(Problem::NotFound))?;
    let page = timeline(&state, &at, TimelineOf::Portal(&id), &uri).await?;
    let path = format!("/console/portal/{id}");
    let facts = vec![(client.name.clone(), Cell::Code(id.clone()))];
    let mut section = vec![Block::Facts(facts)];
    section.extend(blocks(&state, &at, page, &path));
    let sections = vec![Section::new(at.say(PORTAL), section)];
    Ok(at.show(&state, (Part::Search, &path), sections, Said::default()))
}

async fn timeline(
    state: &AppState,
    at: &AtConsole,
    of: TimelineOf<'_>,
    uri: &Uri,
) -> Result<TimelinePage, Refusal> {
    let pairs = parse_query(uri).map_err(Refusal::page)?;
    let mut cursors = pairs.iter().filter(|(name, _)| name == "before");
    let before = cursors.next().map(|(_, value)| value.as_str());
    let operator = &at.session.operator;
    let page = state.provider().show_timeline(operator, of, before).await;
    let page = page.map_err(|error| unavailable(&error))?;
    page.ok_or_else(|| Refusal::page(Problem::NotFound))
}

/// Patients by day, against what guards have last held her to.
async fn look_ups(state: &AppState, at: &AtConsole, sub: &str) -> Result<Section, Refusal> {
    let days = at.moments.last_days(SystemClock.now(), CHART_DAYS);
    let counted = state.provider().look_ups_against_budget(sub, &days).await;
    let counted = counted.map_err(|error| unavailable(&error))?;
    let bars = counted.days.iter();
    let bars = bars.map(|(day, count)| Bar::new(short_day(*day, at.language), *count));
    let chart = BarChart {
        title: at.say(LOOK_UPS),
        description: at.say(LOOK_UPS),
        of: DAY.in_language(at.language),
        counted: PATIENTS.in_language(at.language),
        bars: bars.collect(),
        limit: counted.budget.map(|value| Limit {
            value,
            label: at.say(BUDGET),
        }),
    };
    let mut blocks = vec![Block::Chart(chart.html(at.language))];
    if counted.budget.is_none() {
        blocks.push(Block::Text(at.say(NO_BUDGET)));
    }
    Ok(Section::new(at.say(LOOK_UPS_HEADING), blocks))
}

fn pseudonym(at: &AtConsole, sub: &str) -> Block {
    Block::Facts(vec![(at.say(PSEUDONYM), Cell::Code(sub.to_owned()))])
}

/// Whose a session or a card is, with the way there.
pub(super) fn holder(at: &AtConsole, sub: Option<&str>) -> Option<(String, Cell)> {
    let link = |sub: &str| Cell::Link(at.link(&person_path(sub), sub));
    sub.map(|sub| (at.say(PSEUDONYM), link(sub)))
}

const PERSON: Text = Text::new("Person", "Personne");
const PSEUDONYM: Text = Text::new("Pseudonym", "Pseudonyme");
const SESSION: Text = Text::new("Session", "Session");
const PORTAL: Text = Text::new("Portal", "Portail");
const TIMELINE: Text = Text::new(
    "What is on record, as its person reads it",
    "Ce qui est consigné, tel que la personne le lit",
);
const LOOK_UPS_HEADING: Text = Text::new("Look-ups and budget", "Consultations et budget");
const LOOK_UPS: Text = Text::new("Patients looked up a day", "Patients consultés par jour");
const DAY: Text = Text::new("Day", "Jour");
const PATIENTS: Text = Text::new("Patients", "Patients");
const BUDGET: Text = Text::new("Budget", "Budget");
const NO_BUDGET: Text = Text::new(
    "No guard has had to name her budget of a day yet.",
    "Aucun contrôleur d’accès n’a encore eu à indiquer son budget d’une journée.",
);
