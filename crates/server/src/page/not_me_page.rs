//! After "this was not me" on a line of the account page: what is done, what happens next, and the
//! buttons for what she may have done at once.

use askama::Template;
use cardea_provider::{ACCOUNT_PATH, NotMe, NotMeCard, NotMeThen};

use super::card_words::kind;
use super::suspend_page::SUSPEND_PATH;
use crate::language::{Language, Text};
use crate::moment::Moments;

/// Letters of an incident's id that people read to each other.
const REFERENCE_LETTERS: usize = 8;

/// Everything that the page shows.
#[derive(Template)]
#[template(path = "not_me.html")]
pub(crate) struct NotMePage<'a> {
    language: Language,
    moments: Moments,
    event: &'a str,
    form_token: &'a str,
    said: &'a NotMe,
    then: &'a NotMeThen,
}

impl<'a> NotMePage<'a> {
    /// `event` is the line, which the buttons name again.
    pub(crate) fn new(
        moments: Moments,
        (event, form_token): (&'a str, &'a str),
        said: &'a NotMe,
        then: &'a NotMeThen,
    ) -> Self {
        Self {
            language: moments.language(),
            moments,
            event,
            form_token,
            said,
            then,
        }
    }

    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    /// What was done just now, one sentence a line.
    fn done(&self) -> Vec<String> {
        let when = self.moments.written(self.said.occurred_at);
        let mut done = vec![
            format!("{} {when}.", self.say(LINE)),
            self.say(ALERTED).to_owned(),
            ended_words(self.others_ended(), self.language),
        ];
        match self.then {
            NotMeThen::SuspendCard(_) => done.push(self.say(CARD_DONE).to_owned()),
            NotMeThen::RevokeWorkstation => done.push(self.say(WORKSTATION_DONE).to_owned()),
            NotMeThen::Nothing | NotMeThen::EndThisSession => {}
        }
        if self.said.is_over {
            done.push(self.say(OVER).to_owned());
        }
        done
    }

    /// Without the one that she sits in.
    fn others_ended(&self) -> usize {
        let own = usize::from(self.said.is_over);
        self.said.sessions_ended.saturating_sub(own)
    }

    /// The cards that she can have suspended right here.
    fn cards(&self) -> Vec<&NotMeCard> {
        let may = self.said.is_known_here && !self.said.is_over;
        let cards = self.said.cards.iter();
        cards.filter(|card| may && !card.is_suspended).collect()
    }

    fn name(&self, card: &NotMeCard) -> String {
        format!("{} {}", kind(&card.family, self.language), card.number)
    }

    fn told(&self, card: &NotMeCard) -> &'static str {
        self.say(match card.is_this_one {
            true => SUSPEND_THIS_TOLD,
            false => SUSPEND_TOLD,
        })
    }

    /// Whether the workstation of the line can be taken out right here.
    fn can_revoke(&self) -> bool {
        let may = self.said.is_known_here && !self.said.is_over;
        let workstation = self.said.workstation.as_ref();
        may && workstation.is_some_and(|it| !it.is_this_one && !it.is_revoked)
    }

    fn workstation_name(&self) -> Option<&str> {
        let workstation = self.said.workstation.as_ref()?;
        workstation.name.as_deref()
    }

    fn pin_told(&self) -> &'static str {
        self.say(match self.said.was_pin_used {
            true => NEXT_PIN,
            false => NEXT_PIN_MAYBE,
        })
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

    fn action(&self) -> String {
        format!("/account/not-me?lang={}", self.language.tag())
    }
}

/// How many of her sessions were ended.
pub(super) fn ended_words(count: usize, language: Language) -> String {
    let text = match count {
        0 => NONE_ENDED,
        1 => ONE_ENDED,
        _ => SOME_ENDED,
    };
    let words = text.in_language(language);
    words.replace("{count}", &count.to_string())
}

/// How an incident is named when people speak of it.
pub(super) fn reference_of(incident: &str, language: Language) -> Option<String> {
    let short: String = incident.chars().take(REFERENCE_LETTERS).collect();
    let words = REFERENCE.in_language(language);
    (!short.is_empty()).then(|| format!("{words} {short}"))
}

const HEADING: Text = Text::new("It is reported", "C’est signalé");
const LINE: Text = Text::new(
    "You said that it was not you on",
    "Vous avez dit que ce n’était pas vous, le",
);
const ALERTED: Text = Text::new(
    "Whoever runs this service is alerted and looks into it. You need not call anybody; if \
     anything is to be asked, you are called.",
    "Le responsable de ce service est alerté et l’examine. Vous n’avez personne à appeler\u{a0}; \
     s’il y a une question, on vous contactera.",
);
const NONE_ENDED: Text = Text::new(
    "You had no other session open.",
    "Vous n’aviez aucune autre session ouverte.",
);
const ONE_ENDED: Text = Text::new(
    "1 other session of yours was ended, and its portals are told.",
    "1 autre session à votre nom a été fermée, et ses portails sont prévenus.",
);
const SOME_ENDED: Text = Text::new(
    "{count} other sessions of yours were ended, and their portals are told.",
    "{count} autres sessions à votre nom ont été fermées, et leurs portails sont prévenus.",
);
const CARD_DONE: Text = Text::new(
    "The card is suspended: it signs nobody in here any more. Report it to its issuer as well.",
    "La carte est suspendue\u{a0}: elle ne connecte plus personne ici. Prévenez aussi son \
     émetteur.",
);
const WORKSTATION_DONE: Text = Text::new(
    "The workstation is taken out: your card signs nobody in there any more.",
    "Le poste est retiré\u{a0}: votre carte n’y connecte plus personne.",
);
const OVER: Text = Text::new(
    "This session is over as well: take your card out. You see this page again once you sign in to \
     your account anew.",
    "Cette session est fermée aussi\u{a0}: retirez votre carte. Vous retrouverez cette page en \
     vous reconnectant à votre compte.",
);
const NEXT: Text = Text::new("What else you can do", "Ce que vous pouvez faire d’autre");
const NEXT_PIN: Text = Text::new(
    "Change the PIN of your card: whoever used it knows it.",
    "Changez le code de votre carte\u{a0}: la personne qui s’en est servie le connaît.",
);
const NEXT_PIN_MAYBE: Text = Text::new(
    "If somebody else may know the PIN of your card, change it.",
    "Si quelqu’un d’autre connaît peut-être le code de votre carte, changez-le.",
);
const SUSPEND: Text = Text::new("Suspend this card now", "Suspendre cette carte maintenant");
const SUSPEND_TOLD: Text = Text::new(
    "It then signs nobody in here. Only the support of this service can lift it.",
    "Elle ne connectera plus personne ici. Seule l’assistance de ce service peut lever la \
     suspension.",
);
const SUSPEND_THIS_TOLD: Text = Text::new(
    "It is the card in the reader: you are signed out here too, and sign in with another card. \
     Only the support of this service can lift it.",
    "C’est la carte dans le lecteur\u{a0}: vous serez aussi déconnecté ici, et vous vous \
     connecterez avec une autre carte. Seule l’assistance de ce service peut lever la suspension.",
);
const REVOKE: Text = Text::new("Take this workstation out", "Retirer ce poste");
const REVOKE_TOLD: Text = Text::new(
    "Your card then signs nobody in there.",
    "Votre carte n’y connectera plus personne.",
);
const WORKSTATION: Text = Text::new("Workstation", "Poste");
const END_THIS: Text = Text::new("End this session as well", "Fermer aussi cette session");
const END_THIS_TOLD: Text = Text::new(
    "This one goes on so that you can look through your account. End it if you doubt this \
     workstation.",
    "Elle reste ouverte pour que vous puissiez consulter votre compte. Fermez-la si vous doutez de \
     ce poste.",
);
const ELSEWHERE: Text = Text::new(
    "From this workstation, which you have not confirmed as yours, no card is suspended and \
     nothing taken out by this page. With its suspension code a card is suspended from anywhere:",
    "Depuis ce poste, que vous n’avez pas confirmé comme le vôtre, cette page ne suspend aucune \
     carte et ne retire rien. Avec son code de suspension, une carte se suspend de partout\u{a0}:",
);
const LOST_LINK: Text = Text::new("card lost or stolen", "carte perdue ou volée");
const BACK: Text = Text::new("Back to my account", "Retour à mon compte");
const REFERENCE: Text = Text::new(
    "Reference of this report:",
    "Référence de ce signalement\u{a0}:",
);

#[cfg(test)]
mod tests {
    use askama::Template;
    use cardea_provider::{NotMe, NotMeCard, NotMeThen, NotMeWorkstation};
    use time::macros::datetime;

    use super::NotMePage;
    use crate::language::Language;
    use crate::moment::Moments;

    fn said() -> NotMe {
        let card = |id: &str, is_this_one| NotMeCard {
            id: id.to_owned(),
            family: "CPS".to_owned(),
            number: "2800000001".to_owned(),
            is_this_one,
            is_suspended: false,
        };
        NotMe {
            incident: "abcdefghijkl".to_owned(),
            occurred_at: datetime!(2026-11-29 18:04 UTC),
            was_pin_used: true,
            sessions_ended: 2,
            ended: Vec::new(),
            is_over: false,
            cards: vec![card("own", true), card("other", false)],
            workstation: Some(NotMeWorkstation {
                name: Some("<b>Inconnu</b>".to_owned()),
                is_this_one: false,
                is_revoked: false,
            }),
            is_known_here: true,
        }
    }

    fn page(language: Language, said: &NotMe, then: &NotMeThen) -> String {
        NotMePage::new(Moments::utc(language), ("event-id", "token"), said, then)
            .render()
            .unwrap()
    }

    #[test]
    fn what_was_done_is_said_and_what_she_may_do_is_one_button_each() {
        for (language, words) in [
            (
                Language::French,
                [
                    "C’est signalé",
                    "2 autres sessions",
                    "personne à appeler",
                    "Retirer ce poste",
                ],
            ),
            (
                Language::English,
                [
                    "It is reported",
                    "2 other sessions",
                    "need not call",
                    "Take this workstation out",
                ],
            ),
        ] {
            let html = page(language, &said(), &NotMeThen::Nothing);
            for part in words {
                assert!(html.contains(part), "{part} is not in {html}");
            }
            assert_eq!(html.matches("value=\"suspend_card\"").count(), 2, "{html}");
            assert!(html.contains("value=\"end_this\""), "{html}");
            assert!(!html.contains("<b>") && !html.contains("<script"), "{html}");
        }
    }

    #[test]
    fn nobody_is_said_to_know_a_pin_that_the_line_does_not_tell_of() {
        let knows = "whoever used it knows it";
        let html = page(Language::English, &said(), &NotMeThen::Nothing);
        assert!(html.contains(knows), "{html}");
        let refused = NotMe {
            was_pin_used: false,
            ..said()
        };
        let html = page(Language::English, &refused, &NotMeThen::Nothing);
        assert!(!html.contains(knows) && html.contains("may know"), "{html}");
    }

    #[test]
    fn where_she_is_not_known_nothing_is_shut_from_the_page() {
        let elsewhere = NotMe {
            is_known_here: false,
            ..said()
        };
        let html = page(Language::English, &elsewhere, &NotMeThen::Nothing);
        assert!(
            !html.contains("suspend_card") && !html.contains("revoke_"),
            "{html}"
        );
        assert!(html.contains("/suspend?lang=en"), "{html}");
    }

    #[test]
    fn a_session_that_is_over_has_no_button_left() {
        let over = NotMe {
            is_over: true,
            ..said()
        };
        let html = page(Language::English, &over, &NotMeThen::EndThisSession);
        assert!(!html.contains("<button"), "{html}");
        for part in [
            "1 other session",
            "This session is over",
            "/account?lang=en",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }
}
