//! The time zone of the pages that people see: whose midnight parts their days, and by whose clocks
//! their times are written. Everything on record, and every file for programs, stays in UTC.
//!
//! Its rules come from the machine's own database (`TZDIR`, `/usr/share/zoneinfo`), so that a
//! change of law needs no new version of this program, and from the one inside this program where
//! the machine has none.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::Deserialize;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// Longest name of a zone, in bytes.
const NAME_BYTES_MAX: usize = 64;
const DEFAULT: &str = "Europe/Paris";

/// A zone that this machine knows the rules of.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PageZone(TimeZone);

impl PageZone {
    /// UTC, for what is no page.
    pub(crate) fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Its name in the IANA's list.
    pub(crate) fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    pub(crate) fn is_utc(&self) -> bool {
        self.0 == TimeZone::UTC
    }

    /// A moment as clocks show it there.
    pub(crate) fn local(&self, moment: OffsetDateTime) -> OffsetDateTime {
        let offset = timestamp(moment).map(|it| self.0.to_offset(it).seconds());
        let offset = offset.and_then(|it| UtcOffset::from_whole_seconds(it).ok());
        // Only moments that no clock of ours shows have none.
        moment
            .checked_to_offset(offset.unwrap_or(UtcOffset::UTC))
            .unwrap_or(moment)
    }

    /// Whether clocks show the same time there twice: in the hour that is put back.
    pub(crate) fn is_repeated(&self, moment: OffsetDateTime) -> bool {
        timestamp(moment).is_some_and(|it| {
            let shown = self.0.to_datetime(it);
            self.0.to_ambiguous_timestamp(shown).is_ambiguous()
        })
    }

    /// The first and the last moment at which clocks there show a time. They differ in the hour
    /// that clocks show twice; around a time that clocks leave out they lie on both of its sides.
    pub(crate) fn moments_of(
        &self,
        shown: PrimitiveDateTime,
    ) -> Option<(OffsetDateTime, OffsetDateTime)> {
        let (hour, minute, second) = shown.as_hms();
        let [hour, minute, second] =
            [hour, minute, second].map(|number| i8::try_from(number).unwrap_or_default());
        let time = Time::new(hour, minute, second, 0).ok()?;
        let moments = self
            .0
            .to_ambiguous_timestamp(civil_date(shown.date())?.to_datetime(time));
        let at = |it: Timestamp| OffsetDateTime::from_unix_timestamp(it.as_second()).ok();
        Some((at(moments.earlier().ok()?)?, at(moments.later().ok()?)?))
    }

    /// The first moment of a day there, as clocks show it: midnight, or what comes after it where
    /// that night's midnight is left out.
    pub(crate) fn start_of(&self, date: time::Date) -> Option<OffsetDateTime> {
        let midnight = civil_date(date)?.to_datetime(Time::midnight());
        let first = self.0.to_ambiguous_timestamp(midnight).compatible().ok()?;
        let first = OffsetDateTime::from_unix_timestamp(first.as_second()).ok()?;
        Some(self.local(first))
    }
}

impl Default for PageZone {
    fn default() -> Self {
        // The database inside the program has it; a machine's own that lacks it is broken.
        Self(TimeZone::get(DEFAULT).unwrap_or(TimeZone::UTC))
    }
}

impl TryFrom<String> for PageZone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let is_plain = name.len() <= NAME_BYTES_MAX;
        let found = is_plain.then(|| TimeZone::get(&name).ok()).flatten();
        // Names without rules, such as Etc/Unknown, are found too.
        let found = found.filter(|it| it.iana_name().is_some());
        found.map(Self).ok_or_else(|| {
            "is no time zone that this machine knows: it must be a name of the IANA's list, such \
             as Europe/Paris, America/Martinique, Indian/Reunion or UTC"
                .to_owned()
        })
    }
}

fn civil_date(date: time::Date) -> Option<Date> {
    let year = i16::try_from(date.year()).ok()?;
    let month = i8::try_from(u8::from(date.month())).ok()?;
    let day = i8::try_from(date.day()).ok()?;
    Date::new(year, month, day).ok()
}

fn timestamp(moment: OffsetDateTime) -> Option<Timestamp> {
    Timestamp::from_second(moment.unix_timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use time::macros::{date, datetime};

    use super::PageZone;

    fn zone(name: &str) -> PageZone {
        PageZone::try_from(name.to_owned()).unwrap()
    }

    #[test]
    fn a_day_begins_at_its_own_midnight_on_both_sides_of_a_change_of_clocks() {
        let cases = [
            // Summer time begins on the 29th and ends on the 25th: 23 hours, and 25.
            (
                "Europe/Paris",
                date!(2026 - 03 - 29),
                datetime!(2026-03-28 23:00 UTC),
            ),
            (
                "Europe/Paris",
                date!(2026 - 03 - 30),
                datetime!(2026-03-29 22:00 UTC),
            ),
            (
                "Europe/Paris",
                date!(2026 - 10 - 25),
                datetime!(2026-10-24 22:00 UTC),
            ),
            (
                "Europe/Paris",
                date!(2026 - 10 - 26),
                datetime!(2026-10-25 23:00 UTC),
            ),
            (
                "America/Martinique",
                date!(2026 - 07 - 01),
                datetime!(2026-07-01 04:00 UTC),
            ),
            (
                "Indian/Reunion",
                date!(2026 - 07 - 01),
                datetime!(2026-06-30 20:00 UTC),
            ),
            (
                "Pacific/Marquesas",
                date!(2026 - 07 - 01),
                datetime!(2026-07-01 09:30 UTC),
            ),
            (
                "UTC",
                date!(2026 - 07 - 01),
                datetime!(2026-07-01 00:00 UTC),
            ),
            // Clocks go from midnight to one o'clock there.
            (
                "America/Santiago",
                date!(2026 - 09 - 06),
                datetime!(2026-09-06 04:00 UTC),
            ),
        ];
        for (name, day, expected) in cases {
            let start = zone(name).start_of(day).unwrap();
            assert_eq!(start, expected, "{name} {day}");
            assert_eq!(start.date(), day, "{name} {day}");
        }
    }

    #[test]
    fn a_moment_is_shown_by_the_clocks_of_its_season() {
        let paris = zone("Europe/Paris");
        let shown = |at: OffsetDateTime| {
            let local = paris.local(at);
            (local.day(), local.hour(), paris.is_repeated(at))
        };
        // Half past midnight in Paris is the day before in UTC.
        assert_eq!(shown(datetime!(2026-11-29 23:30 UTC)), (30, 0, false));
        assert_eq!(shown(datetime!(2026-07-31 22:30 UTC)), (1, 0, false));
        assert_eq!(shown(datetime!(2026-03-29 00:59 UTC)), (29, 1, false));
        assert_eq!(shown(datetime!(2026-03-29 01:00 UTC)), (29, 3, false));
        assert_eq!(shown(datetime!(2026-10-25 00:30 UTC)), (25, 2, true));
        assert_eq!(shown(datetime!(2026-10-25 01:30 UTC)), (25, 2, true));
        assert_eq!(shown(datetime!(2026-10-25 02:00 UTC)), (25, 3, false));
    }

    #[test]
    fn a_time_that_clocks_show_is_one_moment_two_or_lies_between_two() {
        let paris = zone("Europe/Paris");
        for (shown, first, last) in [
            (
                datetime!(2026-11-30 14:05),
                datetime!(2026-11-30 13:05 UTC),
                datetime!(2026-11-30 13:05 UTC),
            ),
            // Shown twice, and left out.
            (
                datetime!(2026-10-25 02:30),
                datetime!(2026-10-25 00:30 UTC),
                datetime!(2026-10-25 01:30 UTC),
            ),
            (
                datetime!(2026-03-29 02:30),
                datetime!(2026-03-29 00:30 UTC),
                datetime!(2026-03-29 01:30 UTC),
            ),
        ] {
            assert_eq!(paris.moments_of(shown), Some((first, last)), "{shown}");
        }
    }

    #[test]
    fn names_are_those_of_the_list() {
        assert_eq!(PageZone::default().name(), "Europe/Paris");
        assert_eq!(zone("europe/paris"), PageZone::default());
        assert!(zone("UTC").is_utc() && !PageZone::default().is_utc());
        for bad in [
            "",
            "Paris",
            "Europe/Lutetia",
            "Etc/Unknown",
            "../../etc/passwd",
            "/usr/share/zoneinfo/Europe/Paris",
            "+01:00",
            &"x".repeat(65),
        ] {
            let refused = PageZone::try_from(bad.to_owned()).unwrap_err();
            assert!(refused.contains("Europe/Paris"), "{bad}: {refused}");
        }
    }
}
