//! The page where anybody suspends a card by its code: asked, told which kind of card it is, done.
//! It names no person, needs no script, no session and no cookie.

use askama::Template;
use time::OffsetDateTime;

use super::card_words::kind;
use crate::language::{Language, Text};
use crate::moment::Moments;

/// The page's address.
pub(crate) const SUSPEND_PATH: &str = "/suspend";

/// Everything that the page shows.
#[derive(Template)]
#[template(path = "suspend.html")]
pub(crate) struct SuspendPage<'a> {
    language: Language,
    moments: Moments,
    step: Step<'a>,
}

/// Where the person stands.
pub(crate) enum Step<'a> {
    /// She is asked for the code, after a mistake perhaps.
    Ask(Option<Mistake>),
    /// The code was right: shall it be done?
    Confirm {
        /// The family of the card.
        family: &'a str,
        /// What the yes must bring back.
        ticket: &'a str,
    },
    /// It is done, now or since before.
    Done {
        /// The family of the card.
        family: &'a str,
        /// Since when.
        since: OffsetDateTime,
    },
}

/// Why she is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// No code looks like this.
    Mistyped,
    /// No card has this code.
    Unknown,
    /// It is wrong as well, after many wrong ones from this address.
    TooOften,
    /// Too many wait to have theirs read.
    Busy,
    /// She waited too long before she said yes.
    TooLate,
}

impl<'a> SuspendPage<'a> {
    pub(crate) fn new(moments: Moments, step: Step<'a>) -> Self {
        Self {
            language: moments.language(),
            moments,
            step,
        }
    }

    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn path(&self) -> &'static str {
        SUSPEND_PATH
    }

    fn switch(&self) -> &'static str {
        self.say(super::SWITCH)
    }

    fn switch_href(&self) -> String {
        format!("{SUSPEND_PATH}?lang={}", self.language.other().tag())
    }

    fn heading(&self) -> &'static str {
        self.say(match &self.step {
            Step::Ask(_) => HEADING,
            Step::Confirm { .. } => CONFIRM_HEADING,
            Step::Done { .. } => DONE_HEADING,
        })
    }

    fn tone(&self) -> &'static str {
        match &self.step {
            Step::Ask(_) => "card",
            Step::Confirm { .. } => "warning",
            Step::Done { .. } => "success",
        }
    }

    fn mistake(&self) -> Option<&'static str> {
        let Step::Ask(mistake) = &self.step else {
            return None;
        };
        let text = match (*mistake)? {
            Mistake::Mistyped => MISTYPED,
            Mistake::Unknown => UNKNOWN,
            Mistake::TooOften => TOO_OFTEN,
            Mistake::Busy => BUSY,
            Mistake::TooLate => TOO_LATE,
        };
        Some(self.say(text))
    }

    fn kind(&self, family: &str) -> String {
        kind(family, self.language)
    }

    fn moment(&self, since: &OffsetDateTime) -> String {
        self.moments.written(*since)
    }
}

const HEADING: Text = Text::new("Card lost or stolen", "Carte perdue ou volée");
const LEAD: Text = Text::new(
    "With the suspension code that you were given for it, you can have a card refused here at \
     once, from any computer or telephone. Nothing else can be done with the code.",
    "Avec le code de suspension reçu pour cette carte, vous pouvez la faire refuser ici \
     immédiatement, depuis n’importe quel ordinateur ou téléphone. Ce code ne permet rien \
     d’autre.",
);
const LABEL: Text = Text::new(
    "Suspension code of the card",
    "Code de suspension de la carte",
);
const HINT: Text = Text::new(
    "16 letters and digits, as on your sheet. Capitals and hyphens do not matter.",
    "16 lettres et chiffres, comme sur votre feuille. Majuscules et tirets sont sans importance.",
);
const NEXT: Text = Text::new("Continue", "Continuer");
const NO_CODE: Text = Text::new(
    "You do not have the code? Call the support of this service: it can suspend your card as well.",
    "Vous n’avez pas le code ? Appelez l’assistance de ce service : elle peut aussi suspendre \
     votre carte.",
);
const MISTYPED: Text = Text::new(
    "There is a typing mistake in this code. Compare it with your sheet, letter by letter: \
    there is \
     no 0, no 1, no I and no O in it.",
    "Il y a une faute de frappe dans ce code. Comparez-le avec votre feuille, caractère par \
     caractère : il ne contient ni 0, ni 1, ni I, ni O.",
);
const UNKNOWN: Text = Text::new(
    "No card has this code. If you were given a newer one since, only that one counts. Else call \
     the support of this service.",
    "Aucune carte ne correspond à ce code. Si vous en avez reçu un plus récent, seul celui-ci \
     est valable. Sinon, appelez l’assistance de ce service.",
);
const TOO_OFTEN: Text = Text::new(
    "No card has this code, and many wrong codes have come from your connection. The right code is \
     still accepted. If you do not have it, call the support of this service: it can suspend your \
     card at once.",
    "Aucune carte ne correspond à ce code, et beaucoup de codes erronés sont venus de votre \
     connexion. Le bon code reste accepté. Si vous ne l’avez pas, appelez l’assistance de ce \
     service : elle peut suspendre votre carte immédiatement.",
);
const BUSY: Text = Text::new(
    "Nothing was suspended: too many codes are being typed just now, and yours was not read. Try \
     again in a few seconds, or with your telephone’s own connection. If it is urgent, call the \
     support of this service: it can suspend your card at once.",
    "Rien n’a été suspendu : trop de codes sont saisis en ce moment et le vôtre n’a pas été lu. \
     Réessayez dans quelques secondes, ou depuis la connexion mobile de votre téléphone. En cas \
     d’urgence, appelez l’assistance de ce service : elle peut suspendre votre carte \
     immédiatement.",
);
const TOO_LATE: Text = Text::new(
    "Nothing was suspended: this page was open for too long. Type the code again.",
    "Rien n’a été suspendu : cette page est restée ouverte trop longtemps. Saisissez à nouveau le \
     code.",
);
const CONFIRM_HEADING: Text = Text::new("Suspend this card?", "Suspendre cette carte ?");
const CONFIRM_KIND: Text = Text::new(
    "The code belongs to a card:",
    "Ce code est celui d’une carte :",
);
const CONFIRM_TOLD: Text = Text::new(
    "As soon as you confirm, it signs nobody in here any more, and whoever is signed in with it is \
     signed out everywhere. Other cards of the same person go on.",
    "Dès que vous confirmez, elle ne connecte plus personne ici, et toute connexion ouverte avec \
     elle est fermée partout. Les autres cartes de la même personne continuent de fonctionner.",
);
const CONFIRM_LIFT: Text = Text::new(
    "The code cannot undo it. Only the support of this service can, once it has checked the \
     identity of the card’s owner.",
    "Le code ne permet pas de revenir en arrière. Seule l’assistance de ce service le peut, après \
     avoir vérifié l’identité du titulaire.",
);
const CONFIRM: Text = Text::new("Suspend the card now", "Suspendre la carte maintenant");
const CANCEL: Text = Text::new("Do nothing", "Ne rien faire");
const DONE_HEADING: Text = Text::new("The card is suspended", "La carte est suspendue");
const DONE_SINCE: Text = Text::new("suspended since", "suspendue depuis le");
const DONE_TOLD: Text = Text::new(
    "It signs nobody in here any more. Everybody who was signed in with it is signed out.",
    "Elle ne connecte plus personne ici. Toutes les connexions ouvertes avec elle sont fermées.",
);
const DONE_NEXT: Text = Text::new("What to do now", "Que faire maintenant");
const DONE_ISSUER: Text = Text::new(
    "Report the loss to the card’s issuer as well: this suspension counts at this service alone, \
     and only the issuer can have the card refused everywhere.",
    "Signalez aussi la perte à l’émetteur de la carte : cette suspension ne vaut que pour ce \
     service, et seul l’émetteur peut faire opposition partout.",
);
const DONE_OTHER: Text = Text::new(
    "If you have another card, or once you have the new one, sign in with it: your account is the \
     same.",
    "Si vous avez une autre carte, ou dès que vous aurez la nouvelle, connectez-vous avec elle : \
     votre compte reste le même.",
);
const DONE_FOUND: Text = Text::new(
    "The card was found? The support of this service lifts the suspension, once it has checked who \
     you are.",
    "La carte est retrouvée ? L’assistance de ce service lève la suspension, après avoir vérifié \
     votre identité.",
);

#[cfg(test)]
mod tests {
    use askama::Template;
    use time::macros::datetime;

    use super::{Mistake, Step, SuspendPage};
    use crate::language::Language;
    use crate::moment::Moments;

    fn html(language: Language, step: Step<'_>) -> String {
        SuspendPage::new(Moments::utc(language), step)
            .render()
            .unwrap()
    }

    #[test]
    fn each_step_says_what_happens_next_in_both_languages() {
        let confirm = || Step::Confirm {
            family: "cps",
            ticket: "ticket",
        };
        let done = || Step::Done {
            family: "cpe",
            since: datetime!(2026-11-28 18:04 UTC),
        };
        let cases = [
            (
                Language::French,
                Step::Ask(None),
                "Code de suspension de la carte",
            ),
            (
                Language::English,
                Step::Ask(None),
                "Suspension code of the card",
            ),
            (
                Language::French,
                Step::Ask(Some(Mistake::Mistyped)),
                "ni 0, ni 1",
            ),
            (
                Language::English,
                Step::Ask(Some(Mistake::Unknown)),
                "No card has this code",
            ),
            (
                Language::English,
                Step::Ask(Some(Mistake::TooOften)),
                "The right code is still accepted",
            ),
            (
                Language::French,
                Step::Ask(Some(Mistake::Busy)),
                "le vôtre n’a pas été lu",
            ),
            (
                Language::French,
                confirm(),
                "CPS (carte de professionnel de santé)",
            ),
            (Language::English, confirm(), "Suspend the card now"),
            (Language::French, done(), "28 novembre 2026 à 18:04 UTC"),
            (
                Language::English,
                done(),
                "CPE (card of an establishment’s staff)",
            ),
        ];
        for (language, step, words) in cases {
            let html = html(language, step);
            assert!(html.contains(words), "{words} is not in {html}");
            assert!(!html.contains("<script"), "{html}");
        }
    }

    #[test]
    fn a_kind_of_card_is_escaped() {
        let step = Step::Confirm {
            family: "<b>",
            ticket: "\"",
        };
        let html = html(Language::French, step);
        assert!(!html.contains("<b>") && !html.contains("<B>"), "{html}");
        assert!(html.contains("&#60;B&#62;"), "{html}");
    }
}
