//! What is to be seen of the agent's state: a sign and a sentence.

use crate::language::Language;
use crate::own_status::Standing;

/// What the icon shows, and what the menu offers because of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Face {
    pub(super) sign: Sign,
    /// How many sessions last.
    pub(super) sessions: usize,
}

/// One of the icon's pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// The readers cannot be seen.
    Unavailable,
    /// There is no reader.
    NoReader,
    /// A reader is there and no card.
    NoCard,
    /// A card is in a reader.
    CardIn,
    /// At least one session was opened with the card.
    SignedIn,
    /// Nobody is in front of the screen.
    Locked,
}

impl Face {
    pub(super) fn of(standing: &Standing) -> Self {
        let sessions = standing.sessions.len();
        let sign = match standing.status.card.as_str() {
            _ if standing.screen_locked => Sign::Locked,
            _ if sessions > 0 => Sign::SignedIn,
            "present" => Sign::CardIn,
            "absent" => Sign::NoCard,
            _ if standing.readers_unavailable.is_some() => Sign::Unavailable,
            _ => Sign::NoReader,
        };
        Self { sign, sessions }
    }

    /// In one sentence.
    pub(super) fn words(&self, language: Language) -> String {
        let (french, english) = match (self.sign, self.sessions) {
            (Sign::Unavailable, _) => (
                "Lecteur de cartes inaccessible",
                "The card reader cannot be reached",
            ),
            (Sign::NoReader, _) => ("Aucun lecteur de cartes", "No card reader"),
            (Sign::NoCard, _) => ("Aucune carte insérée", "No card is inserted"),
            (Sign::CardIn, _) => (
                "Carte insérée, aucune session ouverte",
                "Card inserted, no session open",
            ),
            (Sign::Locked, _) => ("Écran verrouillé", "The screen is locked"),
            (Sign::SignedIn, 1) => (
                "Connecté avec la carte\u{a0}: une session ouverte",
                "Signed in with the card: one session open",
            ),
            (Sign::SignedIn, sessions) => {
                return match language {
                    Language::French => {
                        format!("Connecté avec la carte\u{a0}: {sessions} sessions ouvertes")
                    }
                    Language::English => {
                        format!("Signed in with the card: {sessions} sessions open")
                    }
                };
            }
        };
        match language {
            Language::French => french.to_owned(),
            Language::English => english.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local_api::Status;
    use crate::presence::SessionStatus;

    fn standing(card: &str, sessions: usize) -> Standing {
        let session = SessionStatus {
            issuer: "Émetteur".to_owned(),
            portal: Some("Portail".to_owned()),
            seconds: 60,
        };
        Standing {
            status: Status {
                version: "1".to_owned(),
                state: "ready".to_owned(),
                card: card.to_owned(),
            },
            readers_unavailable: None,
            screen_locked: false,
            sessions: vec![session; sessions],
        }
    }

    #[test]
    fn what_matters_most_is_shown() {
        let sign = |standing: &Standing| Face::of(standing).sign;
        assert_eq!(sign(&standing("no_reader", 0)), Sign::NoReader);
        assert_eq!(sign(&standing("absent", 0)), Sign::NoCard);
        assert_eq!(sign(&standing("present", 0)), Sign::CardIn);
        assert_eq!(sign(&standing("present", 1)), Sign::SignedIn);
        let mut locked = standing("present", 1);
        locked.screen_locked = true;
        assert_eq!(sign(&locked), Sign::Locked);
        let mut down = standing("no_reader", 0);
        down.readers_unavailable = Some("card.reader_service_unavailable".to_owned());
        assert_eq!(sign(&down), Sign::Unavailable);
    }

    #[test]
    fn time_alone_changes_nothing_and_no_name_is_shown() {
        let (mut earlier, mut later) = (standing("present", 2), standing("present", 2));
        earlier.sessions[0].seconds = 1;
        later.sessions[0].seconds = 900;
        assert_eq!(Face::of(&earlier), Face::of(&later));
        for language in [Language::French, Language::English] {
            let words = Face::of(&later).words(language);
            assert!(words.contains('2') && !words.contains("Portail"), "{words}");
        }
    }
}
