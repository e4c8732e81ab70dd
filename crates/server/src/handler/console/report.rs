//! The incident report's download: which patients were looked up in a person's name, in a session
//! or with a card, as CSV or PDF.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use cardea_provider::incident::ReportScope;

use crate::console::{AtConsole, one};
use crate::form::Body;
use crate::handler::admin::incidents::{ReportForm, give_report};
use crate::language::Text;
use crate::moment::DaySpan;
use crate::page::console_page::{Block, Field, FieldKind, Form};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

const PATH: &str = "/console/report";

/// What a report is about; one of these.
#[derive(Clone, Copy)]
pub(super) enum About<'a> {
    Person(&'a str),
    Session(&'a str),
    Card(&'a str),
}

/// Gives a report as a file.
pub(crate) async fn post_report(
    State(state): State<AppState>,
    at: AtConsole,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = at.read_form(&state, &headers, body)?;
    let id = one(&pairs, "id")?.to_owned();
    let mut scope = ReportScope {
        from: day(&at, one(&pairs, "from")?)?.map(|it| it.from),
        to: day(&at, one(&pairs, "to")?)?.map(|it| it.until),
        ..ReportScope::default()
    };
    match one(&pairs, "about")? {
        "person" => scope.sub = Some(id),
        "session" => scope.session_id = Some(id),
        "card" => scope.card_id = Some(id),
        _ => return Err(malformed()),
    }
    let form = match one(&pairs, "form")? {
        "csv" => ReportForm::Csv,
        "pdf" => ReportForm::Pdf,
        _ => return Err(malformed()),
    };
    let operator = &at.session.operator;
    give_report(&state, operator, scope, (form, at.language)).await
}

/// A day that was chosen, or none.
fn day(at: &AtConsole, text: &str) -> Result<Option<DaySpan>, Refusal> {
    match text {
        "" => Ok(None),
        text => at.moments.parse_day(text).map(Some).ok_or_else(malformed),
    }
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
    let field = |name, label: Text, kind| Field {
        id: format!("report-{name}"),
        name,
        label: at.say(label),
        kind,
        length_max: 10,
    };
    let forms = [("pdf", PDF), ("csv", CSV)];
    let forms = forms.map(|(word, text)| (word.to_owned(), at.say(text)));
    let form = Form::new(at.href(PATH), at.say(DOWNLOAD))
        .hiding("about", word)
        .hiding("id", id)
        .with(field("from", FROM, FieldKind::Day))
        .with(field("to", TO, FieldKind::Day))
        .with(field("form", FORM, FieldKind::Choice(forms.to_vec())));
    vec![Block::Text(at.say(TOLD)), Block::Form(form)]
}

pub(super) const HEADING: Text = Text::new("Incident report", "Rapport d’incident");
const TOLD: Text = Text::new(
    "Which patients were looked up, when and from where. Patients stand there by pseudonyms, which \
     the portal alone resolves. Without days, everything on record.",
    "Quels patients ont été consultés, quand et depuis où. Les patients y figurent sous des \
     pseudonymes que seul le portail sait résoudre. Sans dates, tout ce qui est consigné.",
);
const FROM: Text = Text::new("From", "Du");
const TO: Text = Text::new("To", "Au");
const FORM: Text = Text::new("As", "Format");
const PDF: Text = Text::new("PDF, to read", "PDF, à lire");
const CSV: Text = Text::new("CSV, with every look-up", "CSV, avec chaque consultation");
const DOWNLOAD: Text = Text::new("Download the report", "Télécharger le rapport");
