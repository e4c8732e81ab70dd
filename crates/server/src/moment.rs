//! Moments as people write them: in the reader's language, by the clocks of the pages' zone.
//!
//! A page that shows a time is given [`Moments`], and says once whose clocks those are: by
//! `{{ language|crate::moment::clock }}` in its template. What is no page is in UTC
//! ([`Moments::utc`]), and says so at each time.

#![expect(
    unreachable_pub,
    reason = "the filter's type, made by askama, is always `pub`"
)]

use std::any::Any;

use askama::Values;
use time::{Date, Duration, Month, OffsetDateTime, PrimitiveDateTime};

use crate::language::{Language, Text};
use crate::time_zone::PageZone;

/// The key under which [`crate::page::render`] hands on the pages' zone.
pub(crate) const ZONE: &str = "time_zone";

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

/// How one reader is told moments.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    language: Language,
    zone: PageZone,
}

/// The first moment of a day, and that of the day after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DaySpan {
    pub(crate) from: OffsetDateTime,
    pub(crate) until: OffsetDateTime,
}

impl Moments {
    pub(crate) fn new(language: Language, zone: &PageZone) -> Self {
        Self {
            language,
            zone: zone.clone(),
        }
    }

    /// For what is no page.
    pub(crate) fn utc(language: Language) -> Self {
        Self::new(language, &PageZone::utc())
    }

    pub(crate) fn language(&self) -> Language {
        self.language
    }

    /// Day, month in words, year and time.
    pub(crate) fn written(&self, moment: OffsetDateTime) -> String {
        let at = match self.language {
            Language::French => " à",
            Language::English => ",",
        };
        let (day, time) = (self.day(moment), self.time(moment));
        let of_zone = if self.zone.is_utc() { " UTC" } else { "" };
        format!("{day}{at} {time}{of_zone}")
    }

    /// Hour and minute. In the hour that clocks show twice, the distance from UTC as well.
    pub(crate) fn time(&self, moment: OffsetDateTime) -> String {
        let local = self.zone.local(moment);
        let time = format!("{:02}:{:02}", local.hour(), local.minute());
        match self.zone.is_repeated(moment) {
            true => format!("{time} (UTC{})", distance(local)),
            false => time,
        }
    }

    /// Day and time to the second, short enough for a column: `2026-11-30 14:05:33`, out of the
    /// milliseconds that guards report. In the hour that clocks show twice, the distance from UTC
    /// as well.
    pub(crate) fn to_the_second(&self, milliseconds: i64) -> String {
        let moment = OffsetDateTime::from_unix_timestamp(milliseconds.div_euclid(1_000));
        let Ok(moment) = moment else {
            return milliseconds.to_string();
        };
        let (day, local) = (self.short_day(moment), self.zone.local(moment));
        let (hour, minute, second) = (local.hour(), local.minute(), local.second());
        let time = format!("{day} {hour:02}:{minute:02}:{second:02}");
        match self.zone.is_repeated(moment) {
            true => format!("{time} (UTC{})", distance(local)),
            false => time,
        }
    }

    /// The same of a moment of our own.
    pub(crate) fn second_of(&self, moment: OffsetDateTime) -> String {
        self.to_the_second(moment.unix_timestamp().saturating_mul(1_000))
    }

    /// As a field of a form has it, `2026-11-30T14:05`.
    pub(crate) fn in_field(&self, moment: OffsetDateTime) -> String {
        let local = self.zone.local(moment);
        let (hour, minute) = (local.hour(), local.minute());
        format!("{}T{hour:02}:{minute:02}", self.short_day(moment))
    }

    /// The first and the last moment at which clocks show a time ([`PageZone::moments_of`]).
    pub(crate) fn moments_of(
        &self,
        shown: PrimitiveDateTime,
    ) -> Option<(OffsetDateTime, OffsetDateTime)> {
        self.zone.moments_of(shown)
    }

    /// Day, month in words and year.
    pub(crate) fn day(&self, moment: OffsetDateTime) -> String {
        let local = self.zone.local(moment);
        let months = match self.language {
            Language::French => MONTHS_FR,
            Language::English => MONTHS_EN,
        };
        let index = usize::from(u8::from(local.month())).saturating_sub(1);
        let month = months.get(index).copied().unwrap_or_default();
        let day = match (self.language, local.day()) {
            (Language::French, 1) => "1er".to_owned(),
            (_, day) => day.to_string(),
        };
        format!("{day} {month} {}", local.year())
    }

    /// The day as dates are written in names of files.
    pub(crate) fn short_day(&self, moment: OffsetDateTime) -> String {
        let local = self.zone.local(moment);
        let (month, day) = (u8::from(local.month()), local.day());
        format!("{:04}-{month:02}-{day:02}", local.year())
    }

    pub(crate) fn is_same_day(&self, one: OffsetDateTime, other: OffsetDateTime) -> bool {
        self.zone.local(one).date() == self.zone.local(other).date()
    }

    /// A day that a form names, such as `2026-11-30`.
    pub(crate) fn parse_day(&self, text: &str) -> Option<DaySpan> {
        let mut parts = text.split('-');
        let [year, month, day] = [parts.next()?, parts.next()?, parts.next()?];
        if parts.next().is_some() || [year.len(), month.len(), day.len()] != [4, 2, 2] {
            return None;
        }
        let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
        let date = Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
        // Ids hold no moment before this, and none that is much later than any of ours.
        if !(1971..2500).contains(&date.year()) {
            return None;
        }
        Some(DaySpan {
            from: self.zone.start_of(date)?,
            until: self.zone.start_of(date.next_day()?)?,
        })
    }

    /// The last days, the one of `now` included, the oldest first: each one's first moment, as
    /// clocks show it, and at the end that of the day after them.
    pub(crate) fn last_days(&self, now: OffsetDateTime, count: u32) -> Vec<OffsetDateTime> {
        let today = self.zone.local(now).date();
        let ago = (0..=i64::from(count)).rev();
        let dates = ago.filter_map(|ago| today.checked_sub(Duration::days(ago - 1)));
        dates.filter_map(|date| self.zone.start_of(date)).collect()
    }

    /// Whose clocks times are by, in a sentence.
    pub(crate) fn clock(&self) -> String {
        clock_of(self.language, &self.zone)
    }

    /// The zone's name, for what has no room for a sentence.
    pub(crate) fn zone_name(&self) -> &str {
        self.zone.name()
    }
}

/// What a page says once whose times are written so: it runs no script that knew the reader's own.
#[askama::filter_fn]
pub(crate) fn clock(language: &Language, values: &dyn Values) -> askama::Result<String> {
    let zone = values.get_value(ZONE);
    let zone = zone.and_then(<dyn Any>::downcast_ref::<PageZone>);
    let utc = PageZone::utc();
    Ok(clock_of(*language, zone.unwrap_or(&utc)))
}

fn clock_of(language: Language, zone: &PageZone) -> String {
    let text = if zone.is_utc() { IN_UTC } else { LOCAL };
    text.in_language(language).replace("{zone}", zone.name())
}

/// How far clocks are from UTC: `+2`, or `-9:30`.
fn distance(local: OffsetDateTime) -> String {
    let (hours, minutes, _) = local.offset().as_hms();
    match minutes.unsigned_abs() {
        0 => format!("{hours:+}"),
        minutes => format!("{hours:+}:{minutes:02}"),
    }
}

/// Whole days from one moment to a later one.
pub(crate) fn days_between(from: OffsetDateTime, to: OffsetDateTime) -> i64 {
    Duration::whole_days(to - from).max(0)
}

const IN_UTC: Text = Text::new(
    "Times are in UTC: in Paris it is one hour later in winter, two in summer.",
    "Les heures sont en temps universel (UTC)\u{a0}: à Paris, il est une heure de plus en hiver, \
     deux en été.",
);
const LOCAL: Text = Text::new(
    "Times are local times (time zone {zone}).",
    "Les heures sont des heures locales (fuseau horaire {zone}).",
);

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::{DaySpan, Moments, days_between};
    use crate::language::Language;
    use crate::time_zone::PageZone;

    fn moments(language: Language, zone: &str) -> Moments {
        Moments::new(language, &PageZone::try_from(zone.to_owned()).unwrap())
    }

    #[test]
    fn a_moment_is_written_as_people_write_it() {
        let moment = datetime!(2026-12-01 09:05:59 UTC);
        let utc = Moments::utc(Language::French);
        assert_eq!(utc.written(moment), "1er décembre 2026 à 09:05 UTC");
        let utc = Moments::utc(Language::English);
        assert_eq!(utc.written(moment), "1 December 2026, 09:05 UTC");
        assert_eq!(days_between(moment, datetime!(2026-12-03 09:05:58 UTC)), 1);
    }

    #[test]
    fn half_past_midnight_in_paris_stands_under_its_own_day() {
        let paris = moments(Language::French, "Europe/Paris");
        let winter = datetime!(2026-11-30 23:30 UTC);
        assert_eq!(paris.written(winter), "1er décembre 2026 à 00:30");
        assert!(!paris.is_same_day(winter, datetime!(2026-11-30 22:59 UTC)));
        let span = paris.parse_day("2026-12-01").unwrap();
        assert!(span.from <= winter && winter < span.until);
        let martinique = moments(Language::English, "America/Martinique");
        assert_eq!(martinique.written(winter), "30 November 2026, 19:30");
    }

    #[test]
    fn the_hour_that_clocks_show_twice_is_told_apart() {
        let paris = moments(Language::English, "Europe/Paris");
        let first = datetime!(2026-10-25 00:30 UTC);
        assert_eq!(paris.time(first), "02:30 (UTC+2)");
        assert_eq!(paris.time(datetime!(2026-10-25 01:30 UTC)), "02:30 (UTC+1)");
        assert_eq!(paris.time(datetime!(2026-10-25 02:30 UTC)), "03:30");
        let second = |moment| paris.second_of(moment);
        assert_eq!(second(first), "2026-10-25 02:30:00 (UTC+2)");
        let last = datetime!(2026-10-25 01:30:59 UTC);
        assert_eq!(second(last), "2026-10-25 02:30:59 (UTC+1)");
        assert_eq!(
            paris.to_the_second(1_774_740_600_999),
            "2026-03-29 00:30:00"
        );
        assert_eq!(paris.to_the_second(i64::MAX), i64::MAX.to_string());
        assert_eq!(paris.in_field(first), "2026-10-25T02:30");
        assert!(paris.clock().contains("Europe/Paris"));
        assert!(Moments::utc(Language::French).clock().contains("UTC"));
    }

    #[test]
    fn days_are_read_as_forms_send_them_and_nothing_else_is() {
        let utc = Moments::utc(Language::French);
        let day = DaySpan {
            from: datetime!(2026-11-30 00:00 UTC),
            until: datetime!(2026-12-01 00:00 UTC),
        };
        assert_eq!(utc.parse_day("2026-11-30"), Some(day));
        // 23 hours, and 25.
        let paris = moments(Language::French, "Europe/Paris");
        for (day, hours) in [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)] {
            let span = paris.parse_day(day).unwrap();
            assert_eq!((span.until - span.from).whole_hours(), hours, "{day}");
        }
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
            assert_eq!(utc.parse_day(bad), None, "{bad}");
            assert_eq!(paris.parse_day(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_last_days_follow_each_other_over_a_change_of_clocks() {
        let paris = moments(Language::French, "Europe/Paris");
        let days = paris.last_days(datetime!(2026-10-25 23:30 UTC), 3);
        let expected = [
            datetime!(2026-10-23 22:00 UTC),
            datetime!(2026-10-24 22:00 UTC),
            datetime!(2026-10-25 23:00 UTC),
            datetime!(2026-10-26 23:00 UTC),
        ];
        assert_eq!(days, expected);
        // As clocks show them.
        let numbers: Vec<_> = days.iter().map(|day| day.day()).collect();
        assert_eq!(numbers, [24, 25, 26, 27]);
    }
}
