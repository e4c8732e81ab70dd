//! What the prompts of `cardea-agent card` say.

use cardea_card::{CardCertificate, PinWeakness};

use super::{Remark, person};
use crate::display_text::for_display;
use crate::language::Language;

/// A card as these prompts show it: names fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShownCard {
    /// Its kind.
    pub(crate) kind: String,
    /// Whose it is.
    pub(crate) person: String,
}

impl ShownCard {
    /// From the certificate that logs in, and what the backend calls the card.
    pub(crate) fn new(certificate: &CardCertificate, card_name: &str) -> Self {
        let holder = certificate.holder();
        Self {
            kind: match holder.card_family {
                Some(family) => family.as_str().to_owned(),
                None => for_display(card_name),
            },
            person: person(holder),
        }
    }
}

/// What is being done to the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// The PIN is changed by who knows it.
    ChangePin,
    /// A new PIN by the unblocking code.
    Unblock,
}

/// What is to be typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The PIN so far.
    OldPin,
    /// The unblocking code.
    Puk,
    /// The PIN from now on.
    NewPin,
    /// The same once more.
    NewPinAgain,
}

/// Why something is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CareRemark {
    /// About the old PIN, as at a login; also for a new PIN that is none.
    Pin(Remark),
    /// The card refused the unblocking code.
    PukIncorrect {
        /// Tries left, where the card tells.
        tries_left: Option<u8>,
    },
    /// What was typed cannot be an unblocking code.
    PukMalformed,
    /// The two new PINs differ.
    Mismatch,
    /// The new PIN is too easy to guess.
    Weak(PinWeakness),
    /// The card itself does not take it.
    RefusedByCard,
}

impl Language {
    /// Above the field: what is done, to whose card, and what is to be typed now.
    pub(crate) fn care_description(
        self,
        care: Care,
        card: &ShownCard,
        entry: Entry,
        tries_left: Option<u8>,
    ) -> String {
        let title = self.care_title(care);
        let card = self.shown_card(card);
        let tries = self.tries_line(tries_left);
        let (french, english) = match entry {
            Entry::OldPin => ("Saisissez le code ACTUEL.", "Type the CURRENT PIN."),
            Entry::Puk => (
                "Saisissez le code de déblocage, qui est dans le courrier de l’émetteur.",
                "Type the unblocking code, which is in the issuer's letter.",
            ),
            Entry::NewPin => (
                "Choisissez un NOUVEAU code de 4 à 8 chiffres.",
                "Choose a NEW PIN of 4 to 8 digits.",
            ),
            Entry::NewPinAgain => (
                "Saisissez le NOUVEAU code une seconde fois.",
                "Type the NEW PIN a second time.",
            ),
        };
        let wanted = self.either(french, english);
        format!("{title}\n\n{card}{tries}\n\n{wanted}")
    }

    /// Beside the field.
    pub(crate) fn entry_label(self, entry: Entry) -> &'static str {
        match entry {
            Entry::OldPin => self.either("Code actuel :", "Current PIN:"),
            Entry::Puk => self.either("Code de déblocage :", "Unblocking code:"),
            Entry::NewPin => self.either("Nouveau code :", "New PIN:"),
            Entry::NewPinAgain => self.either("Nouveau code, encore :", "New PIN again:"),
        }
    }

    /// In red, when something is asked again.
    pub(crate) fn care_remark(self, remark: CareRemark) -> String {
        let (french, english) = match remark {
            CareRemark::Pin(remark) => return self.remark(remark),
            CareRemark::PukIncorrect { tries_left } => {
                let tries = self.tries_line(tries_left);
                let wrong = self.either("Code de déblocage faux.", "Wrong unblocking code.");
                return format!("{wrong}{}", tries.replace('\n', " "));
            }
            CareRemark::PukMalformed => (
                "Un code de déblocage a 6 à 8 caractères. Aucun essai n’a été utilisé.",
                "An unblocking code has 6 to 8 characters. No try was used.",
            ),
            CareRemark::Mismatch => (
                "Les deux saisies sont différentes. Aucun essai n’a été utilisé.",
                "The two entries differ. No try was used.",
            ),
            CareRemark::Weak(PinWeakness::OneDigit) => (
                "Trop facile à deviner : un seul chiffre répété, comme 0000.",
                "Too easy to guess: one digit repeated, such as 0000.",
            ),
            CareRemark::Weak(PinWeakness::InSequence) => (
                "Trop facile à deviner : des chiffres qui se suivent, comme 1234.",
                "Too easy to guess: digits in sequence, such as 1234.",
            ),
            CareRemark::Weak(PinWeakness::SameAsOld) => (
                "C’est le code actuel ; choisissez-en un autre.",
                "That is the current PIN; choose another one.",
            ),
            CareRemark::RefusedByCard => (
                "La carte n’accepte pas ce code ; essayez-en un plus long.",
                "The card does not take this PIN; try a longer one.",
            ),
        };
        self.either(french, english).to_owned()
    }

    /// Asked before the PIN's last try.
    pub(crate) fn old_pin_last_try(self, card: &ShownCard) -> String {
        let card = self.shown_card(card);
        let (french, english) = (
            "Attention : il ne reste qu’UN essai. Si le code actuel est faux, la carte sera \
             bloquée et il faudra son code de déblocage.\n\nContinuer ?",
            "Warning: only ONE try is left. If the current PIN is wrong, the card will be blocked \
             and its unblocking code will be needed.\n\nGo on?",
        );
        format!("{card}\n\n{}", self.either(french, english))
    }

    /// Asked before a try of the unblocking code that is the last one, or may be.
    pub(crate) fn puk_last_try(self, card: &ShownCard, tries_left: Option<u8>) -> String {
        let card = self.shown_card(card);
        let (french, english) = match tries_left {
            Some(_) => (
                "Attention : il ne reste qu’UN essai du code de déblocage.",
                "Warning: only ONE try of the unblocking code is left.",
            ),
            None => (
                "La carte ne dit pas combien d’essais restent au code de déblocage.",
                "The card does not tell how many tries its unblocking code has left.",
            ),
        };
        let (french_end, english_end) = (
            "Après trop d’erreurs, plus rien ne débloque la carte : il faudra la remplacer. \
             Ayez le courrier de l’émetteur sous les yeux.\n\nContinuer ?",
            "After too many errors nothing unblocks the card any more: it must be replaced. \
             Have the issuer's letter before you.\n\nGo on?",
        );
        let (what, end) = (
            self.either(french, english),
            self.either(french_end, english_end),
        );
        format!("{card}\n\n{what} {end}")
    }

    fn care_title(self, care: Care) -> &'static str {
        match care {
            Care::ChangePin => self.either("Changer le code de la carte", "Change the card's PIN"),
            Care::Unblock => self.either("Débloquer la carte", "Unblock the card"),
        }
    }

    fn shown_card(self, card: &ShownCard) -> String {
        let ShownCard { kind, person } = card;
        match self {
            Self::French => format!("Carte {kind} : {person}"),
            Self::English => format!("Card {kind}: {person}"),
        }
    }

    /// The text of this language.
    pub(crate) fn either(self, french: &'static str, english: &'static str) -> &'static str {
        match self {
            Self::French => french,
            Self::English => english,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_fits_a_line_of_the_protocol() {
        let widest = for_display(&"%".repeat(500));
        let card = ShownCard {
            kind: widest.clone(),
            person: widest,
        };
        for language in [Language::French, Language::English] {
            let entries = [Entry::OldPin, Entry::Puk, Entry::NewPin, Entry::NewPinAgain];
            let mut texts: Vec<String> = [Care::ChangePin, Care::Unblock]
                .into_iter()
                .flat_map(|care| entries.map(|entry| (care, entry)))
                .map(|(care, entry)| language.care_description(care, &card, entry, Some(3)))
                .collect();
            texts.push(language.old_pin_last_try(&card));
            texts.push(language.puk_last_try(&card, Some(1)));
            texts.push(language.puk_last_try(&card, None));
            for text in texts {
                let encoded = text.replace('%', "%25").replace('\n', "%0A");
                assert!(encoded.len() <= 980, "{}: {text}", encoded.len());
            }
        }
    }

    #[test]
    fn tries_of_the_unblocking_code_are_told_in_one_line() {
        let told = |language: Language, tries_left| {
            language.care_remark(CareRemark::PukIncorrect { tries_left })
        };
        let text = told(Language::English, Some(2));
        assert_eq!(text, "Wrong unblocking code. Tries left: 2");
        assert_eq!(told(Language::French, None), "Code de déblocage faux.");
    }
}
