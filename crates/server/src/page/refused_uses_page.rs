//! Between a login and the portal: uses of a person's card that were refused, and two buttons.

use askama::Template;
use cardea_provider::{RefusedUseNotice, RefusedUses};

use crate::language::{Language, Text};
use crate::moment::Moments;

/// Everything that the page shows.
#[derive(Template)]
#[template(path = "refused_uses.html")]
pub(crate) struct RefusedUsesPage<'a> {
    language: Language,
    moments: Moments,
    refused: &'a RefusedUses,
    action: &'a str,
}

impl<'a> RefusedUsesPage<'a> {
    /// `path` is the page's own address, where its form goes too.
    pub(crate) fn new(moments: Moments, path: &'a str, refused: &'a RefusedUses) -> Self {
        Self {
            language: moments.language(),
            moments,
            refused,
            action: path,
        }
    }

    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn switch(&self) -> &'static str {
        self.say(super::SWITCH)
    }

    fn portal(&self) -> &str {
        super::portal_name(&self.refused.client_name, self.language)
    }

    /// When, for which portal, where, and how often.
    fn line(&self, refused: &RefusedUseNotice) -> String {
        let (open, close) = match self.language {
            Language::French => ("«\u{a0}", "\u{a0}»"),
            Language::English => ("“", "”"),
        };
        let mut line = self.moments.written(refused.first_at);
        if let Some(client) = &refused.client_name {
            let portal = super::portal_name(client, self.language);
            line.push_str(&format!(", {} {portal}", self.say(FOR)));
        }
        let place = match (refused.is_mixed, refused.is_here, &refused.workstation) {
            (true, ..) => self.say(SEVERAL).to_owned(),
            (_, true, _) => self.say(HERE).to_owned(),
            (_, false, Some(name)) => format!("{} {open}{name}{close}", self.say(NAMED)),
            (_, false, None) => self.say(ELSEWHERE).to_owned(),
        };
        line.push_str(&format!(", {place}"));
        if refused.uses > 1 {
            let last = self.moments.written(refused.last_at);
            let often = self
                .say(OFTEN)
                .replace("{count}", &refused.uses.to_string());
            line.push_str(&often.replace("{last}", &last));
        }
        line
    }

    fn why(&self, refused: &RefusedUseNotice) -> &'static str {
        self.say(reason(&refused.code))
    }
}

/// Why a use was refused, as a person reads it; each word of the login page has one.
pub(crate) fn reason(code: &str) -> Text {
    match code {
        "login.card_revoked" => CARD_REVOKED,
        "login.card_suspended" => CARD_SUSPENDED,
        "login.card_expired" => CARD_EXPIRED,
        "login.revocation_unavailable" => REVOCATION_UNAVAILABLE,
        "login.workstation_not_known"
        | "login.workstation_not_managed"
        | "login.workstation_revoked" => WORKSTATION,
        _ => NOT_ACCEPTED,
    }
}

const PORTAL: Text = Text::new("You are signing in to", "Vous vous connectez à");
const TITLE: Text = Text::new(
    "Your card was refused. Was it you?",
    "Votre carte a été refusée. Était-ce vous\u{a0}?",
);
const TOLD: Text = Text::new(
    "Somebody who had your card in a reader tried to sign in, and nobody was let in:",
    "Quelqu’un, avec votre carte dans un lecteur, a tenté de se connecter\u{a0}; personne n’est \
     entré\u{a0}:",
);
const FOR: Text = Text::new("for", "pour");
const HERE: Text = Text::new("at this very workstation", "sur ce poste-ci");
const NAMED: Text = Text::new(
    "at a workstation that calls itself",
    "sur un poste qui se nomme",
);
const ELSEWHERE: Text = Text::new("at another workstation", "sur un autre poste");
const SEVERAL: Text = Text::new("at several workstations", "sur plusieurs postes");
const OFTEN: Text = Text::new(
    ", {count} times that day, last on {last}",
    ", {count} fois ce jour-là, la dernière le {last}",
);
const CARD_REVOKED: Text = Text::new(
    "The card’s issuer has revoked it.",
    "L’émetteur de la carte l’a révoquée.",
);
const CARD_SUSPENDED: Text = Text::new(
    "The card is suspended at this service.",
    "La carte est suspendue auprès de ce service.",
);
const CARD_EXPIRED: Text = Text::new("The card has expired.", "La carte est expirée.");
const REVOCATION_UNAVAILABLE: Text = Text::new(
    "It could not be found out whether the card was revoked; the card is not at fault.",
    "Il n’a pas été possible de savoir si la carte était révoquée\u{a0}; la carte n’est pas en \
     cause.",
);
const WORKSTATION: Text = Text::new(
    "The workstation is not let in.",
    "Le poste de travail n’est pas autorisé.",
);
const NOT_ACCEPTED: Text = Text::new(
    "The portal does not let this card in, or asks for its PIN to be typed.",
    "Le portail n’accepte pas cette carte, ou demande la saisie de son code.",
);
const CONFIRM: Text = Text::new("It was me – continue", "C’était moi – continuer");
const DENY: Text = Text::new("It was not me", "Ce n’était pas moi");
const OTHERWISE: Text = Text::new(
    "If it was not you, say so: whoever runs this service is alerted at once, your other sessions \
     are ended, and the next page says what to do. You need not call anybody.",
    "Si ce n’était pas vous, dites-le\u{a0}: le responsable de ce service est alerté aussitôt, vos \
     autres sessions sont fermées, et la page suivante vous dira quoi faire. Vous n’avez personne \
     à appeler.",
);
const AGAIN: Text = Text::new(
    "Until you answer, you are asked again at each sign-in.",
    "Tant que vous ne répondez pas, la question revient à chaque connexion.",
);

#[cfg(test)]
mod tests {
    use askama::Template;
    use cardea_provider::{PublicRefusal, RefusedUseNotice, RefusedUses};
    use time::macros::datetime;

    use super::RefusedUsesPage;
    use crate::language::Language;
    use crate::moment::Moments;

    fn refused(code: &str, uses: i64) -> RefusedUseNotice {
        RefusedUseNotice {
            code: code.to_owned(),
            client_name: Some("<b>Portail</b>".to_owned()),
            workstation: Some("<b>Inconnu</b>".to_owned()),
            is_here: false,
            is_mixed: false,
            uses,
            first_at: datetime!(2026-11-29 18:04 UTC),
            last_at: datetime!(2026-11-29 19:00 UTC),
        }
    }

    fn page(language: Language, uses: Vec<RefusedUseNotice>) -> String {
        let refused = RefusedUses {
            uses,
            client_name: "Portail".to_owned(),
            shown: "digest".to_owned(),
            ui_locales: None,
            form_action: "https://portal.example.test".to_owned(),
        };
        RefusedUsesPage::new(Moments::utc(language), "/refused-uses/abc", &refused)
            .render()
            .unwrap()
    }

    #[test]
    fn each_refused_use_is_told_with_when_where_and_why_in_both_languages() {
        for (language, words) in [
            (
                Language::French,
                [
                    "29 novembre 2026 à 18:04 UTC, pour &#60;b&#62;Portail",
                    "sur un poste qui se nomme «\u{a0}&#60;b&#62;Inconnu",
                    "3 fois ce jour-là, la dernière le 29 novembre 2026 à 19:00",
                    "La carte est suspendue",
                    "C’était moi – continuer",
                ],
            ),
            (
                Language::English,
                [
                    "29 November 2026, 18:04 UTC, for &#60;b&#62;Portail",
                    "at a workstation that calls itself “&#60;b&#62;Inconnu",
                    "3 times that day, last on 29 November 2026, 19:00",
                    "The card is suspended",
                    "It was me – continue",
                ],
            ),
        ] {
            let html = page(language, vec![refused("login.card_suspended", 3)]);
            for part in words {
                assert!(html.contains(part), "{part} is not in {html}");
            }
            assert!(html.contains(r#"name="answer" value="not_me""#), "{html}");
            assert!(!html.contains("<b>") && !html.contains("<script"), "{html}");
            // What to do if it was not her stands before the button that she presses in a hurry.
            let otherwise = html.find("class=\"support\"").or(html.find("<strong>"));
            assert!(otherwise < html.find("<button"), "{html}");
        }
    }

    #[test]
    fn every_word_of_the_login_page_has_a_reason() {
        for code in PublicRefusal::ALL_CODES {
            let html = page(Language::English, vec![refused(code, 1)]);
            assert!(!html.contains("times that day"), "{html}");
            assert!(html.contains("<small>"), "{code}: {html}");
        }
    }
}
