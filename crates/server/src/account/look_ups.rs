//! "Patients looked up": in her name, by day and by portal, as guards in front of portals' data
//! have reported it.

use askama::Template;
use cardea_provider::{AccountSession, OwnLookUps};
use time::OffsetDateTime;

use super::{Section, unavailable};
use crate::language::{Language, Text};
use crate::page::chart::{Bar, BarChart};
use crate::page::portal_name;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Days that the chart shows.
const DAYS: u32 = 14;

#[derive(Template)]
#[template(path = "account_look_ups.html")]
struct LookUps<'a> {
    language: Language,
    look_ups: &'a OwnLookUps,
    chart: String,
}

/// The section; none where no guard has reported anything of her.
pub(crate) async fn section(
    state: &AppState,
    session: &AccountSession,
    language: Language,
) -> Result<Option<Section>, Refusal> {
    let look_ups = state.provider().own_look_ups(session, DAYS).await;
    let look_ups = look_ups.map_err(|error| unavailable(&error))?;
    if look_ups.by_portal.is_empty() && look_ups.days.iter().all(|it| it.held_up == 0) {
        return Ok(None);
    }
    let section = Section::render(&LookUps {
        language,
        chart: chart(&look_ups, language).html(language),
        look_ups: &look_ups,
    })?;
    let heading = HEADING.in_language(language);
    Ok(Some(section.reached_by("look-ups", heading)))
}

fn chart(look_ups: &OwnLookUps, language: Language) -> BarChart {
    let say = |text: Text| text.in_language(language);
    let counted = |count: i64| u64::try_from(count).unwrap_or(0);
    let bars = look_ups.days.iter();
    BarChart {
        title: say(CHART).to_owned(),
        description: say(DESCRIPTION).to_owned(),
        of: say(DAY),
        counted: say(PATIENTS),
        bars: bars
            .map(|it| Bar::new(short(it.day), counted(it.patients)))
            .collect(),
        limit: None,
    }
}

/// Day and month, as both languages write them short enough.
fn short(day: OffsetDateTime) -> String {
    format!("{:02}/{:02}", day.day(), u8::from(day.month()))
}

impl LookUps<'_> {
    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn portal<'a>(&self, name: &'a str) -> &'a str {
        portal_name(name, self.language)
    }

    fn held_up(&self) -> i64 {
        self.look_ups.days.iter().map(|it| it.held_up).sum()
    }
}

const HEADING: Text = Text::new("Patients looked up", "Patients consultés");
const TOLD: Text = Text::new(
    "In your name, in the last two weeks, as the portals’ services report it. Who they were only \
     the portal knows.",
    "En votre nom, ces deux dernières semaines, selon les services des portails. Seul le portail \
     sait de quels patients il s’agit.",
);
const CHART: Text = Text::new("Patients by day", "Patients par jour");
const DESCRIPTION: Text = Text::new(
    "Bar chart: how many different patients were looked up in your name on each of the last \
     fourteen days. The same numbers stand in the table below.",
    "Diagramme en barres\u{a0}: nombre de patients différents consultés en votre nom pour chacun \
     des quatorze derniers jours. Les mêmes nombres figurent dans le tableau ci-dessous.",
);
const DAY: Text = Text::new("Day (day/month)", "Jour");
const BY_PORTAL: Text = Text::new("By portal", "Par portail");
const PORTAL: Text = Text::new("Portal", "Portail");
const LOOK_UPS: Text = Text::new("Look-ups", "Consultations");
const PATIENTS: Text = Text::new("Patients", "Patients");
const HELD_UP: Text = Text::new(
    "Requests that a service stopped or made wait:",
    "Demandes qu’un service a arrêtées ou fait attendre\u{a0}:",
);
