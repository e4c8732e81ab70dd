//! Events of the log as lines of a page, a day above those of its day.

use cardea_provider::{ActivityKind, HistoryEntry};
use time::format_description::well_known::Rfc3339;

use super::words::{circumstances, is_marked, sentence};
use crate::language::Text;
use crate::moment::Moments;

/// The lines of one day.
pub(crate) struct Day {
    pub(crate) label: String,
    pub(crate) lines: Vec<Line>,
}

/// One event.
pub(crate) struct Line {
    /// The event's id, by which she says that it was not she.
    pub(crate) event: String,
    /// For programs: RFC 3339.
    pub(crate) stamp: String,
    pub(crate) day: String,
    pub(crate) time: String,
    pub(crate) sentence: String,
    pub(crate) circumstances: Option<String>,
    pub(crate) is_marked: bool,
    /// Whether it may have been somebody else: not what she, or the support, has said of it since.
    pub(crate) can_be_denied: bool,
    /// The button, for whoever hears it without what stands around it.
    pub(crate) not_me_label: String,
}

impl Line {
    pub(crate) fn new(entry: &HistoryEntry, moments: &Moments) -> Self {
        let language = moments.language();
        let at = entry.event.occurred_at;
        let (day, time) = (moments.day(at), moments.time(at));
        let sentence = sentence(entry, language);
        Self {
            event: entry.event.id.clone(),
            stamp: at.format(&Rfc3339).unwrap_or_default(),
            not_me_label: format!(
                "{} – {day}, {time} – {sentence}",
                NOT_ME.in_language(language)
            ),
            day,
            time,
            sentence,
            circumstances: circumstances(entry, language),
            is_marked: is_marked(entry),
            can_be_denied: can_be_denied(entry.kind),
        }
    }
}

/// Lines in their order, those of one day together.
pub(crate) fn by_day(entries: &[HistoryEntry], moments: &Moments) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for entry in entries {
        let line = Line::new(entry, moments);
        match days.last_mut() {
            Some(day) if day.label == line.day => day.lines.push(line),
            _ => days.push(Day {
                label: line.day.clone(),
                lines: vec![line],
            }),
        }
    }
    days
}

fn can_be_denied(kind: Option<ActivityKind>) -> bool {
    use ActivityKind as K;
    !matches!(
        kind,
        Some(
            K::NotMe
                | K::IncidentOpened
                | K::IncidentTakenUp
                | K::IncidentNoted
                | K::IncidentClosed
                | K::IncidentReported
                | K::ConsoleLookedAt
                | K::CardSuspendedByOperator
                | K::CardResumed
                | K::GuardStopLifted
        )
    )
}

pub(crate) const NOT_ME: Text = Text::new("This was not me", "Ce n’était pas moi");
/// What her word brings about, and what she does then: read before it is given.
pub(crate) const NOT_ME_TOLD: Text = Text::new(
    "At once, your other sessions end everywhere (this one too, if the line is its own), and the \
     support of this service is alerted. You need not call anybody. The next page then lets you \
     suspend your card, take the workstation out and end this session: if your card is not with \
     you, suspend it there.",
    "Aussitôt, vos autres sessions sont fermées partout (celle-ci aussi, si la ligne la concerne) \
     et l’assistance de ce service est alertée. Vous n’avez personne à appeler. La page suivante \
     permet ensuite de suspendre votre carte, de retirer le poste et de fermer cette session. Si \
     vous n’avez pas votre carte avec vous, suspendez-la.",
);
pub(crate) const NOT_ME_SAID: Text = Text::new(
    "It was not me: end my sessions, alert the support",
    "Ce n’était pas moi\u{a0}: fermer mes sessions, alerter l’assistance",
);
