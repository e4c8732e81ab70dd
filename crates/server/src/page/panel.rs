//! What the login page can say: one panel for each state, in both languages.
//!
//! The page's script knows no words. It asks for a panel by the name of a state, or by a code of
//! the agent or of this server, and an unknown code gets the panel of `login.refused`.

mod progress;
mod refusal;
mod workstation;

use crate::language::{Language, Text};

/// One state of the login page.
#[derive(Debug)]
pub(crate) struct Panel {
    /// Name by which the script asks for it; the agent's own state names are among them.
    pub(crate) state: &'static str,
    /// Codes that lead to this panel, parted by spaces.
    pub(crate) codes: &'static str,
    pub(crate) tone: Tone,
    pub(crate) heading: Text,
    pub(crate) lines: &'static [Text],
    pub(crate) action: Action,
}

/// How a panel looks: colour and symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Busy,
    Card,
    Pin,
    Warning,
    Refused,
    Success,
}

/// The one thing that a person can do on a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing on this page.
    Nothing,
    /// "Sign in with my card".
    SignIn,
    /// "Try again".
    Retry,
}

impl Panel {
    /// True where nothing went wrong, so that support needs no reference.
    pub(crate) fn is_quiet(&self) -> bool {
        self.action == Action::SignIn
    }
}

impl Tone {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Card => "card",
            Self::Pin => "pin",
            Self::Warning => "warning",
            Self::Refused => "refused",
            Self::Success => "success",
        }
    }
}

impl Action {
    pub(crate) fn label(self, language: Language) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::SignIn => Some(SIGN_IN.in_language(language)),
            Self::Retry => Some(RETRY.in_language(language)),
        }
    }
}

pub(crate) const SIGN_IN: Text = Text::new("Sign in with my card", "Me connecter avec ma carte");
pub(crate) const RETRY: Text = Text::new("Try again", "Réessayer");

/// Every panel of the page.
pub(crate) fn all() -> impl Iterator<Item = &'static Panel> {
    progress::PROGRESS
        .iter()
        .chain(workstation::WORKSTATION)
        .chain(refusal::REFUSALS)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::all;
    use crate::problem::Problem;

    #[test]
    fn a_state_or_code_leads_to_one_panel() {
        let mut seen = HashSet::new();
        for panel in all() {
            assert!(seen.insert(panel.state), "{} stands twice", panel.state);
            for code in panel.codes.split_whitespace() {
                assert!(seen.insert(code), "{code} stands twice");
            }
        }
    }

    /// A line that begins with a colon looks like a mistake: the space before it does not break.
    #[test]
    fn french_punctuation_stays_on_its_line() {
        let panels = all().flat_map(|panel| panel.lines.iter().chain([&panel.heading]));
        let problems = Problem::ALL
            .iter()
            .flat_map(|problem| [problem.title(), problem.advice()]);
        for text in panels.copied().chain(problems) {
            for mark in [" :", " ;", " ?", " !"] {
                assert!(!text.fr.contains(mark), "{}", text.fr);
            }
        }
    }

    /// A person who is refused learns what to do, in both languages.
    #[test]
    fn every_refusal_of_a_card_has_a_panel() {
        for code in cardea_provider::PublicRefusal::ALL_CODES {
            let panel = all().find(|panel| panel.codes.split_whitespace().any(|it| it == *code));
            let panel = panel.unwrap_or_else(|| panic!("{code} has no panel"));
            assert!(!panel.lines.is_empty(), "{code}");
        }
    }

    #[test]
    fn every_agent_state_of_the_protocol_has_a_panel() {
        for state in [
            "insert_card",
            "card_found",
            "pin_asked",
            "pin_incorrect",
            "pin_last_try",
            "signing",
        ] {
            assert!(all().any(|panel| panel.state == state), "{state}");
        }
    }
}
