//! The days of the simulation: local time, weekends, holidays, the flu season and a bad day.

use time::macros::date;
use time::{Date, Duration, Month, Time, UtcOffset};

/// A Monday, nine days before the vaccination campaign of an autumn. (That of 2025 began on
/// 14 October; the Ministry of Health publishes the date each year.)
const FIRST: Date = date!(2026 - 10 - 05);
const CAMPAIGN: std::ops::Range<u32> = 9..65;

/// One day as a place of care lives it.
#[derive(Clone, Debug)]
pub struct Day {
    /// Days since the simulation's first.
    pub number: u32,
    /// Local midnight, in milliseconds since 1970.
    pub midnight: i64,
    /// 0 is Monday.
    pub weekday: u8,
    /// Whether it is a public holiday of fixed date.
    pub holiday: bool,
    /// How many come, beside a usual day.
    pub demand: f64,
    /// Whether pharmacies vaccinate against influenza.
    pub vaccinating: bool,
}

impl Day {
    /// The day with this number; on the day `epidemic` demand is multiplied as it says.
    #[must_use]
    pub fn new(number: u32, epidemic: Option<(u32, f64)>) -> Self {
        let date = FIRST + Duration::days(i64::from(number));
        let noon = date.with_time(Time::MIDNIGHT) + Duration::hours(12);
        let offset = summer_time(date);
        let midnight = noon.assume_offset(offset).unix_timestamp() - 12 * 3600;
        let extra = match epidemic {
            Some((day, factor)) if day == number => factor,
            Some(_) | None => 1.0,
        };
        Self {
            number,
            midnight: midnight * 1000,
            weekday: date.weekday().number_days_from_monday(),
            holiday: is_holiday(date),
            // Acute infections rise through the autumn: a fifth more patients after six weeks.
            demand: extra * (1.0 + 0.2 * f64::from(number.min(42)) / 42.0),
            vaccinating: CAMPAIGN.contains(&number),
        }
    }

    /// The moment of this hour of the day, which may lie after midnight (26.5 is half past two).
    #[must_use]
    pub fn at(&self, hour: f64) -> i64 {
        self.midnight + super::random::milliseconds(hour * 3600.0)
    }

    /// Whether most people rest: Sunday or a holiday.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.holiday || self.weekday == 6
    }
}

/// Central European (summer) time at noon of the day: from the last Sunday of March to that of
/// October (directive 2000/84/EC).
fn summer_time(date: Date) -> UtcOffset {
    let last_sunday = |month: Month| {
        let last = month.length(date.year());
        (last - 6..=last)
            .filter_map(|day| Date::from_calendar_date(date.year(), month, day).ok())
            .find(|day| day.weekday() == time::Weekday::Sunday)
    };
    let begun = last_sunday(Month::March).is_some_and(|change| date >= change);
    let over = last_sunday(Month::October).is_some_and(|change| date >= change);
    let hours = if begun && !over { 2 } else { 1 };
    UtcOffset::from_hms(hours, 0, 0).unwrap_or(UtcOffset::UTC)
}

/// France's holidays of fixed date (Code du travail, article L3133-1); the movable ones lie in
/// spring, outside most runs.
fn is_holiday(date: Date) -> bool {
    matches!(
        (u8::from(date.month()), date.day()),
        (1 | 5 | 11, 1) | (5, 8) | (7, 14) | (8, 15) | (11, 11) | (12, 25)
    )
}

#[cfg(test)]
mod tests {
    use super::Day;

    #[test]
    fn days_are_24_hours_but_for_the_change_of_the_clock() {
        let length = |number| Day::new(number + 1, None).midnight - Day::new(number, None).midnight;
        assert_eq!(length(3), 86_400_000);
        // Sunday 25 October 2026 has 25 hours, here taken from the night before.
        assert_eq!(length(19) + length(20), 2 * 86_400_000 + 3_600_000);
    }

    #[test]
    fn the_days_have_their_names() {
        assert_eq!(Day::new(0, None).weekday, 0);
        assert!(Day::new(6, None).rests());
        assert!(Day::new(37, None).holiday, "11 November");
        assert!(!Day::new(0, None).vaccinating && Day::new(9, None).vaccinating);
    }

    #[test]
    fn an_epidemic_day_brings_three_times_as_many() {
        let usual = Day::new(31, Some((30, 3.0))).demand;
        assert!(Day::new(30, Some((30, 3.0))).demand > 2.9 * usual);
    }
}
