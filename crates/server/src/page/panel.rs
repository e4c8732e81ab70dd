//! What the login page can say: one panel for each state, in both languages.
//!
//! The page's script knows no words. It asks for a panel by the name of a state, or by a code of
//! the agent or of this server, and an unknown code gets the panel of `login.refused`.

mod progress;
mod reach;
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

    /// True where only the support of this service helps, so that the panel says how to reach it.
    pub(crate) fn names_support(&self) -> bool {
        self.state == "card_suspended" || self.state.starts_with("workstation_")
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
        .chain(reach::REACH)
        .chain(workstation::WORKSTATION)
        .chain(refusal::REFUSALS)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::all;

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

    /// A person who is refused learns what to do, in both languages.
    #[test]
    fn every_refusal_of_a_card_has_a_panel() {
        for code in cardea_provider::PublicRefusal::ALL_CODES {
            let panel = all().find(|panel| panel.codes.split_whitespace().any(|it| it == *code));
            let panel = panel.unwrap_or_else(|| panic!("{code} has no panel"));
            assert!(!panel.lines.is_empty(), "{code}");
        }
    }

    /// States that the page's script comes to by itself.
    #[test]
    fn every_state_of_the_script_has_a_panel() {
        let scripts = [
            include_str!("../../static/login/panels.js"),
            include_str!("../../static/login/agent_answer.js"),
            include_str!("../../static/login/network_access.js"),
            include_str!("../../static/login/loopback.js"),
            include_str!("../../static/login/start.js"),
        ];
        let mut states = HashSet::new();
        for script in scripts {
            for before in ["showState(\"", "Standstill(\"", "return \""] {
                let after = script.split(before).skip(1);
                states.extend(after.filter_map(|rest| rest.split('"').next()));
            }
        }
        assert!(states.contains("network_denied") && states.contains("other_program"));
        for state in states {
            assert!(all().any(|panel| panel.state == state), "{state}");
        }
    }

    /// Codes that can end a page's sign-in on the workstation, by the list of all codes.
    #[test]
    fn every_code_of_the_workstation_has_a_panel() {
        // These end a sign-in of a program without a browser, the care of a card, or no sign-in.
        let others = [
            "agent.address_unavailable",
            "agent.business_software_disabled",
            "agent.client_not_allowed",
            "agent.config_invalid",
            "agent.departure_undelivered",
            "agent.file_unsafe",
            "agent.grant_refused",
            "agent.interrupted",
            "agent.not_running",
            "agent.page_unavailable",
            "agent.program_request_invalid",
            "agent.proof_refused",
            "agent.reader_ambiguous",
            "agent.screen_lock_unwatched",
            "agent.session_over",
            "agent.too_many_programs",
            "card.contact_needed",
            "card.new_pin_refused",
            "card.not_on_pin_pad",
            "card.pin_change_uncertain",
            "card.puk_blocked",
            "card.puk_incorrect",
            "card.puk_last_try",
            "card.puk_malformed",
            "card.unblocking_not_offered",
        ];
        let list = include_str!("../../../../docs/errors.md");
        let codes = list
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let known: HashSet<_> = all()
            .flat_map(|panel| panel.codes.split_whitespace())
            .collect();
        for code in codes {
            let ends_logins = ["agent.", "card.", "extension."]
                .iter()
                .any(|part| code.starts_with(part));
            // Said in a window of the agent's own, whatever a page shows.
            let is_of_the_log = code.starts_with("agent.log_");
            let is_enrolment = code.starts_with("agent.issuer_")
                || code.starts_with("agent.enrolment_") && code != "agent.enrolment_mismatch";
            if ends_logins && !is_enrolment && !is_of_the_log && !others.contains(&code) {
                assert!(known.contains(code), "{code} has no panel");
            }
        }
    }

    #[test]
    fn every_agent_state_of_the_protocol_has_a_panel() {
        for state in [
            "insert_card",
            "reader_missing",
            "reader_service_down",
            "choose_card",
            "reader_busy",
            "card_found",
            "pin_asked",
            "pin_on_reader",
            "confirm_asked",
            "pin_incorrect",
            "pin_last_try",
            "signing",
        ] {
            assert!(all().any(|panel| panel.state == state), "{state}");
        }
    }
}
