//! What a card is called: by its kind, which names nobody.

use crate::language::{Language, Text};

/// The kind of a card in words; families of which nothing is known keep their name.
pub(crate) fn kind(family: &str, language: Language) -> String {
    let text = match family {
        "cps" => Text::new(
            "CPS (health professional’s card)",
            "CPS (carte de professionnel de santé)",
        ),
        "cpf" => Text::new(
            "CPF (card of a professional in training)",
            "CPF (carte de professionnel en formation)",
        ),
        "cpe" => Text::new(
            "CPE (card of an establishment’s staff)",
            "CPE (carte de personnel d’établissement)",
        ),
        "cpa" => Text::new(
            "CPA (card of authorised staff)",
            "CPA (carte de personnel autorisé)",
        ),
        other => return other.to_uppercase(),
    };
    text.in_language(language).to_owned()
}
