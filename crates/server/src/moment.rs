//! Moments as people write them.

use time::{Duration, OffsetDateTime, UtcOffset};

use crate::language::{Language, Text};

/// What a page says once whose times are written so: it runs no script that knew the reader's own.
pub(crate) const CLOCK: Text = Text::new(
    "Times are in UTC: in Paris it is one hour later in winter, two in summer.",
    "Les heures sont en temps universel (UTC)\u{a0}: à Paris, il est une heure de plus en hiver, \
     deux en été.",
);

const MONTHS_FR: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Day, month in words, year and time, in UTC.
pub(crate) fn written(moment: OffsetDateTime, language: Language) -> String {
    let at = match language {
        Language::French => " à",
        Language::English => ",",
    };
    let (day, time) = (written_day(moment, language), written_time(moment));
    format!("{day}{at} {time} UTC")
}

/// Hour and minute, in UTC.
pub(crate) fn written_time(moment: OffsetDateTime) -> String {
    let moment = moment.to_offset(UtcOffset::UTC);
    format!("{:02}:{:02}", moment.hour(), moment.minute())
}

/// Day, month in words and year, in UTC.
pub(crate) fn written_day(moment: OffsetDateTime, language: Language) -> String {
    let moment = moment.to_offset(UtcOffset::UTC);
    let months = match language {
        Language::French => MONTHS_FR,
        Language::English => MONTHS_EN,
    };
    let index = usize::from(u8::from(moment.month())).saturating_sub(1);
    let month = months.get(index).copied().unwrap_or_default();
    let day = match (language, moment.day()) {
        (Language::French, 1) => "1er".to_owned(),
        (_, day) => day.to_string(),
    };
    format!("{day} {month} {}", moment.year())
}

/// Whole days from one moment to a later one.
pub(crate) fn days_between(from: OffsetDateTime, to: OffsetDateTime) -> i64 {
    Duration::whole_days(to - from).max(0)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::{days_between, written};
    use crate::language::Language;

    #[test]
    fn a_moment_is_written_as_people_write_it() {
        let moment = datetime!(2026-12-01 09:05:59 UTC);
        assert_eq!(
            written(moment, Language::French),
            "1er décembre 2026 à 09:05 UTC"
        );
        assert_eq!(
            written(moment, Language::English),
            "1 December 2026, 09:05 UTC"
        );
        assert_eq!(days_between(moment, datetime!(2026-12-03 09:05:58 UTC)), 1);
    }
}
