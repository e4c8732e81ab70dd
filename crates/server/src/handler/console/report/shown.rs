//! A report on the page: its totals, from where, and look-up by look-up, page by page.

use axum::response::Response;
use cardea_provider::incident::{IncidentReport, Incidents, ReportScope};
use cardea_storage::guard_report::{FoundSession, GuardReport, Part as Proof, Position, Totals};

use super::asked::{ReportAsked, again};
use super::{HEADING, ON_PAGE, PATH, TAG};
use crate::console::events::{card_path, person_path, session_path};
use crate::console::{AtConsole, Said, unavailable};
use crate::error::Error;
use crate::incident_report::coverage::{Coverage, LogCheck};
use crate::incident_report::document::{counts, first_patients, words};
use crate::incident_report::in_words;
use crate::language::Text;
use crate::page::chart::number;
use crate::page::console_page::{Block, Cell, Part, Section, Table};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Look-ups of one page.
const LOOK_UPS_MAX: usize = 50;
/// Places that are listed.
const PLACES_MAX: usize = 50;

/// A report from its beginning.
pub(super) async fn whole(
    state: &AppState,
    at: &AtConsole,
    asked: &ReportAsked,
    report: &IncidentReport,
) -> Result<Response, Refusal> {
    let first = (Proof::Proven, None);
    let sections = vec![
        about(at, &report.scope),
        totals(at, report),
        places(at, report),
        look_ups(state, at, &report.scope, first).await?,
        asked.form(at, &[]),
    ];
    Ok(at.show(state, (Part::Report, PATH), sections, Said::default()))
}

/// Its look-ups from behind one on.
pub(super) async fn more(
    state: &AppState,
    at: &AtConsole,
    scope: &ReportScope,
    from: (Proof, Option<&Position>),
) -> Result<Response, Refusal> {
    let sections = vec![about(at, scope), look_ups(state, at, scope, from).await?];
    Ok(at.show(state, (Part::Report, PATH), sections, Said::default()))
}

/// A report that cannot be shown or written, for a reason of ours.
pub(super) fn broken(error: &Error) -> Refusal {
    let problem = match error {
        Error::DocumentTooLong => Problem::RequestMalformed,
        _ => Problem::Unavailable,
    };
    Refusal::page(problem).because(error.code())
}

/// What it is about, and the files of it.
fn about(at: &AtConsole, scope: &ReportScope) -> Section {
    let mut facts = Vec::new();
    for (name, moment) in [(FROM, scope.from), (TO, scope.to)] {
        facts.extend(moment.map(|it| (at.say(name), Cell::Text(at.written(it)))));
    }
    let named = [
        (PERSON, scope.sub.as_deref().map(|it| (person_path(it), it))),
        (
            SESSION,
            scope.session_id.as_deref().map(|it| (session_path(it), it)),
        ),
        (CARD, scope.card_id.as_deref().map(|it| (card_path(it), it))),
    ];
    for (name, found) in named {
        facts.extend(found.map(|(path, id)| (at.say(name), Cell::Link(at.link(&path, id)))));
    }
    let blocks = vec![
        Block::Facts(facts),
        Block::Form(again(at, scope, PDF, "pdf")),
        Block::Form(again(at, scope, CSV, "csv")),
    ];
    Section::new(at.say(HEADING), blocks)
}

fn totals(at: &AtConsole, report: &IncidentReport) -> Section {
    let facts = |totals: &Totals| {
        let facts = counts(totals, &at.moments).into_iter();
        let facts = facts.map(|(name, value)| {
            let grouped = value.parse().map(|count| number(count, at.language));
            (name, Cell::Text(grouped.unwrap_or(value)))
        });
        Block::Facts(facts.collect())
    };
    let mut blocks = vec![Block::Text(at.say(TOTALS_TOLD)), facts(&report.proven)];
    if report.unproven.reports > 0 {
        blocks.push(Block::Text(at.say(words::UNPROVEN_TOLD)));
        blocks.push(facts(&report.unproven));
    }
    Section::new(at.say(TOTALS), blocks)
}

fn places(at: &AtConsole, report: &IncidentReport) -> Section {
    let row = |(proof, place): &(Proof, FoundSession)| {
        let link = |found: Option<(String, &str)>| match found {
            Some((path, id)) => Cell::Link(at.link(&path, id)),
            None => Cell::Text("–".to_owned()),
        };
        let is_proven = *proof == Proof::Proven;
        let said = |found: &Option<String>| found.clone().unwrap_or_else(|| "–".to_owned());
        // What a guard alone says are names of a portal's: there is no page of them.
        let (person, session) = match is_proven {
            true => (
                link(place.sub.as_deref().map(|it| (person_path(it), it))),
                link(place.session_id.as_deref().map(|it| (session_path(it), it))),
            ),
            false => (
                Cell::Text(format!("{} {}", said(&place.sub), at.say(words::UNPROVEN))),
                Cell::Text(said(&place.session_id)),
            ),
        };
        let patients = number(place.patients.try_into().unwrap_or_default(), at.language);
        let answers = number(place.answers.try_into().unwrap_or_default(), at.language);
        let moments = [place.first_at, place.last_at].map(|it| at.moments.to_the_second(it));
        vec![
            Cell::Lines(moments.map(Cell::Text).to_vec()),
            Cell::Text(format!("{patients} / {answers}")),
            Cell::Text(format!("{} · {}", place.client_id, place.service)),
            person,
            session,
            link(place.card_id.as_deref().map(|it| (card_path(it), it))),
        ]
    };
    if report.places.is_empty() {
        return Section::new(at.say(PLACES), vec![Block::Text(at.say(NOBODY))]);
    }
    let mut blocks = Vec::new();
    if report.has_more || report.places.len() > PLACES_MAX {
        let cut = at.say(PLACES_CUT);
        blocks.push(Block::Text(cut.replace("{count}", &PLACES_MAX.to_string())));
    }
    let head = [
        WHEN,
        words::PATIENTS_OF_LOOK_UPS,
        WHERE,
        PERSON,
        SESSION,
        CARD,
    ];
    blocks.push(Block::Table(Table {
        caption: at.say(PLACES),
        head: head.map(|text| at.say(text)).to_vec(),
        rows: report.places.iter().take(PLACES_MAX).map(row).collect(),
    }));
    Section::new(at.say(PLACES), blocks)
}

/// Some look-ups with what the log says of them, and the way to the next.
async fn look_ups(
    state: &AppState,
    at: &AtConsole,
    scope: &ReportScope,
    (proof, after): (Proof, Option<&Position>),
) -> Result<Section, Refusal> {
    let incidents = at.incidents(state);
    // One more tells whether there is another page.
    let count = u32::try_from(LOOK_UPS_MAX)
        .unwrap_or(u32::MAX)
        .saturating_add(1);
    let found = incidents.show_look_ups(scope, proof, after, count).await;
    let mut found = found.map_err(|error| unavailable(&error))?;
    let has_more = found.len() > LOOK_UPS_MAX;
    found.truncate(LOOK_UPS_MAX);
    let next = match (has_more, found.last()) {
        (true, Some(last)) => {
            let (occurred_at, id) = (last.occurred_at, last.id.clone());
            Some((proof, Some(Position { occurred_at, id })))
        }
        _ => after_the_proven(&incidents, scope, proof).await?,
    };
    let mut blocks = Vec::new();
    if found.is_empty() {
        blocks.push(Block::Text(at.say(NO_LOOK_UPS)));
    } else {
        let log = LogCheck::begin(incidents.store(), state.log_keeper().origin(), None).await;
        let log = log.map_err(|error| broken(&error))?;
        let covered = log.look_at(incidents.store(), &found).await;
        let covered = covered.map_err(|error| broken(&error))?;
        if covered
            .iter()
            .any(|it| matches!(it, Coverage::Changed | Coverage::Missing))
        {
            blocks.push(Block::Alert(at.say(words::LOG_TAMPERED)));
        }
        blocks.push(table(at, &found, &covered));
    }
    if let Some((proof, after)) = next {
        let tag = state.provider().report_tag(&at.session, scope);
        let tag = tag.map_err(|error| unavailable(&error))?;
        let form = next_page(at, scope, proof, after);
        blocks.push(Block::Form(form.hiding(TAG, tag)));
    }
    Ok(Section::new(at.say(LOOK_UPS), blocks))
}

/// Behind the last proven look-up come those that a guard alone vouches for, where there are any.
async fn after_the_proven(
    incidents: &Incidents,
    scope: &ReportScope,
    proof: Proof,
) -> Result<Option<(Proof, Option<Position>)>, Refusal> {
    if proof == Proof::Unproven {
        return Ok(None);
    }
    let any = incidents.report_page(scope, Proof::Unproven, None, 1).await;
    let any = any.map_err(|error| unavailable(&error))?;
    Ok((!any.is_empty()).then_some((Proof::Unproven, None)))
}

fn next_page(
    at: &AtConsole,
    scope: &ReportScope,
    proof: Proof,
    after: Option<Position>,
) -> crate::page::console_page::Form {
    let (word, button) = match (proof, &after) {
        (Proof::Proven, _) => ("proven", NEXT),
        (Proof::Unproven, Some(_)) => ("unproven", NEXT),
        (Proof::Unproven, None) => ("unproven", NEXT_UNPROVEN),
    };
    let form = again(at, scope, button, ON_PAGE).hiding("part", word);
    match after {
        Some(Position { occurred_at, id }) => form
            .hiding("after_at", occurred_at.to_string())
            .hiding("after_id", id),
        None => form,
    }
}

fn table(at: &AtConsole, found: &[GuardReport], covered: &[Coverage]) -> Block {
    let rows = found.iter().zip(covered).map(|(look_up, covered)| {
        let person = match (&look_up.sub, &look_up.unproven) {
            (_, Some(said)) => {
                let said = format!("{} {}", said.sub, at.say(words::UNPROVEN));
                Cell::Text(said)
            }
            (Some(sub), None) => Cell::Link(at.link(&person_path(sub), sub)),
            (None, None) => Cell::Text("–".to_owned()),
        };
        let patients = first_patients(&look_up.patients);
        let patients = patients.lines().map(|line| Cell::Code(line.to_owned()));
        vec![
            Cell::Text(at.moments.to_the_second(look_up.occurred_at)),
            Cell::Lines(patients.collect()),
            Cell::Text(in_words::request(
                &look_up.kind,
                &look_up.answer,
                at.language,
            )),
            Cell::Text(format!("{} · {}", look_up.client_id, look_up.service)),
            person,
            Cell::Text(in_words::coverage(*covered, at.language).to_owned()),
        ]
    });
    let head = [
        WHEN,
        words::PATIENT,
        words::ANSWER,
        WHERE,
        PERSON,
        words::LOG,
    ];
    Block::Table(Table {
        caption: at.say(LOOK_UPS),
        head: head.map(|text| at.say(text)).to_vec(),
        rows: rows.collect(),
    })
}

/// The foot of every page says whose clocks those are.
const WHEN: Text = Text::new("When", "Quand");
const FROM: Text = Text::new("From", "Du");
const TO: Text = Text::new("Until", "Au");
const PERSON: Text = Text::new("Person", "Personne");
const SESSION: Text = Text::new("Session", "Session");
const CARD: Text = Text::new("Card", "Carte");
const WHERE: Text = Text::new("Portal · service", "Portail · service");
const PDF: Text = Text::new("Download as PDF", "Télécharger en PDF");
const CSV: Text = Text::new("Download as CSV", "Télécharger en CSV");
const TOTALS: Text = Text::new("How much", "Combien");
const TOTALS_TOLD: Text = Text::new(
    "By the guards in front of the services, as their clocks went. What is counted is what was let \
     through.",
    "Selon les contrôleurs d’accès placés devant les services, à l’heure qu’ils ont relevée. Sont \
     comptées les demandes qui ont reçu une réponse.",
);
const PLACES: Text = Text::new("From where", "D’où");
const PLACES_CUT: Text = Text::new(
    "The first {count}. The CSV file has every look-up with its place.",
    "Les {count} premiers. Le fichier CSV contient chaque consultation avec son origine.",
);
const NOBODY: Text = Text::new(
    "No guard has reported a look-up of this.",
    "Aucun contrôleur d’accès n’a signalé de consultation à ce sujet.",
);
const LOOK_UPS: Text = Text::new("Look-up by look-up", "Consultation par consultation");
const NO_LOOK_UPS: Text = Text::new("There is none.", "Il n’y en a aucune.");
const NEXT: Text = Text::new("The next look-ups", "Les consultations suivantes");
const NEXT_UNPROVEN: Text = Text::new("Those without proof", "Celles qui sont sans preuve");
