//! Where and when an account works.

use serde::{Deserialize, Serialize};

use crate::act::number_of;

/// Places that are remembered.
const PLACES: usize = 4;
/// Two acts within this time at two places are at the same time.
const SAME_TIME_MS: i64 = 10 * 60_000;
/// Days after which an hour or a place is new again.
pub(crate) const FORGOTTEN_DAYS: u32 = 28;

/// The places and the hours of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Places {
    places: [Place; PLACES],
    /// For each hour of the day (UTC), the day it was last worked in: good until the year 2149.
    hours: [u16; 24],
    first_day: u32,
    current: u8,
    /// Changes between a place that is new today and another, each within minutes.
    changes: u8,
    changes_day: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    source: u64,
    first_day: u32,
    last_at: i64,
}

impl Places {
    /// Notes an act.
    pub(crate) fn note(&mut self, source: &str, at: i64, day: u32) {
        if self.first_day == 0 {
            self.first_day = day;
        }
        if let Some(hour) = self.hours.get_mut(hour_of(at)) {
            *hour = u16::try_from(day).unwrap_or(u16::MAX);
        }
        if source.is_empty() {
            return;
        }
        let source = number_of(source.as_bytes());
        let previous = self.places.get(usize::from(self.current)).copied();
        let found = self.places.iter().position(|place| place.source == source);
        let index = found.unwrap_or_else(|| self.oldest());
        let is_new = found.is_none();
        if let Some(place) = self.places.get_mut(index) {
            let is_forgotten = at - place.last_at > i64::from(FORGOTTEN_DAYS) * 86_400_000;
            if is_new || is_forgotten {
                *place = Place {
                    source,
                    first_day: day,
                    last_at: at,
                };
            }
            place.last_at = at;
            let first_day = place.first_day;
            self.note_change(
                previous.filter(|it| it.source != source),
                first_day,
                at,
                day,
            );
        }
        self.current = u8::try_from(index).unwrap_or(0);
    }

    fn note_change(&mut self, left: Option<Place>, first_day: u32, at: i64, day: u32) {
        if self.changes_day != day {
            self.changes_day = day;
            self.changes = 0;
        }
        let Some(left) = left.filter(|left| left.last_at > 0) else {
            return;
        };
        let is_same_time = at - left.last_at < SAME_TIME_MS;
        let is_new_place = (first_day == day) != (left.first_day == day);
        if is_same_time && is_new_place {
            self.changes = self.changes.saturating_add(1);
        }
    }

    /// Reads what an act will need: see `AccountState::glance`.
    pub(super) fn glance(&self, at: i64) -> u64 {
        let hour = self.hours.get(hour_of(at)).copied().unwrap_or(0);
        let sources = self.places.iter().fold(0, |all, it| all ^ it.source);
        sources ^ u64::from(hour) ^ u64::from(self.current)
    }

    /// Changes today between a place that is new and one that is not, each within minutes.
    pub(crate) fn changes(&self) -> u32 {
        u32::from(self.changes)
    }

    /// Places known from earlier days, where the account is at one that it is not known at.
    pub(crate) fn known_elsewhere(&self, day: u32) -> Option<u32> {
        let current = self.places.get(usize::from(self.current))?;
        if current.source == 0 || current.first_day != day {
            return None;
        }
        let known = self.places.iter().filter(|place| {
            place.source != 0 && place.first_day != day && place.source != current.source
        });
        u32::try_from(known.count()).ok().filter(|it| *it > 0)
    }

    /// Whether the hour, the one before or the one after was worked in on another day of the last
    /// four weeks.
    pub(crate) fn knows_hour(&self, at: i64, day: u32) -> bool {
        let hour = hour_of(at);
        [hour + 23, hour, hour + 1].into_iter().any(|near| {
            let last = u32::from(self.hours.get(near % 24).copied().unwrap_or(0));
            last != day && last + FORGOTTEN_DAYS >= day
        })
    }

    /// Days since the account's first.
    pub(crate) fn age_days(&self, day: u32) -> u32 {
        day.saturating_sub(self.first_day)
    }

    fn oldest(&self) -> usize {
        let oldest = self.places.iter().enumerate();
        oldest
            .min_by_key(|(_, place)| place.last_at)
            .map_or(0, |(index, _)| index)
    }
}

/// The hour of the day, in UTC.
pub(crate) fn hour_of(at: i64) -> usize {
    usize::try_from(at.div_euclid(3_600_000).rem_euclid(24)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Places;

    const DAY: i64 = 86_400_000;

    fn at(day: u32, hour: i64) -> i64 {
        i64::from(day) * DAY + hour * 3_600_000
    }

    #[test]
    fn a_place_is_new_beside_one_that_is_known() {
        let mut places = Places::default();
        places.note("counter", at(100, 9), 100);
        assert_eq!(
            places.known_elsewhere(100),
            None,
            "the first place is nothing new"
        );
        places.note("elsewhere", at(107, 9), 107);
        assert_eq!(places.known_elsewhere(107), Some(1));
        assert_eq!(places.age_days(107), 7);
        places.note("elsewhere", at(108, 9), 108);
        assert_eq!(places.known_elsewhere(108), None);
    }

    #[test]
    fn back_and_forth_counts_only_with_a_new_place_and_within_minutes() {
        let mut places = Places::default();
        for source in ["one", "two", "one", "two"] {
            places.note(source, at(100, 9), 100);
        }
        assert_eq!(places.changes(), 0, "two counters of one pharmacy");
        for minute in 0..4_i64 {
            let source = if minute % 2 == 0 { "one" } else { "far away" };
            places.note(source, at(107, 9) + minute * 60_000, 107);
        }
        assert_eq!(places.changes(), 3);
        places.note("one", at(107, 15), 107);
        assert_eq!(places.changes(), 3, "hours later it is a way");
    }

    #[test]
    fn an_hour_is_known_from_another_day() {
        let mut places = Places::default();
        places.note("", at(100, 9), 100);
        assert!(!places.knows_hour(at(100, 9), 100));
        assert!(places.knows_hour(at(101, 10), 101));
        assert!(!places.knows_hour(at(101, 12), 101));
        assert!(!places.knows_hour(at(130, 9), 130));
    }
}
