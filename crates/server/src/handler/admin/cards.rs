//! `/admin/cards`: what `cardea cards` does.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use cardea_provider::event::ConsoleView;
use serde::Deserialize;

use super::{OperatorRequest, read_body, refuse, refuse_problem};
use crate::card_view::{CardList, CardView};
use crate::form::Body;
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// Whose cards are looked for: in a body, for no number of a person stands in an address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CardSearch {
    /// A card's id or number, or its owner's number in her register, or her `sub`.
    of: String,
}

/// Why an operator does it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuspensionReason {
    /// In her own words.
    reason: String,
}

/// Lists the cards that are suspended.
pub(crate) async fn list_cards(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
) -> Result<Json<CardList>, Refusal> {
    let cards = state.provider().card_suspensions(&operator);
    let found = cards.list_suspended().await.map_err(|it| refuse(&it))?;
    let cards = found.into_iter().map(CardView::from).collect();
    Ok(Json(CardList { cards }))
}

/// Lists the cards of a person, or with a number; that an operator looks is an event of hers.
pub(crate) async fn post_search(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<CardList>, Refusal> {
    let search: CardSearch = read_body(&headers, body)?;
    let cards = state.provider().card_suspensions(&operator);
    let found = cards.find(&search.of).await.map_err(|it| refuse(&it))?;
    let subs: Vec<String> = found.iter().map(|card| card.sub.clone()).collect();
    let look = state
        .provider()
        .record_look(&operator, ConsoleView::Search, subs);
    look.await.map_err(|it| refuse(&it))?;
    let cards = found.into_iter().map(CardView::from).collect();
    Ok(Json(CardList { cards }))
}

/// Suspends a card, and tells everybody whose session ends.
pub(crate) async fn post_suspension(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<CardView>, Refusal> {
    let SuspensionReason { reason } = read_body(&headers, body)?;
    let suspended = to_the_end(async move {
        let cards = state.provider().card_suspensions(&operator);
        let (card, ended) = cards.suspend(&id, &reason).await?;
        state.announce(ended);
        Ok(card)
    });
    let suspended = suspended.await;
    let suspended = suspended.ok_or_else(|| refuse_problem(Problem::Internal))?;
    let card = suspended.map_err(|error| refuse(&error))?;
    Ok(Json(CardView::from(card)))
}

/// Lets a suspended card in again.
pub(crate) async fn post_resumption(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<CardView>, Refusal> {
    let SuspensionReason { reason } = read_body(&headers, body)?;
    let cards = state.provider().card_suspensions(&operator);
    let card = cards.resume(&id, &reason).await;
    let card = card.map_err(|error| refuse(&error))?;
    Ok(Json(CardView::from(card)))
}
