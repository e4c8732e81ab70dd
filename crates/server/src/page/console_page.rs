//! The frame of the operators' console, and the few things that its pages are made of: facts,
//! tables, entries of the log, charts and forms. No page of it has a script.

use askama::Template;
use cardea_provider::{CONSOLE_PATH, ConsoleSession};

use crate::language::{Language, Text};

/// A part of the console: an entry of its menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Overview,
    Search,
    Incidents,
    Report,
    Stops,
    Cards,
    Anchors,
    Approvals,
}

/// What a page shows.
#[derive(Debug, Default)]
pub(crate) struct Section {
    pub(crate) heading: String,
    pub(crate) blocks: Vec<Block>,
}

/// One thing on it.
#[derive(Debug)]
pub(crate) enum Block {
    /// A paragraph.
    Text(String),
    /// A paragraph that must not be missed.
    Alert(String),
    /// What a chart has rendered.
    Chart(String),
    Links(Vec<Link>),
    Facts(Vec<(String, Cell)>),
    Entries(Vec<Entry>),
    Table(Table),
    Form(Form),
}

/// A link.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) href: String,
    pub(crate) text: String,
}

/// What stands in a table's cell or beside a fact's name.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Text(String),
    Code(String),
    Link(Link),
    Forms(Vec<Form>),
    /// One below the other.
    Lines(Vec<Self>),
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) when: String,
    pub(crate) what: String,
    pub(crate) detail: Option<String>,
    /// Its kind on record, with its code.
    pub(crate) code: String,
    pub(crate) links: Vec<Link>,
}

/// A form, which carries the token of this very session.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) hidden: Vec<(&'static str, String)>,
    pub(crate) fields: Vec<Field>,
    pub(crate) button: String,
    /// What the button does to what, for whoever does not see the row that it stands in.
    pub(crate) label: Option<String>,
    pub(crate) is_main: bool,
}

/// A field of a form.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) label: String,
    pub(crate) kind: FieldKind,
    pub(crate) length_max: usize,
}

/// How a field is filled.
#[derive(Clone, Debug)]
pub(crate) enum FieldKind {
    Line,
    Lines,
    /// The same, with what was typed before and refused.
    Typed(String),
    /// A line that may stay empty.
    Optional,
    /// A day, or none.
    Day,
    /// A line or a moment that may stay empty, with what was typed and what is wrong with it.
    Asked(Asked),
    /// One of these: what is sent, and what is read.
    Choice(Vec<(String, String)>),
}

/// A field that says how it is filled, and what is wrong with what it was filled with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) is_moment: bool,
    pub(crate) typed: String,
    pub(crate) hint: Option<String>,
    pub(crate) mistake: Option<String>,
}

/// A page of the console.
#[derive(Template)]
#[template(path = "console.html")]
pub(crate) struct ConsolePage<'a> {
    language: Language,
    person_name: &'a str,
    form_token: &'a str,
    part: Part,
    /// The page's own address, for the other language.
    address: &'a str,
    title: String,
    sections: Vec<Section>,
    notice: Option<String>,
    mistake: Option<String>,
    /// The fields that the mistake is about.
    fields: Vec<Link>,
}

/// What stands where the console was closed.
#[derive(Template)]
#[template(path = "account_closed.html")]
pub(crate) struct ConsoleClosedPage {
    language: Language,
}

#[derive(Template)]
#[template(path = "console_form.html")]
struct FormOnPage<'a> {
    form: &'a Form,
    form_token: &'a str,
}

#[derive(Template)]
#[template(path = "console_cell.html", escape = "html")]
struct CellOnPage<'a> {
    cell: &'a Cell,
    form_token: &'a str,
}

impl Part {
    pub(crate) const ALL: [Self; 8] = [
        Self::Overview,
        Self::Search,
        Self::Incidents,
        Self::Report,
        Self::Stops,
        Self::Cards,
        Self::Anchors,
        Self::Approvals,
    ];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Overview => CONSOLE_PATH,
            Self::Search => "/console/search",
            Self::Incidents => "/console/incidents",
            Self::Report => "/console/report",
            Self::Stops => "/console/stops",
            Self::Cards => "/console/cards",
            Self::Anchors => "/console/anchors",
            Self::Approvals => "/console/approvals",
        }
    }

    pub(crate) fn name(self) -> Text {
        match self {
            Self::Overview => Text::new("Overview", "Vue d’ensemble"),
            Self::Search => Text::new("Search", "Recherche"),
            Self::Incidents => Text::new("Incidents", "Incidents"),
            Self::Report => Text::new("Incident report", "Rapport d’incident"),
            Self::Stops => Text::new("Stopped accounts", "Comptes arrêtés"),
            Self::Cards => Text::new("Suspended cards", "Cartes suspendues"),
            Self::Anchors => Text::new("Trust anchors", "Ancres de confiance"),
            Self::Approvals => Text::new("To confirm", "À confirmer"),
        }
    }
}

impl Section {
    pub(crate) fn new(heading: impl Into<String>, blocks: Vec<Block>) -> Self {
        Self {
            heading: heading.into(),
            blocks,
        }
    }
}

impl Asked {
    fn input(&self) -> &'static str {
        match self.is_moment {
            true => "datetime-local",
            false => "text",
        }
    }

    /// What stands beside the field about it, by the names of the paragraphs.
    fn described_by(&self, id: &str) -> Option<String> {
        let hint = self.hint.as_ref().map(|_| format!("{id}-hint"));
        let mistake = self.mistake.as_ref().map(|_| format!("{id}-mistake"));
        let all: Vec<_> = hint.into_iter().chain(mistake).collect();
        (!all.is_empty()).then(|| all.join(" "))
    }
}

impl Form {
    /// A form with no field yet.
    pub(crate) fn new(action: impl Into<String>, button: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            hidden: Vec::new(),
            fields: Vec::new(),
            button: button.into(),
            label: None,
            is_main: false,
        }
    }

    pub(crate) fn main(self) -> Self {
        Self {
            is_main: true,
            ..self
        }
    }

    pub(crate) fn labelled(self, label: impl Into<String>) -> Self {
        Self {
            label: Some(label.into()),
            ..self
        }
    }

    pub(crate) fn with(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    pub(crate) fn hiding(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.hidden.push((name, value.into()));
        self
    }
}

impl<'a> ConsolePage<'a> {
    pub(crate) fn new(
        language: Language,
        session: &'a ConsoleSession,
        (part, address): (Part, &'a str),
        sections: Vec<Section>,
    ) -> Self {
        Self {
            language,
            person_name: &session.operator.person().name,
            form_token: &session.form_token,
            part,
            address,
            title: title(part, address, &sections, language),
            sections,
            notice: None,
            mistake: None,
            fields: Vec::new(),
        }
    }

    /// Says above all else what a form has just done.
    pub(crate) fn with_notice(self, notice: Option<String>) -> Self {
        Self { notice, ..self }
    }

    /// Says above all else what was refused.
    pub(crate) fn with_mistake(self, mistake: Option<String>, fields: Vec<Link>) -> Self {
        Self {
            mistake,
            fields,
            ..self
        }
    }

    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn title(&self) -> &str {
        &self.title
    }

    fn heading(&self) -> &'static str {
        self.say(HEADING)
    }

    fn href(&self, part: &Part) -> String {
        format!("{}?lang={}", part.path(), self.language.tag())
    }

    fn is_here(&self, part: &Part) -> bool {
        self.part == *part
    }

    fn switch(&self) -> &'static str {
        self.say(super::SWITCH)
    }

    fn switch_href(&self) -> String {
        format!("{}?lang={}", self.address, self.language.other().tag())
    }

    /// The cells of a row with the heads of their columns, which a narrow screen shows beside them.
    fn labelled<'t>(&self, table: &'t Table, row: &'t [Cell]) -> Vec<(&'t str, &'t Cell)> {
        let heads = table.head.iter().map(String::as_str);
        heads.zip(row).collect()
    }

    fn form(&self, form: &Form) -> String {
        let form_token = self.form_token;
        FormOnPage { form, form_token }.render().unwrap_or_default()
    }

    fn cell(&self, cell: &Cell) -> String {
        let form_token = self.form_token;
        CellOnPage { cell, form_token }.render().unwrap_or_default()
    }
}

impl CellOnPage<'_> {
    fn line(&self, cell: &Cell) -> String {
        let form_token = self.form_token;
        CellOnPage { cell, form_token }.render().unwrap_or_default()
    }

    fn form(&self, form: &Form) -> String {
        let form_token = self.form_token;
        FormOnPage { form, form_token }.render().unwrap_or_default()
    }
}

impl ConsoleClosedPage {
    pub(crate) fn new(language: Language) -> Self {
        Self { language }
    }

    fn heading(&self) -> &'static str {
        CLOSED.in_language(self.language)
    }

    fn detail(&self) -> &'static str {
        CLOSED_DETAIL.in_language(self.language)
    }

    fn open(&self) -> &'static str {
        OPEN.in_language(self.language)
    }

    fn switch(&self) -> &'static str {
        super::SWITCH.in_language(self.language)
    }

    fn switch_href(&self) -> String {
        format!("{CONSOLE_PATH}/closed?lang={}", self.language.other().tag())
    }

    fn account_path(&self) -> &'static str {
        CONSOLE_PATH
    }
}

/// A page below a part of the console is called after what it shows.
fn title(part: Part, address: &str, sections: &[Section], language: Language) -> String {
    let first = sections.first().map(|section| section.heading.clone());
    let own = first.filter(|_| address != part.path());
    own.unwrap_or_else(|| part.name().in_language(language).to_owned())
}

const MISTAKE: Text = Text::new("Error:", "Erreur\u{a0}:");
const HEADING: Text = Text::new("Operators’ console", "Console d’exploitation");
const PARTS: Text = Text::new("Parts of the console", "Parties de la console");
const CLOSE: Text = Text::new("Close the console", "Fermer la console");
const SIGNED_IN_AS: Text = Text::new("Signed in:", "Connecté\u{a0}:");
const UNTIL: Text = Text::new(
    "The console closes as soon as you take your card out, and asks for your PIN again after a few \
     minutes. Whatever you look at about a person stands in that person’s own history.",
    "La console se ferme dès que vous retirez votre carte, et redemande votre code au bout de \
     quelques minutes. Tout ce que vous consultez sur une personne figure dans l’historique de \
     cette personne.",
);
const CLOSED: Text = Text::new("The console is closed", "La console est fermée");
const CLOSED_DETAIL: Text = Text::new(
    "Nobody can see it until an operator opens it again with card and PIN.",
    "Personne ne peut la consulter tant qu’un exploitant ne l’ouvre pas à nouveau avec sa carte et \
     son code.",
);
const OPEN: Text = Text::new("Open with my card", "Ouvrir avec ma carte");
