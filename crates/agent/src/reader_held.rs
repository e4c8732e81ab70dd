//! What to tell a person whose reader another program holds: which one, and what to do.

use std::collections::BTreeSet;

use cardea_card::ProgramAtReader;

use crate::display_text::for_display;
use crate::language::Language;

/// Most programs that are named.
const NAMES_MAX: usize = 4;

impl Language {
    /// The advice that names the programs. The service does not tell which of them holds the card.
    pub(crate) fn reader_held_advice(self, programs: &[ProgramAtReader]) -> String {
        let named: BTreeSet<String> = programs
            .iter()
            .filter(|program| program.own_user)
            .filter_map(|program| program.name.as_deref().map(for_display))
            .filter(|name| !name.is_empty())
            .collect();
        let mut holders: Vec<String> = named.into_iter().take(NAMES_MAX).collect();
        if programs.iter().any(|program| !program.own_user) {
            holders.push(match self {
                Self::French => "un programme d’un autre utilisateur".to_owned(),
                Self::English => "a program of another user".to_owned(),
            });
        }
        let holders = holders.join(", ");
        match (self, holders.is_empty()) {
            (Self::French, false) => format!(
                "Utilisent le lecteur en ce moment : {holders}. Terminez ou fermez ce qui est en \
                 cours dans ce logiciel, puis recommencez ; sinon, retirez la carte et remettez-la."
            ),
            (Self::English, false) => format!(
                "Using the reader now: {holders}. Finish or close what is under way in that \
                 program, then start again; else pull the card and put it back."
            ),
            (Self::French, true) => "Fermez le logiciel qui utilise la carte, puis recommencez ; \
                sinon, retirez la carte et remettez-la."
                .to_owned(),
            (Self::English, true) => "Close the program that uses the card, then start again; \
                else pull the card and put it back."
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: Option<&str>, own_user: bool) -> ProgramAtReader {
        ProgramAtReader {
            pid: None,
            name: name.map(str::to_owned),
            own_user,
        }
    }

    #[test]
    fn programs_of_this_user_are_named_and_others_are_called_so() {
        let programs = [
            program(Some("lgpi"), true),
            program(Some("lgpi"), true),
            program(Some("secret"), false),
            program(None, true),
        ];
        let french = Language::French.reader_held_advice(&programs);
        assert!(french.contains(": lgpi, un programme d’un autre utilisateur."));
        let english = Language::English.reader_held_advice(&programs);
        assert!(english.contains(": lgpi, a program of another user."));
        assert!(!english.contains("secret"));
        for language in [Language::French, Language::English] {
            let nobody_known = language.reader_held_advice(&[]);
            assert!(nobody_known.ends_with('.') && !nobody_known.contains(':'));
        }
    }

    #[test]
    fn a_name_made_to_mislead_is_shown_as_a_name_only() {
        let programs = [program(Some("a\u{202E}b\nType your PIN"), true)];
        let advice = Language::English.reader_held_advice(&programs);
        assert!(!advice.contains('\n') && !advice.contains('\u{202E}'));
    }
}
