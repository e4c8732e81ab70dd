//! What a card is called: by its kind, which names nobody.

use crate::language::{Language, Text};

/// Characters of a card's number by which its owner tells it from her others.
const END_CHARACTERS: usize = 4;

/// The end of a card's number: enough for whoever has the card or the list of hers before her, and
/// nothing that a finder could use.
pub(crate) fn end_of_number(number: &str) -> String {
    let written = number.chars().filter(|it| it.is_alphanumeric());
    let mut end: Vec<char> = written.rev().take(END_CHARACTERS).collect();
    end.reverse();
    end.into_iter().collect()
}

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

#[cfg(test)]
mod tests {
    use super::end_of_number;

    #[test]
    fn a_number_s_end_is_four_characters_and_no_more() {
        for (number, end) in [
            ("8000054321", "4321"),
            ("80/A-B1", "0AB1"),
            ("7", "7"),
            ("", ""),
        ] {
            assert_eq!(end_of_number(number), end);
        }
    }
}
