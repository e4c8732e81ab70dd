//! After "it was not me" about refused uses: what is done, and what is left to do.

use askama::Template;
use cardea_provider::{ACCOUNT_PATH, NotMeSaid};

use super::not_me_page::{ended_words, reference_of};
use super::suspend_page::SUSPEND_PATH;
use crate::language::{Language, Text};

/// Everything that the page shows.
#[derive(Template)]
#[template(path = "denied_uses.html")]
pub(crate) struct DeniedUsesPage<'a> {
    language: Language,
    said: &'a NotMeSaid,
    onward: &'a str,
}

impl<'a> DeniedUsesPage<'a> {
    /// `onward` is where the login goes on.
    pub(crate) fn new(language: Language, said: &'a NotMeSaid, onward: &'a str) -> Self {
        Self {
            language,
            said,
            onward,
        }
    }

    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn portal(&self) -> &str {
        super::portal_name(&self.said.client_name, self.language)
    }

    fn ended(&self) -> String {
        ended_words(self.said.sessions_ended, self.language)
    }

    fn reference(&self) -> Option<String> {
        reference_of(&self.said.incident, self.language)
    }

    fn suspend_href(&self) -> String {
        format!("{SUSPEND_PATH}?lang={}", self.language.tag())
    }

    fn account_href(&self) -> String {
        format!("{ACCOUNT_PATH}?lang={}", self.language.tag())
    }
}

const HEADING: Text = Text::new("It is reported", "C’est signalé");
const ALERTED: Text = Text::new(
    "Whoever runs this service is alerted and looks into it. Nobody was let in with your card \
     then. You need not call anybody.",
    "Le responsable de ce service est alerté et l’examine. Personne n’était entré avec votre \
     carte. Vous n’avez personne à appeler.",
);
const NEXT: Text = Text::new("Do this now", "À faire maintenant");
const NEXT_PIN: Text = Text::new(
    "Change the PIN of your card: whoever tried may know it.",
    "Changez le code de votre carte\u{a0}: la personne qui a essayé le connaît peut-être.",
);
const NEXT_LOST: Text = Text::new(
    "Is a card of yours missing? Have it suspended at once:",
    "Il vous manque une carte\u{a0}? Faites-la suspendre aussitôt\u{a0}:",
);
const NEXT_LOST_LINK: Text = Text::new("card lost or stolen", "carte perdue ou volée");
const NEXT_ACCOUNT: Text = Text::new(
    "Look through what was done with your card:",
    "Regardez ce qui a été fait avec votre carte\u{a0}:",
);
const NEXT_ACCOUNT_LINK: Text = Text::new("my account", "mon compte");
const ONWARD: Text = Text::new("Continue to", "Continuer vers");

#[cfg(test)]
mod tests {
    use askama::Template;
    use cardea_provider::NotMeSaid;

    use super::DeniedUsesPage;
    use crate::language::Language;

    #[test]
    fn what_was_done_and_what_to_do_is_said_in_both_languages() {
        for (language, words) in [
            (
                Language::French,
                ["C’est signalé", "2 autres sessions", "personne à appeler"],
            ),
            (
                Language::English,
                [
                    "It is reported",
                    "2 other sessions",
                    "need not call anybody",
                ],
            ),
        ] {
            let said = NotMeSaid {
                incident: "abcdefghijkl".to_owned(),
                sessions_ended: 2,
                ended: Vec::new(),
                is_over: false,
                client_name: "<b>Portail</b>".to_owned(),
            };
            let html = DeniedUsesPage::new(language, &said, "/login/abc/answer")
                .render()
                .unwrap();
            for part in words
                .into_iter()
                .chain(["abcdefgh", "/login/abc/answer", "/account?"])
            {
                assert!(html.contains(part), "{part} is not in {html}");
            }
            assert!(!html.contains("<b>") && !html.contains("<script"), "{html}");
        }
    }
}
