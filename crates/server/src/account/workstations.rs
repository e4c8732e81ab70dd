//! "My workstations": where a person has signed in.

use askama::Template;
use cardea_provider::AccountSession;

use super::Section;
use crate::language::{Language, Text};
use crate::refusal::Refusal;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "account_workstations.html")]
struct Workstations {
    heading: &'static str,
}

/// The section.
pub(crate) async fn section(
    _state: &AppState,
    _session: &AccountSession,
    language: Language,
) -> Result<Section, Refusal> {
    Section::render(&Workstations {
        heading: HEADING.in_language(language),
    })
}

const HEADING: Text = Text::new("My workstations", "Mes postes de travail");
