//! Where and by which means a card was used, as the event itself says: so a history outlives the
//! workstation that it tells of.

use cardea_oauth2_types::Acr;
use cardea_storage::event::EventRecord;
use serde::{Deserialize, Serialize};

use super::ActivityKind;

/// How her card proved that it was she.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// The card, and the PIN typed for it.
    CardAndPin,
    /// The card, and a PIN typed before.
    KeptPin,
    /// The card alone.
    CardAlone,
    /// The card in a browser, without an agent that watches it.
    WithoutAgent,
}

/// For what the card signed, where that was not a portal's page on the same screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Through {
    /// A device that showed a code.
    Device,
    /// A host that somebody logged in to.
    Host,
    /// Business software without a browser.
    Software,
}

/// Where a card was used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// What the workstation called itself then.
    pub workstation: Option<String>,
    /// The reader, as the agent named it.
    pub reader: Option<String>,
    /// By which means.
    pub means: Option<Means>,
    /// For what.
    pub through: Option<Through>,
    /// The workstation's key, for one that had no name.
    pub instance_jkt: Option<String>,
}

/// The members of an event's details that say where it was.
#[derive(Default, Deserialize)]
struct Said {
    acr: Option<String>,
    workstation: Option<String>,
    reader: Option<String>,
    through: Option<Through>,
    instance_jkt: Option<String>,
}

impl Place {
    /// What an event says of its place.
    pub(super) fn of(event: &EventRecord) -> Self {
        let said: Said = serde_json::from_str(&event.details).unwrap_or_default();
        let kind = ActivityKind::find(&event.kind);
        let is_software = kind == Some(ActivityKind::CardGrantAccepted);
        Self {
            workstation: said.workstation,
            reader: said.reader,
            means: said.acr.as_deref().and_then(Acr::find).and_then(Means::of),
            through: said.through.or(is_software.then_some(Through::Software)),
            instance_jkt: said.instance_jkt,
        }
    }

    /// Whether nothing is known of it.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

impl Means {
    /// What a level says of it; none of a level that is newer than this.
    pub(super) fn of(acr: Acr) -> Option<Self> {
        match acr {
            Acr::CardPin => Some(Self::CardAndPin),
            Acr::CardPinCached => Some(Self::KeptPin),
            Acr::Card => Some(Self::CardAlone),
            Acr::CardUnwatched => Some(Self::WithoutAgent),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use cardea_storage::event::EventRecord;

    use super::{Means, Place, Through};
    use crate::bare_provider::now;

    fn event(kind: &str, details: &str) -> EventRecord {
        EventRecord {
            id: "id".to_owned(),
            kind: kind.to_owned(),
            occurred_at: now(),
            authorization_request_id: None,
            session_id: None,
            sub: Some("sub".to_owned()),
            client_id: None,
            code: None,
            details: details.to_owned(),
        }
    }

    #[test]
    fn an_event_says_itself_where_and_by_which_means_it_was() {
        let place = Place::of(&event(
            "login.accepted",
            r#"{"acr":"urn:cardea:acr:card-pin","instance_jkt":"jkt","workstation":"Comptoir 2",
                "reader":"Reader 00","through":"host","card_rules":"rules"}"#,
        ));
        assert_eq!(place.workstation.as_deref(), Some("Comptoir 2"));
        assert_eq!(place.reader.as_deref(), Some("Reader 00"));
        assert_eq!(place.means, Some(Means::CardAndPin));
        assert_eq!(place.through, Some(Through::Host));
        let software = Place::of(&event("card_grant.accepted", r#"{"acr":"urn:x"}"#));
        assert_eq!(
            (software.means, software.through),
            (None, Some(Through::Software))
        );
        // An older program's event, or one that says nothing of it.
        assert!(Place::of(&event("session.ended", "{}")).is_unknown());
        assert!(Place::of(&event("session.ended", "[]")).is_unknown());
    }
}
