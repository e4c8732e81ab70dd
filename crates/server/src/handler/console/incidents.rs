//! Incidents: what waits, one with its notes and its timeline, and what operators do about it.

mod closed;

pub(crate) use closed::get_closed;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use cardea_provider::Author;
use cardea_provider::event::ConsoleView;
use cardea_provider::incident::{IncidentBy, IncidentKind, OpenIncident};
use cardea_storage::incident::Incident;

use super::report::{self, About};
use crate::console::events::{entry, person_path, session_path};
use crate::console::{AtConsole, Said, Visit, one, unavailable};
use crate::form::Body;
use crate::language::Text;
use crate::page::console_page::{Block, Cell, Entry, Field, FieldKind, Form, Part, Section, Table};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

const PATH: &str = "/console/incidents";
/// Characters that a form takes.
const WORDS_MAX: usize = 2_000;

/// Lists those that are not closed.
pub(crate) async fn get_incidents(
    State(state): State<AppState>,
    Visit(at): Visit,
) -> Result<Response, Refusal> {
    show_all(&state, &at, Said::default(), "").await
}

/// Opens one.
pub(crate) async fn post_incidents(
    State(state): State<AppState>,
    at: AtConsole,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = at.read_form(&state, &headers, body)?;
    let by = IncidentBy::Operator(at.session.operator.author().clone());
    let sub = one(&pairs, "sub")?.trim();
    let words = one(&pairs, "words")?;
    let open = OpenIncident {
        sub: (!sub.is_empty()).then(|| sub.to_owned()),
        words: Some(words.to_owned()),
        ..OpenIncident::new(IncidentKind::Operator, by)
    };
    match at.incidents(&state).open(open).await {
        Ok(id) => {
            let said = Said::done(OPENED, at.language);
            show_one(&state, &at, &id, said, Typed::default()).await
        }
        Err(error) => show_all(&state, &at, Said::refused(&error, at.language)?, words).await,
    }
}

/// Shows one.
pub(crate) async fn get_incident(
    State(state): State<AppState>,
    Visit(at): Visit,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    show_one(&state, &at, &id, Said::default(), Typed::default()).await
}

/// Takes one up, writes something down about it, or closes it.
pub(crate) async fn post_incident(
    State(state): State<AppState>,
    at: AtConsole,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = at.read_form(&state, &headers, body)?;
    let incidents = at.incidents(&state);
    let (done, text) = match one(&pairs, "change")? {
        "take_up" => match incidents.take_up(&id).await {
            Ok(true) => (Ok(()), TAKEN_UP),
            // Whoever looks at an older page is not told that it is hers.
            Ok(false) => (Ok(()), TAKEN_UP_BEFORE),
            Err(error) => (Err(error), TAKEN_UP),
        },
        "note" => {
            let noted = incidents.note(&id, one(&pairs, "words")?).await;
            (noted.map(drop), NOTED)
        }
        "close" => (incidents.close(&id, one(&pairs, "words")?).await, CLOSED),
        _ => return Err(Refusal::page(Problem::RequestMalformed)),
    };
    let mut typed = Typed::default();
    let said = match done {
        Ok(()) => Said::done(text, at.language),
        Err(error) => {
            // What she wrote is not lost.
            let words = one(&pairs, "words").unwrap_or_default();
            match one(&pairs, "change")? {
                "note" => typed.note = words,
                _ => typed.close = words,
            }
            Said::refused(&error, at.language)?
        }
    };
    show_one(&state, &at, &id, said, typed).await
}

/// What was typed into the two forms of an incident and was refused.
#[derive(Clone, Copy, Default)]
struct Typed<'a> {
    note: &'a str,
    close: &'a str,
}

/// A field of some lines, with what was typed before.
fn lines(typed: &str) -> FieldKind {
    match typed {
        "" => FieldKind::Lines,
        typed => FieldKind::Typed(typed.to_owned()),
    }
}

async fn show_all(
    state: &AppState,
    at: &AtConsole,
    said: Said,
    typed: &str,
) -> Result<Response, Refusal> {
    let incidents = at.incidents(state).list().await;
    let incidents = incidents.map_err(|error| unavailable(&error))?;
    let subs: Vec<String> = incidents.iter().filter_map(|it| it.sub.clone()).collect();
    let operator = &at.session.operator;
    let look = state
        .provider()
        .record_look(operator, ConsoleView::Incident, subs);
    look.await.map_err(|error| unavailable(&error))?;
    let list = match incidents.is_empty() {
        true => Block::Text(at.say(NONE)),
        false => table(at, &incidents),
    };
    let line = |id: &str, name, label: Text, kind, length_max| Field {
        id: id.to_owned(),
        name,
        label: at.say(label),
        kind,
        length_max,
    };
    let closed = at.link(closed::PATH, at.say(closed::HEADING));
    let form = Form::new(at.href(PATH), at.say(OPEN))
        .with(line("words", "words", SEEN, lines(typed), WORDS_MAX))
        .with(line("sub", "sub", ABOUT, FieldKind::Optional, 128));
    let sections = vec![
        Section::new(at.say(HEADING), vec![list, Block::Links(vec![closed])]),
        Section::new(at.say(OPEN), vec![Block::Form(form)]),
    ];
    Ok(at.show(state, (Part::Incidents, PATH), sections, said))
}

async fn show_one(
    state: &AppState,
    at: &AtConsole,
    id: &str,
    said: Said,
    typed: Typed<'_>,
) -> Result<Response, Refusal> {
    let case = at.incidents(state).show(id).await;
    let case = case.map_err(|error| match error {
        cardea_provider::Error::IncidentUnknown => Refusal::page(Problem::NotFound),
        error => unavailable(&error),
    })?;
    let notes = case.notes.iter().map(|note| Entry {
        when: at.written(note.written_at),
        what: note.words.clone(),
        detail: None,
        code: writer(&note.written_by),
        links: Vec::new(),
    });
    let notes: Vec<_> = notes.collect();
    let events = case.events.into_iter().map(|event| entry(state, at, event));
    let events: Vec<_> = events.collect();
    let list = |entries: Vec<Entry>| match entries.is_empty() {
        true => Block::Text(at.say(NOTHING)),
        false => Block::Entries(entries),
    };
    let mut timeline = vec![list(events)];
    if case.has_more_events {
        timeline.push(Block::Text(at.say(MORE)));
    }
    let sections = vec![
        facts(at, &case.incident),
        Section::new(at.say(NOTES), vec![list(notes)]),
        work(at, &case.incident, typed),
        report_of(at, &case.incident),
        Section::new(at.say(TIMELINE), timeline),
    ];
    let path = format!("{PATH}/{id}");
    Ok(at.show(state, (Part::Incidents, &path), sections, said))
}

/// Who wrote a note, as it is stored.
fn writer(stored: &str) -> String {
    match serde_json::from_str(stored) {
        Ok(Author::Person { sub, .. }) => sub,
        Ok(Author::Account(account)) => {
            let user = account.login_user.or(account.user);
            user.unwrap_or_else(|| account.uid.to_string())
        }
        _ => String::new(),
    }
}

fn facts(at: &AtConsole, incident: &Incident) -> Section {
    let mut facts = vec![
        (at.say(NUMBER), Cell::Code(incident.id.clone())),
        (at.say(KIND), Cell::Text(at.say(kind(&incident.kind)))),
        (at.say(STATE), Cell::Text(at.say(standing(&incident.state)))),
        (at.say(SINCE), Cell::Text(at.written(incident.opened_at))),
    ];
    if let Some(sub) = &incident.sub {
        let link = at.link(&person_path(sub), sub.clone());
        facts.push((at.say(PERSON), Cell::Link(link)));
    }
    if let Some(session) = &incident.session_id {
        let link = at.link(&session_path(session), session.clone());
        facts.push((at.say(SESSION), Cell::Link(link)));
    }
    if let Some(closed_at) = incident.closed_at {
        facts.push((at.say(CLOSED_AT), Cell::Text(at.written(closed_at))));
    }
    let mut blocks = vec![Block::Facts(facts)];
    if let Some(words) = &incident.words {
        blocks.push(Block::Text(words.clone()));
    }
    if let Some(reason) = &incident.close_reason {
        blocks.push(Block::Text(format!("{} {reason}", at.say(CLOSED_BECAUSE))));
    }
    Section::new(at.say(INCIDENT), blocks)
}

/// The person's page, where it is about one.
fn person_cell(at: &AtConsole, incident: &Incident) -> Cell {
    match &incident.sub {
        Some(sub) => Cell::Link(at.link(&person_path(sub), sub.clone())),
        None => Cell::Text("–".to_owned()),
    }
}

/// The report for its session, or else for its person.
fn report_of(at: &AtConsole, incident: &Incident) -> Section {
    let blocks = match (&incident.session_id, &incident.sub) {
        (Some(session), _) => report::blocks(at, About::Session(session)),
        (None, Some(sub)) => report::blocks(at, About::Person(sub)),
        (None, None) => vec![Block::Text(at.say(NO_REPORT))],
    };
    Section::new(at.say(report::HEADING), blocks)
}

/// What can be done about it.
fn work(at: &AtConsole, incident: &Incident, typed: Typed<'_>) -> Section {
    let path = at.href(&format!("{PATH}/{}", incident.id));
    let words = |id: &str, label: Text, typed: &str| Field {
        id: id.to_owned(),
        name: "words",
        label: at.say(label),
        kind: lines(typed),
        length_max: WORDS_MAX,
    };
    let mut blocks = Vec::new();
    if incident.state == cardea_storage::incident::OPEN {
        let form = Form::new(path.clone(), at.say(TAKE_UP)).hiding("change", "take_up");
        blocks.push(Block::Form(form.main()));
    }
    let note = Form::new(path.clone(), at.say(NOTE)).hiding("change", "note");
    blocks.push(Block::Form(
        note.with(words("note", NOTE_LABEL, typed.note)),
    ));
    if incident.state != cardea_storage::incident::CLOSED {
        let close = Form::new(path, at.say(CLOSE)).hiding("change", "close");
        blocks.push(Block::Form(close.with(words(
            "close",
            CLOSE_LABEL,
            typed.close,
        ))));
    }
    Section::new(at.say(WORK), blocks)
}

fn table(at: &AtConsole, incidents: &[Incident]) -> Block {
    let rows = incidents.iter().map(|incident| {
        let path = format!("{PATH}/{}", incident.id);
        let when = at.written(incident.opened_at);
        vec![
            Cell::Link(at.link(&path, when)),
            Cell::Text(at.say(kind(&incident.kind))),
            person_cell(at, incident),
            Cell::Text(at.say(standing(&incident.state))),
        ]
    });
    let head = [SINCE, KIND, PERSON, STATE].map(|text| at.say(text));
    Block::Table(Table {
        caption: at.say(HEADING),
        head: head.to_vec(),
        rows: rows.collect(),
    })
}

fn kind(word: &str) -> Text {
    match word {
        "not_me" => Text::new("“This was not me”", "«\u{a0}Ce n’était pas moi\u{a0}»"),
        "guard_stop" => Text::new(
            "A guard stopped an account",
            "Un contrôleur d’accès a arrêté un compte",
        ),
        _ => Text::new("Opened by an operator", "Ouvert par un exploitant"),
    }
}

fn standing(word: &str) -> Text {
    match word {
        "open" => Text::new("open", "ouvert"),
        "in_work" => Text::new("in work", "en cours"),
        _ => Text::new("closed", "clos"),
    }
}

const HEADING: Text = Text::new("Incidents", "Incidents");
const INCIDENT: Text = Text::new("Incident", "Incident");
const NONE: Text = Text::new("No incident waits.", "Aucun incident n’est en attente.");
const NOTHING: Text = Text::new("Nothing yet.", "Rien pour le moment.");
const NUMBER: Text = Text::new("Number", "Numéro");
const KIND: Text = Text::new("What", "Quoi");
const STATE: Text = Text::new("State", "État");
const SINCE: Text = Text::new("Since", "Depuis");
const PERSON: Text = Text::new("Person", "Personne");
const SESSION: Text = Text::new("Session", "Session");
const CLOSED_AT: Text = Text::new("Closed", "Clos");
const CLOSED_BECAUSE: Text = Text::new("Closed:", "Clos\u{a0}:");
const NOTES: Text = Text::new("Notes", "Notes");
const WORK: Text = Text::new("What to do", "Que faire");
const TIMELINE: Text = Text::new("What happened", "Ce qui s’est passé");
const MORE: Text = Text::new(
    "There is more: see the person’s page, or the report.",
    "Il y en a davantage\u{a0}: voir la page de la personne, ou le rapport.",
);
const NO_REPORT: Text = Text::new(
    "It is about nobody yet: look for the person, the session or the card first.",
    "Il ne concerne encore personne\u{a0}: recherchez d’abord la personne, la session ou la carte.",
);
const OPEN: Text = Text::new("Open an incident", "Ouvrir un incident");
const SEEN: Text = Text::new("What you have seen", "Ce que vous avez constaté");
const ABOUT: Text = Text::new(
    "About whom: her pseudonym",
    "Qui est concerné\u{a0}: son pseudonyme",
);
const TAKE_UP: Text = Text::new("I am looking into it", "Je m’en occupe");
const NOTE: Text = Text::new("Write it down", "Consigner");
const NOTE_LABEL: Text = Text::new("A note", "Une note");
const CLOSE: Text = Text::new("Close the incident", "Clore l’incident");
const CLOSE_LABEL: Text = Text::new("Why it is over", "Pourquoi il est terminé");
const OPENED: Text = Text::new("The incident is open.", "L’incident est ouvert.");
const TAKEN_UP: Text = Text::new("You look into it.", "Vous vous en occupez.");
const TAKEN_UP_BEFORE: Text = Text::new(
    "Somebody looks into it already; nothing was changed.",
    "Quelqu’un s’en occupe déjà\u{a0}; rien n’a été changé.",
);
const NOTED: Text = Text::new("It is written down.", "C’est consigné.");
const CLOSED: Text = Text::new("The incident is closed.", "L’incident est clos.");
