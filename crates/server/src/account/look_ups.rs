//! "Patients looked up": in her name, by day and by portal, as guards in front of portals' data
//! have reported it.

use askama::Template;
use cardea_provider::{AccountSession, Clock as _, OwnLookUps};
use time::OffsetDateTime;

use super::{Section, unavailable};
use crate::clock::SystemClock;
use crate::language::{Language, Text};
use crate::page::chart::{Bar, BarChart, Limit, number};
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
    let days = state.moments(language).last_days(SystemClock.now(), DAYS);
    let look_ups = state.provider().own_look_ups(session, &days).await;
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
        description: match look_ups.budget {
            Some(budget) => {
                let told = say(AGAINST).replace("{budget}", &number(budget, language));
                format!("{} {told}", say(DESCRIPTION))
            }
            None => say(DESCRIPTION).to_owned(),
        },
        of: say(DAY),
        counted: say(PATIENTS),
        bars: bars
            .map(|it| Bar::new(short(it.day), counted(it.patients)))
            .collect(),
        limit: look_ups.budget.map(|value| Limit {
            value,
            label: say(BUDGET).to_owned(),
        }),
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

    /// What the line across the bars is.
    fn budget_told(&self) -> Option<String> {
        let budget = number(self.look_ups.budget?, self.language);
        Some(self.say(BUDGET_TOLD).replace("{budget}", &budget))
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
const AGAINST: Text = Text::new(
    "A line shows what services expect of a day at most: {budget}.",
    "Un trait indique ce que les services attendent au plus d’une journée\u{a0}: {budget}.",
);
const BUDGET: Text = Text::new("expected at most", "attendu au plus");
const BUDGET_TOLD: Text = Text::new(
    "Beyond {budget} patients a day a service asks for your card again, slows down or stops: that \
     is what the line shows.",
    "Au-delà de {budget} patients par jour, un service redemande votre carte, ralentit ou \
     s’arrête\u{a0}: c’est ce que montre le trait.",
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

#[cfg(test)]
mod tests {
    use cardea_provider::{LookUpsOfPortal, OwnLookUps};
    use cardea_storage::guard_report::DayOfLookUps;
    use time::macros::datetime;

    use super::{LookUps, chart};
    use crate::language::Language;

    fn look_ups(budget: Option<u64>) -> OwnLookUps {
        // As clocks in Martinique show it: the 29th, although it is the 30th in UTC by then.
        let day = |patients| DayOfLookUps {
            day: datetime!(2026-11-29 00:00 -4),
            look_ups: patients,
            writes: 0,
            held_up: 0,
            patients,
        };
        OwnLookUps {
            days: vec![day(4), day(12)],
            by_portal: vec![LookUpsOfPortal {
                portal: "Portail".to_owned(),
                look_ups: 16,
                patients: 12,
            }],
            budget,
        }
    }

    fn html(budget: Option<u64>, language: Language) -> String {
        use askama::Template as _;
        let look_ups = look_ups(budget);
        let section = LookUps {
            language,
            chart: chart(&look_ups, language).html(language),
            look_ups: &look_ups,
        };
        section.render().unwrap()
    }

    #[test]
    fn look_ups_stand_against_the_budget_where_one_is_known() {
        for (language, parts) in [
            (
                Language::English,
                ["expected at most 10", "Beyond 10 patients", "(above)"],
            ),
            (
                Language::French,
                [
                    "attendu au plus 10",
                    "Au-delà de 10 patients",
                    "(au-dessus)",
                ],
            ),
        ] {
            let shown = html(Some(10), language);
            for part in parts {
                assert!(shown.contains(part), "{part} is not in {shown}");
            }
            assert!(shown.contains("<line class=\"limit\""), "{shown}");
            assert!(shown.contains("29/11"), "{shown}");
            let unknown = html(None, language);
            assert!(!unknown.contains("class=\"limit\""), "{unknown}");
            assert!(
                parts.iter().all(|part| !unknown.contains(part)),
                "{unknown}"
            );
        }
    }
}
