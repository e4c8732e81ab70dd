//! Cards: those that are suspended, and suspending and letting in again.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use cardea_provider::ListedCard;
use cardea_provider::event::ConsoleView;

use super::timelines::{holder, show_card};
use crate::console::events::{card_path, person_path};
use crate::console::{AtConsole, Said, Visit, one, unavailable};
use crate::form::Body;
use crate::language::Text;
use crate::page::console_page::{Block, Cell, Field, FieldKind, Form, Part, Section, Table};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

const PATH: &str = "/console/cards";
/// Cards of one page; the last suspended.
const SHOWN_MAX: usize = 50;

/// Lists the suspended ones.
pub(crate) async fn get_cards(
    State(state): State<AppState>,
    Visit(at): Visit,
) -> Result<Response, Refusal> {
    let operator = &at.session.operator;
    let cards = state.provider().card_suspensions(operator);
    let cards = cards.list_suspended().await;
    let mut cards = cards.map_err(|error| unavailable(&error))?;
    let all = cards.len();
    cards.truncate(SHOWN_MAX);
    let subs: Vec<String> = cards.iter().map(|card| card.sub.clone()).collect();
    let view = ConsoleView::SuspendedCards;
    let look = state.provider().record_look(operator, view, subs);
    look.await.map_err(|error| unavailable(&error))?;
    let mut blocks = vec![Block::Text(at.say(TOLD))];
    if all > cards.len() {
        blocks.push(Block::Text(
            at.say(MORE).replace("{count}", &all.to_string()),
        ));
    }
    blocks.push(table(&at, cards));
    let sections = vec![Section::new(at.say(HEADING), blocks)];
    Ok(at.show(&state, (Part::Cards, PATH), sections, Said::default()))
}

/// Suspends a card or lets one in again.
pub(crate) async fn post_card(
    State(state): State<AppState>,
    at: AtConsole,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = at.read_form(&state, &headers, body)?;
    let reason = one(&pairs, "reason")?.to_owned();
    let cards = state.provider().card_suspensions(&at.session.operator);
    let (card, text) = match one(&pairs, "change")? {
        "suspend" => {
            let (all, id) = (state.clone(), id.clone());
            let suspended = to_the_end(async move {
                let (card, ended) = cards.suspend(&id, &reason).await?;
                all.announce(ended);
                Ok(card)
            });
            let suspended = suspended.await;
            let suspended = suspended.ok_or_else(|| Refusal::page(Problem::Internal))?;
            (suspended, SUSPENDED)
        }
        "resume" => (cards.resume(&id, &reason).await, RESUMED),
        _ => return Err(Refusal::page(Problem::RequestMalformed)),
    };
    let said = match card {
        Ok(_) => Said::done(text, at.language),
        Err(error) => Said::refused(&error, at.language)?,
    };
    show_card(&state, &at, &id, &uri, said).await
}

/// A person's cards, on her page; that it is shown is on record already.
pub(super) async fn of_person(
    state: &AppState,
    at: &AtConsole,
    sub: &str,
) -> Result<Section, Refusal> {
    let cards = state.provider().card_suspensions(&at.session.operator);
    let cards = cards.find(sub).await.map_err(|error| unavailable(&error))?;
    let cards = cards.into_iter().filter(|card| card.sub == sub).collect();
    Ok(Section::new(at.say(CARDS), vec![table(at, cards)]))
}

/// One card, with the form for it; that it is shown is on record already.
pub(super) async fn one_card(
    state: &AppState,
    at: &AtConsole,
    id: &str,
) -> Result<Section, Refusal> {
    let cards = state.provider().card_suspensions(&at.session.operator);
    let cards = cards.find(id).await.map_err(|error| unavailable(&error))?;
    let card = cards.into_iter().find(|card| card.id == id);
    let card = card.ok_or_else(|| Refusal::page(Problem::NotFound))?;
    let mut facts = vec![
        (
            at.say(CARD),
            Cell::Text(format!("{} {}", card.family, card.number)),
        ),
        (at.say(STATE), Cell::Text(standing(at, &card))),
        (at.say(USED), Cell::Text(at.written(card.last_seen_at))),
    ];
    facts.extend(holder(at, Some(&card.sub)));
    let (word, button) = match card.suspension {
        Some(_) => ("resume", RESUME),
        None => ("suspend", SUSPEND),
    };
    let field = Field {
        id: "reason".to_owned(),
        name: "reason",
        label: at.say(REASON),
        kind: FieldKind::Line,
        length_max: 500,
    };
    let form = Form::new(at.href(&card_path(id)), at.say(button))
        .hiding("change", word)
        .with(field);
    let blocks = vec![Block::Facts(facts), Block::Form(form)];
    Ok(Section::new(at.say(CARD), blocks))
}

fn table(at: &AtConsole, cards: Vec<ListedCard>) -> Block {
    if cards.is_empty() {
        return Block::Text(at.say(NONE));
    }
    let rows = cards.into_iter().map(|card| {
        let name = format!("{} {}", card.family, card.number);
        vec![
            Cell::Link(at.link(&card_path(&card.id), name)),
            Cell::Link(at.link(&person_path(&card.sub), card.sub.clone())),
            Cell::Text(standing(at, &card)),
            Cell::Text(at.written(card.last_seen_at)),
        ]
    });
    let head = [CARD, HOLDER, STATE, USED].map(|text| at.say(text));
    Block::Table(Table {
        caption: at.say(CARDS),
        head: head.to_vec(),
        rows: rows.collect(),
    })
}

fn standing(at: &AtConsole, card: &ListedCard) -> String {
    match card.suspension {
        Some(suspension) => {
            let since = at.written(suspension.since);
            at.say(SUSPENDED_SINCE).replace("{moment}", &since)
        }
        None => at.say(IN_USE),
    }
}

const HEADING: Text = Text::new("Suspended cards", "Cartes suspendues");
const TOLD: Text = Text::new(
    "Nobody signs in with these. To suspend another card, look for it first.",
    "Personne ne se connecte avec ces cartes. Pour en suspendre une autre, recherchez-la d’abord.",
);
const MORE: Text = Text::new(
    "{count} cards are suspended; these are the last.",
    "{count} cartes sont suspendues\u{a0}; voici les dernières.",
);
const NONE: Text = Text::new("There is none.", "Il n’y en a aucune.");
const CARDS: Text = Text::new("Cards", "Cartes");
const CARD: Text = Text::new("Card", "Carte");
const HOLDER: Text = Text::new("Holder", "Titulaire");
const STATE: Text = Text::new("State", "État");
const USED: Text = Text::new("Last login", "Dernière connexion");
const SUSPENDED_SINCE: Text = Text::new("suspended since {moment}", "suspendue depuis le {moment}");
const IN_USE: Text = Text::new("in use", "en service");
const REASON: Text = Text::new(
    "Why, and how you made sure who asks",
    "Pourquoi, et comment vous avez vérifié l’identité",
);
const SUSPEND: Text = Text::new("Suspend this card", "Suspendre cette carte");
const RESUME: Text = Text::new(
    "Let this card in again",
    "Lever la suspension de cette carte",
);
const SUSPENDED: Text = Text::new(
    "The card is suspended, and its sessions are over.",
    "La carte est suspendue, et ses sessions sont fermées.",
);
const RESUMED: Text = Text::new("The card may sign in again.", "La carte est rétablie.");
