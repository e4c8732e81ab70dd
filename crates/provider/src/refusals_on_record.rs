//! How many refusals of strangers go on record, in all (attack H9).
//!
//! Events are kept, and a refusal is what a stranger gets for nothing. An address has its own
//! limit at the server; many addresses together have this one. Beyond it a refusal is noted in the
//! log and leaves no row, and no refusal of a flood waits for the database or makes others wait.

use std::sync::{Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

use crate::event::Event;

/// How many go on record at once, after a quiet time.
const AT_ONCE: i64 = 2_000;
/// One more may every so often: 86 400 a day.
const EVERY: Duration = Duration::SECOND;

/// The places that are left.
#[derive(Debug)]
pub(crate) struct RefusalsOnRecord(Mutex<Places>);

#[derive(Debug)]
struct Places {
    left: i64,
    /// None before the first refusal.
    since: Option<OffsetDateTime>,
}

impl Default for RefusalsOnRecord {
    fn default() -> Self {
        let places = Places {
            left: AT_ONCE,
            since: None,
        };
        Self(Mutex::new(places))
    }
}

impl RefusalsOnRecord {
    /// Whether a refusal may go on record. That of a person who is known always may: a card or a
    /// token of hers is behind it.
    pub(crate) fn admits(&self, event: &Event, now: OffsetDateTime) -> bool {
        let is_of_nobody = event.sub.is_none() && event.session_id.is_none();
        !is_of_nobody || self.take(now)
    }

    fn take(&self, now: OffsetDateTime) -> bool {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *places.since.get_or_insert(now);
        let more = (now - since).whole_seconds() / EVERY.whole_seconds();
        if more > 0 {
            places.left = places.left.saturating_add(more).min(AT_ONCE);
            places.since = Some(now);
        }
        if places.left == 0 {
            return false;
        }
        places.left -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::{AT_ONCE, RefusalsOnRecord};
    use crate::event::{Event, EventKind};

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn refused() -> Event {
        let code = "provider.client_unknown";
        Event::new(
            EventKind::TokenRefused {
                code,
                grants_revoked: 0,
                families_revoked: 0,
            },
            NOW,
        )
    }

    #[test]
    fn h9_a_flood_of_refusals_leaves_a_bounded_number_of_rows() {
        let refusals = RefusalsOnRecord::default();
        let admitted = |at| refusals.admits(&refused(), at);
        let flood = (0..10 * AT_ONCE).filter(|_| admitted(NOW)).count();
        assert_eq!(i64::try_from(flood).unwrap(), AT_ONCE);
        let later = NOW + Duration::seconds(3);
        let after = (0..AT_ONCE).filter(|_| admitted(later)).count();
        assert_eq!(after, 3);
        assert!(!admitted(NOW), "a clock that goes back gives nothing");
        let next_day = NOW + Duration::DAY;
        let after = (0..10 * AT_ONCE).filter(|_| admitted(next_day)).count();
        assert_eq!(i64::try_from(after).unwrap(), AT_ONCE);
    }

    #[test]
    fn what_concerns_a_person_is_always_on_record() {
        let refusals = RefusalsOnRecord::default();
        while refusals.admits(&refused(), NOW) {}
        let hers = refused().of_session("session", "sub");
        assert!(refusals.admits(&hers, NOW));
    }
}
