//! A card as operators see it, by command and through the admin API.

use cardea_provider::ListedCard;
use serde::Serialize;
use time::OffsetDateTime;

/// Cards that were found.
#[derive(Debug, Serialize)]
pub(crate) struct CardList {
    /// The suspended ones first suspended last first; those of a person by their last use.
    pub(crate) cards: Vec<CardView>,
}

/// One card.
#[derive(Debug, Serialize)]
pub(crate) struct CardView {
    /// Its name in events and commands.
    pub(crate) id: String,
    /// Whose it is, by her name at this server.
    pub(crate) sub: String,
    /// Its family.
    pub(crate) family: String,
    /// Its number.
    pub(crate) number: String,
    /// The first login with it.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) first_seen_at: OffsetDateTime,
    /// The last login with it.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) last_seen_at: OffsetDateTime,
    /// Whether its owner has a code that suspends it.
    pub(crate) has_suspend_code: bool,
    /// Since when it is suspended, where it is.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) suspended_at: Option<OffsetDateTime>,
    /// `code` or `operator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suspended_by: Option<&'static str>,
    /// When somebody last tried to sign in with it since then.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) refused_at: Option<OffsetDateTime>,
}

impl From<ListedCard> for CardView {
    fn from(card: ListedCard) -> Self {
        Self {
            id: card.id,
            sub: card.sub,
            family: card.family,
            number: card.number,
            first_seen_at: card.first_seen_at,
            last_seen_at: card.last_seen_at,
            has_suspend_code: card.has_code,
            suspended_at: card.suspension.map(|suspension| suspension.since),
            suspended_by: card.suspension.map(|suspension| suspension.by.as_str()),
            refused_at: card.refused_at,
        }
    }
}
