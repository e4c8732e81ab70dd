//! What an event is tied to: a login, a session, a person, a card, a client.

use time::OffsetDateTime;

use super::{Event, EventKind};

impl Event {
    /// An event about nobody yet.
    #[must_use]
    pub fn new(kind: impl Into<EventKind>, occurred_at: OffsetDateTime) -> Self {
        Self {
            id: None,
            occurred_at,
            authorization_request_id: None,
            session_id: None,
            sub: None,
            client_id: None,
            kind: kind.into(),
        }
    }

    /// Ties the event to a login.
    #[must_use]
    pub fn of_request(mut self, authorization_request_id: &str) -> Self {
        self.authorization_request_id = Some(authorization_request_id.to_owned());
        self
    }

    /// Ties the event to a session and its person.
    #[must_use]
    pub fn of_session(mut self, session_id: &str, sub: &str) -> Self {
        self.session_id = Some(session_id.to_owned());
        self.sub = Some(sub.to_owned());
        self
    }

    /// Ties the event to a person.
    #[must_use]
    pub fn of_person(mut self, sub: &str) -> Self {
        self.sub = Some(sub.to_owned());
        self
    }

    /// Names the card of a refused login, by our id: it stands there when no session leads to it.
    #[must_use]
    pub(crate) fn of_card(mut self, card_id: &str) -> Self {
        if let EventKind::LoginRefused { card, .. } | EventKind::CardGrantRefused { card, .. } =
            &mut self.kind
        {
            *card = Some(card_id.to_owned());
        }
        self
    }

    /// Ties the event to a registered client; the id of an unknown one is a stranger's text.
    #[must_use]
    pub fn of_client(mut self, client_id: &str) -> Self {
        self.client_id = Some(client_id.to_owned());
        self
    }
}
