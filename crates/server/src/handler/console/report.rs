//! The incident report: which patients were looked up in a person's name, in a session, with a card
//! or in a span of time, on the page or as a CSV or PDF file.
//!
//! What it is asked about is sent in a body: no name of anybody's stands in an address.

mod asked;
mod shown;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use cardea_storage::guard_report::{Part as Proof, Position};

use self::asked::{Mistake, ReportAsked};
use crate::console::{AtConsole, Said, Visit, one, one_or_none, unavailable};
use crate::form::Body;
use crate::incident_report::file::{FileForm, as_file};
use crate::language::Text;
use crate::page::console_page::{Block, Field, FieldKind, Form, Link, Part};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

const PATH: &str = "/console/report";
/// The word of a report on the page, on record and in forms.
const ON_PAGE: &str = "page";
/// The field of a further page that says that its report is on record.
const TAG: &str = "asked";
/// Bytes of a look-up's id.
const ID_BYTES_MAX: usize = 128;

/// What a report is about; one of these.
#[derive(Clone, Copy)]
pub(super) enum About<'a> {
    Person(&'a str),
    Session(&'a str),
    Card(&'a str),
}

/// How a report is wanted.
enum Wanted {
    /// On the page, from its beginning.
    Page,
    /// The look-ups behind this one, or from the first one on.
    More(Proof, Option<Position>),
    File(FileForm),
}

/// Shows the form.
pub(crate) async fn get_report(State(state): State<AppState>, Visit(at): Visit) -> Response {
    let sections = vec![ReportAsked::default().form(&at, &[])];
    at.show(&state, (Part::Report, PATH), sections, Said::default())
}

/// Makes a report, or says what is wrong with what was asked.
pub(crate) async fn post_report(
    State(state): State<AppState>,
    at: AtConsole,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = at.read_form(&state, &headers, body)?;
    let wanted = wanted(&pairs)?;
    let mut asked = ReportAsked::read(&pairs)?;
    let scope = match asked.scope(&state, &at).await? {
        Ok(scope) => scope,
        Err(mistakes) => return Ok(refuse(&state, &at, &asked, &mistakes)),
    };
    if let Wanted::More(proof, after) = &wanted {
        let tag = one_or_none(&pairs, TAG)?;
        let is_on_record = state.provider().is_report_tag(&at.session, &scope, tag);
        if is_on_record.map_err(|error| unavailable(&error))? {
            return shown::more(&state, &at, &scope, (*proof, after.as_ref())).await;
        }
    }
    let name = match &wanted {
        Wanted::Page | Wanted::More(..) => ON_PAGE,
        Wanted::File(form) => form.as_str(),
    };
    let incidents = at.incidents(&state);
    let report = match incidents.report(scope, name).await {
        Ok(report) => report,
        Err(error) => {
            let mistake = Mistake::of(&error).ok_or_else(|| unavailable(&error))?;
            return Ok(refuse(&state, &at, &asked, &[mistake]));
        }
    };
    match wanted {
        Wanted::File(form) => {
            let file = as_file(&state, &incidents, &report, (form, at.language)).await;
            file.map_err(|error| shown::broken(&error))
        }
        Wanted::Page => {
            asked.take(&at, &report.scope);
            shown::whole(&state, &at, &asked, &report).await
        }
        Wanted::More(proof, after) => {
            shown::more(&state, &at, &report.scope, (proof, after.as_ref())).await
        }
    }
}

fn wanted(pairs: &[(String, String)]) -> Result<Wanted, Refusal> {
    let proof = match one_or_none(pairs, "part")? {
        "" => None,
        "proven" => Some(Proof::Proven),
        "unproven" => Some(Proof::Unproven),
        _ => return Err(malformed()),
    };
    match (one(pairs, "form")?, proof) {
        ("csv", _) => Ok(Wanted::File(FileForm::Csv)),
        ("pdf", _) => Ok(Wanted::File(FileForm::Pdf)),
        (ON_PAGE, None) => Ok(Wanted::Page),
        (ON_PAGE, Some(proof)) => Ok(Wanted::More(proof, position(pairs)?)),
        _ => Err(malformed()),
    }
}

fn position(pairs: &[(String, String)]) -> Result<Option<Position>, Refusal> {
    let id = one_or_none(pairs, "after_id")?;
    if id.is_empty() {
        return Ok(None);
    }
    if id.len() > ID_BYTES_MAX {
        return Err(malformed());
    }
    let occurred_at = one(pairs, "after_at")?.parse().map_err(|_| malformed())?;
    Ok(Some(Position {
        occurred_at,
        id: id.to_owned(),
    }))
}

/// Above the form stands what is wrong with it, with a link to each field.
fn refuse(state: &AppState, at: &AtConsole, asked: &ReportAsked, mistakes: &[Mistake]) -> Response {
    let fields = mistakes.iter().map(|mistake| Link {
        href: format!("#{}", mistake.field_id()),
        text: at.say(mistake.text),
    });
    let said = Said::mistaken(at.say(NO_REPORT), fields.collect());
    let sections = vec![asked.form(at, mistakes)];
    at.show(state, (Part::Report, PATH), sections, said)
}

fn malformed() -> Refusal {
    Refusal::page(Problem::RequestMalformed)
}

/// The form of a page about a person, a session or a card.
pub(super) fn blocks(at: &AtConsole, about: About<'_>) -> Vec<Block> {
    let (word, id) = match about {
        About::Person(sub) => ("person", sub),
        About::Session(id) => ("session", id),
        About::Card(id) => ("card", id),
    };
    let day = |name, label: Text| Field {
        id: format!("report-{name}"),
        name,
        label: at.say(label),
        kind: FieldKind::Day,
        length_max: 10,
    };
    let form = Form::new(at.href(PATH), at.say(MAKE))
        .hiding(word, id)
        .with(day("from", FROM_DAY))
        .with(day("to", TO_DAY))
        .with(form_choice(at));
    vec![Block::Text(at.say(TOLD)), Block::Form(form)]
}

/// On the page, as PDF or as CSV.
fn form_choice(at: &AtConsole) -> Field {
    let forms = [(ON_PAGE, HERE), ("pdf", PDF), ("csv", CSV)];
    let forms = forms.map(|(word, text)| (word.to_owned(), at.say(text)));
    Field {
        id: "report-form".to_owned(),
        name: "form",
        label: at.say(FORM),
        kind: FieldKind::Choice(forms.to_vec()),
        length_max: 4,
    }
}

pub(super) const HEADING: Text = Text::new("Incident report", "Rapport d’incident");
const TOLD: Text = Text::new(
    "Which patients were looked up, when and from where. Patients stand there by pseudonyms, which \
     the portal alone resolves. Without days, everything on record.",
    "Quels patients ont été consultés, quand et depuis où. Les patients y figurent sous des \
     pseudonymes que seul le portail sait résoudre. Sans dates, tout ce qui est consigné.",
);
const FROM_DAY: Text = Text::new("From this day on", "À partir de ce jour");
const TO_DAY: Text = Text::new("Up to this day, included", "Jusqu’à ce jour inclus");
const FORM: Text = Text::new("As", "Format");
const HERE: Text = Text::new("on this page", "sur cette page");
const PDF: Text = Text::new("PDF, to read", "PDF, à lire");
const CSV: Text = Text::new("CSV, with every look-up", "CSV, avec chaque consultation");
const MAKE: Text = Text::new("Make the report", "Établir le rapport");
const NO_REPORT: Text = Text::new(
    "There is no report: something in the form cannot be used.",
    "Aucun rapport n’a été établi\u{a0}: un champ du formulaire est à corriger.",
);
