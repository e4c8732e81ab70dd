//! How many refusals go on record, in all (attack H9).
//!
//! Events are kept, and a refusal is what a stranger gets for nothing. An address has its own
//! limit at the server; many addresses together have this one, and so has a client that has proven
//! itself, which the server does not count. Refusals about a person who is known have places of
//! their own: whoever floods does not push them out. Beyond the bound a refusal is noted in the
//! log and leaves no row.

use std::sync::{Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

use crate::event::{Event, EventKind};

/// How many go on record at once, after a quiet time.
const AT_ONCE: i64 = 2_000;
/// The same of those about a person: a hospital's cards are pulled together.
const OF_PERSONS_AT_ONCE: i64 = 20_000;
/// One more may every so often: 86 400 a day.
const EVERY: Duration = Duration::SECOND;

/// The places that are left.
#[derive(Debug)]
pub(crate) struct RefusalsOnRecord {
    of_nobody: Mutex<Places>,
    of_persons: Mutex<Places>,
}

#[derive(Debug)]
struct Places {
    at_once: i64,
    left: i64,
    /// None before the first refusal.
    since: Option<OffsetDateTime>,
}

impl Default for RefusalsOnRecord {
    fn default() -> Self {
        Self {
            of_nobody: Mutex::new(Places::of(AT_ONCE)),
            of_persons: Mutex::new(Places::of(OF_PERSONS_AT_ONCE)),
        }
    }
}

impl RefusalsOnRecord {
    /// Whether a refusal may go on record. One that took something back always may: it does so
    /// once.
    pub(crate) fn admits(&self, event: &Event, now: OffsetDateTime) -> bool {
        let is_of_nobody = event.sub.is_none() && event.session_id.is_none();
        let places = if is_of_nobody {
            &self.of_nobody
        } else {
            &self.of_persons
        };
        let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
        took_back(&event.kind) || places.take(now)
    }
}

impl Places {
    const fn of(at_once: i64) -> Self {
        Self {
            at_once,
            left: at_once,
            since: None,
        }
    }

    fn take(&mut self, now: OffsetDateTime) -> bool {
        let since = *self.since.get_or_insert(now);
        let more = (now - since).whole_seconds() / EVERY.whole_seconds();
        if more > 0 {
            self.left = self.left.saturating_add(more).min(self.at_once);
            self.since = Some(now);
        }
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        true
    }
}

fn took_back(kind: &EventKind) -> bool {
    let EventKind::TokenRefused {
        grants_revoked,
        families_revoked,
        ..
    } = kind
    else {
        return false;
    };
    *grants_revoked > 0 || *families_revoked > 0
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::{AT_ONCE, OF_PERSONS_AT_ONCE, RefusalsOnRecord};
    use crate::event::{Event, EventKind};

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn refused() -> Event {
        having_taken_back(0)
    }

    fn having_taken_back(families_revoked: u64) -> Event {
        let kind = EventKind::TokenRefused {
            code: "provider.refresh_token_reused",
            grants_revoked: 0,
            families_revoked,
        };
        Event::new(kind, NOW)
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
    fn h9_what_concerns_a_person_has_places_of_its_own_and_what_took_back_needs_none() {
        let refusals = RefusalsOnRecord::default();
        while refusals.admits(&refused(), NOW) {}
        let hers = refused().of_session("session", "sub");
        let admitted = (0..2 * OF_PERSONS_AT_ONCE).filter(|_| refusals.admits(&hers, NOW));
        assert_eq!(i64::try_from(admitted.count()).unwrap(), OF_PERSONS_AT_ONCE);
        let ending = having_taken_back(1).of_session("session", "sub");
        assert!(refusals.admits(&ending, NOW));
        assert!(refusals.admits(&having_taken_back(1), NOW));
    }
}
