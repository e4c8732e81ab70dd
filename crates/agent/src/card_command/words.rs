//! What `cardea-agent card` says at its end.

use crate::Error;
use crate::language::Language;
use crate::prompt_text::Care;

/// One sentence about a failure. Where a prompt's words speak of a sign-in, these do not.
pub(super) fn title(error: &Error, language: Language) -> &'static str {
    let (french, english) = match error {
        Error::PromptCancelled | Error::LastTryDeclined => (
            "Vous avez annulé ; le code de la carte n’a pas changé.",
            "You cancelled; the card's PIN has not changed.",
        ),
        Error::PromptTimedOut => (
            "Rien n’a été saisi à temps ; le code de la carte n’a pas changé.",
            "Nothing was typed in time; the card's PIN has not changed.",
        ),
        Error::Interrupted => (
            "La commande a été interrompue ; le code de la carte n’a pas changé.",
            "The command was stopped; the card's PIN has not changed.",
        ),
        Error::TooManyEntries => (
            "Trop de saisies ; le code de la carte n’a pas changé.",
            "Too many entries; the card's PIN has not changed.",
        ),
        Error::Busy => (
            "Une connexion est en cours sur ce poste ; terminez-la d’abord.",
            "A sign-in is under way on this workstation; finish it first.",
        ),
        _ => return error.title(language),
    };
    language.either(french, english)
}

/// How many tries the unblocking code has left, where this failure says so.
pub(super) fn puk_tries_left(error: &Error) -> Option<u8> {
    match error {
        Error::Card(cardea_card::Error::PukIncorrect { tries_left }) => *tries_left,
        Error::Card(cardea_card::Error::PukBlocked) => Some(0),
        _ => None,
    }
}

/// That it is done.
pub(super) fn done(care: Care, still_verified: bool, language: Language) -> String {
    let (french, english) = match care {
        Care::ChangePin => (
            "Le code de la carte est changé.",
            "The card's PIN is changed.",
        ),
        Care::Unblock => (
            "La carte est débloquée, et son nouveau code est en place.",
            "The card is unblocked, and its new PIN is in place.",
        ),
    };
    let (french_doubt, english_doubt) = (
        "\nRetirez la carte un instant : d’autres logiciels peuvent l’utiliser sans code \
         jusque-là.",
        "\nPull the card out for a moment: until then other programs can use it without a PIN.",
    );
    let doubt = if still_verified {
        language.either(french_doubt, english_doubt)
    } else {
        ""
    };
    format!("{}{doubt}\n", language.either(french, english))
}
