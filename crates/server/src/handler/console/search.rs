//! Looking for a pseudonym, a session, a card or a portal, by its whole name. The word is sent in a
//! body: no number of a person stands in an address.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use cardea_provider::Found;

use crate::console::events::{card_path, person_path, session_path};
use crate::console::{AtConsole, Said, Visit, one, unavailable};
use crate::form::Body;
use crate::language::Text;
use crate::page::console_page::{Block, Cell, Field, FieldKind, Form, Part, Section, Table};
use crate::refusal::Refusal;
use crate::state::AppState;

const PATH: &str = "/console/search";

/// Shows the form.
pub(crate) async fn get_search(State(state): State<AppState>, Visit(at): Visit) -> Response {
    let sections = vec![form(&at)];
    at.show(&state, (Part::Search, PATH), sections, Said::default())
}

/// Shows what a word names.
pub(crate) async fn post_search(
    State(state): State<AppState>,
    at: AtConsole,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = at.read_form(&state, &headers, body)?;
    let word = one(&pairs, "word")?;
    let operator = &at.session.operator;
    let found = state.provider().search_for_operator(operator, word).await;
    let found = found.map_err(|error| unavailable(&error))?;
    let sections = vec![results(&at, &found), form(&at)];
    Ok(at.show(&state, (Part::Search, PATH), sections, Said::default()))
}

fn form(at: &AtConsole) -> Section {
    let field = Field {
        id: "word".to_owned(),
        name: "word",
        label: at.say(WORD),
        kind: FieldKind::Line,
        length_max: 128,
    };
    let form = Form::new(at.href(PATH), at.say(FIND)).main().with(field);
    let blocks = vec![Block::Text(at.say(HINT)), Block::Form(form)];
    Section::new(at.say(HEADING), blocks)
}

fn results(at: &AtConsole, found: &Found) -> Section {
    if found.is_empty() {
        return Section::new(at.say(FOUND), vec![Block::Text(at.say(NOTHING))]);
    }
    let mut rows = Vec::new();
    let mut push = |kind: Text, link, of: Cell| {
        rows.push(vec![Cell::Text(at.say(kind)), Cell::Link(link), of]);
    };
    let holder = |sub: &str| Cell::Link(at.link(&person_path(sub), sub));
    let said_by = |text: Text, who: Option<&str>| {
        who.map_or_else(String::new, |who| at.say(text).replace("{who}", who))
    };
    for person in &found.persons {
        let link = at.link(&person_path(&person.sub), person.sub.clone());
        let sector = person.sector.as_deref();
        push(PERSON, link, Cell::Text(said_by(CALLED_SO_AT, sector)));
    }
    if let Some(session) = &found.session {
        let link = at.link(&session_path(&session.id), session.id.clone());
        let mut of = vec![holder(&session.sub)];
        let portal = session.client_id.as_deref();
        of.extend(portal.map(|portal| Cell::Text(said_by(SID_OF, Some(portal)))));
        push(SESSION, link, Cell::Lines(of));
    }
    for card in &found.cards {
        let name = format!("{} {}", card.family, card.number);
        push(CARD, at.link(&card_path(&card.id), name), holder(&card.sub));
    }
    for (id, name) in &found.portals {
        let path = format!("/console/portal/{id}");
        push(PORTAL, at.link(&path, name.clone()), Cell::Text(id.clone()));
    }
    let head = [KIND, NAME, OF].map(|text| at.say(text)).to_vec();
    let table = Table {
        caption: at.say(FOUND),
        head,
        rows,
    };
    Section::new(at.say(FOUND), vec![Block::Table(table)])
}

const HEADING: Text = Text::new("Search the log", "Rechercher dans le journal");
const WORD: Text = Text::new(
    "Pseudonym, session, card or portal",
    "Pseudonyme, session, carte ou portail",
);
const HINT: Text = Text::new(
    "Type it whole. A person: her pseudonym here, the name that a portal has for her (its sub), or \
     her number in the register. A session: its id here, or a portal’s sid. A card: its id or \
     number, or a name of its holder. A portal: its client_id, its name, or the address that \
     people come back to. There is no search by people’s names. What you find of a person stands \
     in her own history.",
    "Saisissez-le en entier. Une personne\u{a0}: son pseudonyme ici, le nom que lui donne un \
     portail (son sub), ou son numéro au répertoire. Une session\u{a0}: son identifiant ici, ou \
     le sid d’un portail. Une carte\u{a0}: son identifiant ou son numéro, ou un nom de son \
     titulaire. Un portail\u{a0}: son client_id, son nom, ou l’adresse à laquelle on revient. Il \
     n’y a pas de recherche par nom de personne. Ce que vous trouvez sur une personne figure dans \
     son historique.",
);
const FIND: Text = Text::new("Search", "Rechercher");
const FOUND: Text = Text::new("Found", "Résultats");
const NOTHING: Text = Text::new(
    "Nothing here has exactly this name.",
    "Rien ici ne porte exactement ce nom.",
);
const KIND: Text = Text::new("What", "Quoi");
const NAME: Text = Text::new("Name", "Nom");
const OF: Text = Text::new("Of", "De");
const CALLED_SO_AT: Text = Text::new("called so at {who}", "ainsi nommée chez {who}");
const SID_OF: Text = Text::new("the sid of {who}", "le sid de {who}");
const PERSON: Text = Text::new("Person", "Personne");
const SESSION: Text = Text::new("Session", "Session");
const CARD: Text = Text::new("Card", "Carte");
const PORTAL: Text = Text::new("Portal", "Portail");
