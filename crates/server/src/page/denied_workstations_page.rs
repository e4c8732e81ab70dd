//! After "it was not me": what is done, and what is left to do for whoever's card was used.

use askama::Template;
use cardea_provider::DeniedWorkstations;

use super::suspend_page::SUSPEND_PATH;
use crate::language::{Language, Text};

/// Everything that the page shows.
#[derive(Template)]
#[template(path = "denied_workstations.html")]
pub(crate) struct DeniedWorkstationsPage<'a> {
    language: Language,
    denied: &'a DeniedWorkstations,
    onward: &'a str,
}

impl<'a> DeniedWorkstationsPage<'a> {
    /// `onward` is where the login goes on, if it does.
    pub(crate) fn new(language: Language, denied: &'a DeniedWorkstations, onward: &'a str) -> Self {
        Self {
            language,
            denied,
            onward,
        }
    }

    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn portal(&self) -> &str {
        super::portal_name(&self.denied.client_name, self.language)
    }

    fn heading(&self) -> &'static str {
        self.say(match self.denied.is_over {
            true => OVER_HEADING,
            false => HEADING,
        })
    }

    fn done(&self) -> &'static str {
        self.say(match self.denied.is_over {
            true => OVER,
            false => DONE,
        })
    }

    fn reference(&self) -> Option<String> {
        super::not_me_page::reference_of(&self.denied.incident, self.language)
    }

    fn suspend_href(&self) -> String {
        format!("{SUSPEND_PATH}?lang={}", self.language.tag())
    }
}

const HEADING: Text = Text::new(
    "The workstation is taken out",
    "Le poste de travail est retiré",
);
const DONE: Text = Text::new(
    "Your card signs nobody in there any more, and your sessions there are over. But whoever used \
     it knows its PIN, and can go on at another workstation.",
    "Votre carte n’y connecte plus personne, et vos sessions y sont fermées. Mais la personne qui \
     s’en est servie connaît le code, et peut continuer sur un autre poste.",
);
const OVER_HEADING: Text = Text::new(
    "Your sessions here are over",
    "Vos sessions sur ce poste sont fermées",
);
const OVER: Text = Text::new(
    "Somebody used your card at this very workstation before you. Take your card out, and do not \
     use it here any more. You take this workstation out from another one of yours, on your \
     account page.",
    "Quelqu’un s’est servi de votre carte sur ce poste même, avant vous. Retirez votre carte et ne \
     vous en servez plus ici. Ce poste se retire depuis un autre des vôtres, sur la page \
     « Mon compte ».",
);
const NEXT: Text = Text::new("Do this now", "À faire maintenant");
const NEXT_PIN: Text = Text::new(
    "Change the PIN of your card.",
    "Changez le code de votre carte.",
);
const NEXT_LOST: Text = Text::new(
    "Is a card of yours missing? Have it suspended at once:",
    "Il vous manque une carte ? Faites-la suspendre aussitôt :",
);
const NEXT_LOST_LINK: Text = Text::new("card lost or stolen", "carte perdue ou volée");
const NEXT_SUPPORT: Text = Text::new(
    "Whoever runs this service is alerted and looks into it. You need not call anybody.",
    "Le responsable de ce service est alerté et l’examine. Vous n’avez personne à appeler.",
);
const ONWARD: Text = Text::new("Continue to", "Continuer vers");

#[cfg(test)]
mod tests {
    use askama::Template;
    use cardea_provider::DeniedWorkstations;

    use super::DeniedWorkstationsPage;
    use crate::language::Language;

    fn page(language: Language, is_over: bool) -> String {
        let denied = DeniedWorkstations {
            ended: Vec::new(),
            is_over,
            client_name: "<b>Portail</b>".to_owned(),
            incident: "abcdefghijkl".to_owned(),
        };
        DeniedWorkstationsPage::new(language, &denied, "/login/abc/answer")
            .render()
            .unwrap()
    }

    #[test]
    fn what_to_do_next_is_said_in_both_languages_with_the_way_to_suspend() {
        for (language, words) in [
            (
                Language::French,
                ["est retiré", "/suspend?lang=fr", "Changez le code"],
            ),
            (
                Language::English,
                ["is taken out", "/suspend?lang=en", "Change the PIN"],
            ),
        ] {
            let html = page(language, false);
            for part in words {
                assert!(html.contains(part), "{part} is not in {html}");
            }
            assert!(html.contains("/login/abc/answer"), "{html}");
            assert!(html.contains(" abcdefgh<"), "{html}");
            assert!(!html.contains("<b>") && !html.contains("<script"), "{html}");
        }
    }

    #[test]
    fn a_login_that_is_over_leads_nowhere() {
        for language in [Language::French, Language::English] {
            let html = page(language, true);
            assert!(!html.contains("/login/abc/answer"), "{html}");
        }
    }
}
