//! Events of the log as lines of a page, a day above those of its day.

use cardea_provider::{ActivityKind, HistoryEntry};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::words::{circumstances, is_marked, sentence};
use crate::language::{Language, Text};
use crate::moment::{written_day, written_time};

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
    pub(crate) fn new(entry: &HistoryEntry, language: Language) -> Self {
        let at = entry.event.occurred_at;
        let (day, time) = (written_day(at, language), written_time(at));
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
pub(crate) fn by_day(entries: &[HistoryEntry], language: Language) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for entry in entries {
        let line = Line::new(entry, language);
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

/// The beginning of a day that a form names, such as `2026-11-30`, in UTC.
pub(crate) fn parse_day(text: &str) -> Option<OffsetDateTime> {
    let mut parts = text.split('-');
    let [year, month, day] = [parts.next()?, parts.next()?, parts.next()?];
    if parts.next().is_some() || [year.len(), month.len(), day.len()] != [4, 2, 2] {
        return None;
    }
    let month = time::Month::try_from(month.parse::<u8>().ok()?).ok()?;
    let date = time::Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
    // Ids hold no moment before this, and none that is much later than any of ours.
    let is_ours = (1970..2500).contains(&date.year());
    is_ours.then(|| date.midnight().assume_utc())
}

pub(crate) const NOT_ME: Text = Text::new("This was not me", "Ce n’était pas moi");

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::parse_day;

    #[test]
    fn days_are_read_as_forms_send_them_and_nothing_else_is() {
        let day = parse_day("2026-11-30");
        assert_eq!(day, Some(datetime!(2026-11-30 00:00 UTC)));
        for bad in [
            "",
            "2026-11",
            "2026-1-3",
            "2026-02-30",
            "1969-12-31",
            "9999-01-01",
            "2026-11-30-1",
            "-026-11-30",
            "20261130",
        ] {
            assert_eq!(parse_day(bad), None, "{bad}");
        }
    }
}
