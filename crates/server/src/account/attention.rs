//! "To check": what of the last thirty days deserves her attention.

use askama::Template;
use cardea_provider::AccountSession;

use super::{Section, unavailable};
use crate::activity::lines::Line;
use crate::language::{Language, Text};
use crate::refusal::Refusal;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "account_attention.html")]
struct Attention<'a> {
    language: Language,
    form_token: &'a str,
    lines: Vec<Line>,
    has_more: bool,
}

/// The section.
pub(crate) async fn section(
    state: &AppState,
    session: &AccountSession,
    language: Language,
) -> Result<Section, Refusal> {
    let found = state.provider().own_attention(session).await;
    let found = found.map_err(|error| unavailable(&error))?;
    let moments = state.moments(language);
    let lines = found.entries.iter().map(|it| Line::new(it, &moments));
    let section = Section::render(&Attention {
        language,
        form_token: &session.form_token,
        lines: lines.collect(),
        has_more: found.next.is_some(),
    })?;
    Ok(section.reached_by("attention", HEADING.in_language(language)))
}

impl Attention<'_> {
    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn moment(&self, line: &Line) -> String {
        format!("{}, {}", line.day, line.time)
    }
}

pub(crate) const TO_CHECK: Text = Text::new("to check", "à vérifier");
pub(crate) const HEADING: Text = Text::new("To check", "À vérifier");
const NOTHING: Text = Text::new(
    "Nothing unusual in the last thirty days: no new workstation, no refused use of your card, no \
     stop.",
    "Rien d’inhabituel ces trente derniers jours\u{a0}: aucun nouveau poste, aucune utilisation \
     refusée de votre carte, aucun arrêt.",
);
const MORE: Text = Text::new(
    "There may be more of the last thirty days: look through your history below.",
    "Il peut y en avoir d’autres ces trente derniers jours\u{a0}: parcourez votre historique \
     ci-dessous.",
);
const TOLD: Text = Text::new(
    "New workstations, refused uses of your card and stops of the last thirty days. Was it not \
     you? Say so: your sessions end, and the support of this service is alerted.",
    "Nouveaux postes, utilisations refusées de votre carte et arrêts des trente derniers jours. Ce \
     n’était pas vous\u{a0}? Dites-le\u{a0}: vos sessions sont fermées et l’assistance de ce \
     service est alertée.",
);
