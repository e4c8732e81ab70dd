//! Accounts that guards have stopped, and lifting that: with a second operator where four eyes are
//! asked for.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use cardea_provider::Outcome;
use cardea_provider::event::ConsoleView;
use cardea_storage::account_stop::AccountStop;

use crate::console::events::person_path;
use crate::console::{AtConsole, Said, Visit, one, reasons, unavailable};
use crate::form::Body;
use crate::language::Text;
use crate::page::console_page::{Block, Cell, Field, FieldKind, Form, Part, Section, Table};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;
use crate::stop_view::StopView;
use crate::uninterrupted::to_the_end;

const PATH: &str = "/console/stops";
/// Stops of one page; the newest.
const SHOWN_MAX: usize = 50;

/// Lists them.
pub(crate) async fn get_stops(
    State(state): State<AppState>,
    Visit(at): Visit,
) -> Result<Response, Refusal> {
    show(&state, &at, Said::default()).await
}

/// Lifts one, or proposes it.
pub(crate) async fn post_lift(
    State(state): State<AppState>,
    at: AtConsole,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = at.read_form(&state, &headers, body)?;
    let (id, reason) = (
        one(&pairs, "stop")?.to_owned(),
        one(&pairs, "reason")?.to_owned(),
    );
    let approvals = at.approvals(&state);
    let lifted = to_the_end(async move { approvals.lift_stop(&id, &reason).await });
    let lifted = lifted.await;
    let said = match lifted.ok_or_else(|| Refusal::page(Problem::Internal))? {
        Ok(Outcome::Done(_)) => Said::done(LIFTED, at.language),
        Ok(Outcome::Proposed(_)) => Said::done(PROPOSED, at.language),
        Err(error) => Said::refused(&error, at.language)?,
    };
    show(&state, &at, said).await
}

async fn show(state: &AppState, at: &AtConsole, said: Said) -> Result<Response, Refusal> {
    let operator = &at.session.operator;
    let stops = state.provider().account_stops(operator).list().await;
    let mut stops = stops.map_err(|error| unavailable(&error))?;
    let all = stops.len();
    stops.truncate(SHOWN_MAX);
    let subs: Vec<String> = stops.iter().filter_map(|stop| stop.sub.clone()).collect();
    let look = state
        .provider()
        .record_look(operator, ConsoleView::Stops, subs);
    look.await.map_err(|error| unavailable(&error))?;
    let mut blocks = vec![Block::Text(at.say(TOLD))];
    if all > stops.len() {
        blocks.push(Block::Text(
            at.say(MORE).replace("{count}", &all.to_string()),
        ));
    }
    blocks.push(table(at, stops));
    let sections = vec![Section::new(at.say(HEADING), blocks)];
    Ok(at.show(state, (Part::Stops, PATH), sections, said))
}

/// Those of one person, on her page; that it is shown is on record already.
pub(super) async fn of_person(
    state: &AppState,
    at: &AtConsole,
    sub: &str,
) -> Result<Section, Refusal> {
    let stops = state.provider().list_stops_of(&at.session.operator, sub);
    let stops = stops.await.map_err(|error| unavailable(&error))?;
    Ok(Section::new(at.say(HEADING), vec![table(at, stops)]))
}

fn table(at: &AtConsole, stops: Vec<AccountStop>) -> Block {
    if stops.is_empty() {
        return Block::Text(at.say(NONE));
    }
    let rows = stops.into_iter().map(|stop| {
        let view = StopView::from(stop);
        let account = match &view.sub {
            Some(sub) => Cell::Link(at.link(&person_path(sub), sub.clone())),
            None => Cell::Text(view.subject.clone()),
        };
        vec![
            account,
            Cell::Text(format!("{} – {}", view.client_id, view.service)),
            Cell::Text(at.written(view.stopped_at)),
            why(at, &view),
            Cell::Forms(vec![lift(at, &view)]),
        ]
    });
    let head = [ACCOUNT, WHERE, SINCE, WHY, LIFT].map(|text| at.say(text));
    Block::Table(Table {
        caption: at.say(HEADING),
        head: head.to_vec(),
        rows: rows.collect(),
    })
}

/// Why a guard stopped it, a line for each reason.
pub(super) fn why(at: &AtConsole, stop: &StopView) -> Cell {
    let lines = reasons::lines(&stop.reasons, at.language).into_iter();
    Cell::Lines(lines.map(Cell::Text).collect())
}

fn lift(at: &AtConsole, stop: &StopView) -> Form {
    let field = Field {
        id: format!("reason-{}", stop.id),
        name: "reason",
        label: at.say(REASON),
        kind: FieldKind::Line,
        length_max: 500,
    };
    let label = format!("{}: {}", at.say(LIFT), stop.subject);
    Form::new(at.href(PATH), at.say(LIFT))
        .labelled(label)
        .hiding("stop", stop.id.clone())
        .with(field)
}

const HEADING: Text = Text::new("Stopped accounts", "Comptes arrêtés");
const TOLD: Text = Text::new(
    "A guard has stopped these accounts at its service. Lift a stop once you have made sure who \
     asks; how you did stands in the record for good.",
    "Un contrôleur d’accès a arrêté ces comptes dans son service. Rétablissez l’accès après avoir \
     vérifié qui le demande\u{a0}; la manière reste consignée.",
);
const MORE: Text = Text::new(
    "{count} accounts are stopped; these are the newest.",
    "{count} comptes sont arrêtés\u{a0}; voici les plus récents.",
);
const NONE: Text = Text::new("No account is stopped.", "Aucun compte n’est arrêté.");
const ACCOUNT: Text = Text::new("Account", "Compte");
const WHERE: Text = Text::new("Portal and service", "Portail et service");
const SINCE: Text = Text::new("Since", "Depuis");
const WHY: Text = Text::new("Why", "Pourquoi");
const LIFT: Text = Text::new("Lift the stop", "Rétablir l’accès");
const REASON: Text = Text::new(
    "How you made sure who asks",
    "Comment vous avez vérifié l’identité",
);
const LIFTED: Text = Text::new(
    "The stop is lifted; its guards know within a second.",
    "L’accès est rétabli\u{a0}; les contrôleurs d’accès le savent en une seconde.",
);
const PROPOSED: Text = Text::new(
    "It is proposed. Another operator confirms it under “To confirm”, with her own card, within a \
     day.",
    "La proposition est enregistrée. Un autre exploitant la confirme sous «\u{a0}À \
     confirmer\u{a0}», avec sa propre carte, dans la journée.",
);
