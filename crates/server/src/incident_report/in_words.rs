//! What the values of a report are called where people read them. Files for programs, and the
//! records, keep their own words.

use super::coverage::Coverage;
use crate::language::{Language, Text};

/// What was asked for, and what the guard answered: `Look-up: let through`.
pub(crate) fn request(kind: &str, answer: &str, language: Language) -> String {
    let kind = match kind {
        "look_up" => Some(Text::new("Look-up", "Consultation")),
        "write" => Some(Text::new("Write", "Écriture")),
        _ => None,
    }
    .map_or(kind, |text| text.in_language(language));
    let colon = COLON.in_language(language);
    format!("{kind}{colon}{}", self::answer(answer, language))
}

/// What a guard's answer is called; a newer guard's stands as it is.
pub(crate) fn answer(word: &str, language: Language) -> &str {
    let text = match word {
        "allow" => Text::new("let through", "autorisée"),
        "step_up" => Text::new("signature asked for", "signature demandée"),
        "slow" => Text::new("slowed down", "ralentie"),
        "stop_session" => Text::new("session stopped", "session arrêtée"),
        "stop_account" => Text::new("account stopped", "compte arrêté"),
        other => return other,
    };
    text.in_language(language)
}

/// What the log says of a look-up.
pub(crate) fn coverage(coverage: Coverage, language: Language) -> &'static str {
    let text = match coverage {
        Coverage::Verified(_) => Text::new("as the log has it", "conforme au journal"),
        Coverage::Waiting => Text::new(
            "on record, not signed yet",
            "inscrite au journal, pas encore signée",
        ),
        Coverage::Changed => Text::new(
            "changed: not as the log has it",
            "modifiée : non conforme au journal",
        ),
        Coverage::Missing => Text::new("its entry is gone", "inscription disparue du journal"),
        Coverage::Unrecorded => Text::new(
            "from before the log had look-ups",
            "antérieure à l’inscription au journal",
        ),
        Coverage::Unchecked => Text::new("not compared yet", "pas encore comparée"),
    };
    text.in_language(language)
}

const COLON: Text = Text::new(": ", "\u{a0}: ");

#[cfg(test)]
mod tests {
    use super::super::coverage::Coverage;
    use super::{answer, coverage, request};
    use crate::language::Language;

    #[test]
    fn no_value_is_shown_by_its_word_on_record() {
        for language in [Language::English, Language::French] {
            for word in ["allow", "step_up", "slow", "stop_session", "stop_account"] {
                let shown = request("look_up", word, language) + &request("write", word, language);
                assert!(!shown.contains('_'), "{shown}");
                assert_ne!(answer(word, language), word);
            }
            for of in [
                Coverage::Verified(1),
                Coverage::Waiting,
                Coverage::Changed,
                Coverage::Missing,
                Coverage::Unrecorded,
                Coverage::Unchecked,
            ] {
                assert_ne!(coverage(of, language), of.as_str());
            }
        }
        let french = request("look_up", "allow", Language::French);
        assert_eq!(french, "Consultation\u{a0}: autorisée");
        // Of a guard that is newer than this program.
        assert_eq!(request("print", "wait", Language::English), "print: wait");
        assert_eq!(answer("wait", Language::French), "wait");
    }
}
