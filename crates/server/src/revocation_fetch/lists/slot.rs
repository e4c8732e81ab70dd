//! One address: the lists at hand, the flight for the next one, and when that is due.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cardea_pki::revocation::Crl;
use time::OffsetDateTime;

use super::Landing;
use super::held::{Held, HeldLists};
use crate::revocation_fetch::address::Address;
use crate::revocation_fetch::breaker::Breaker;

/// After how long a list past its `nextUpdate` is asked for again, when its publisher has no newer
/// one.
const OVERDUE_PAUSE: time::Duration = time::Duration::seconds(30);
/// One address.
#[derive(Debug)]
pub(in crate::revocation_fetch) struct Slot {
    pub(super) address: Address,
    pub(super) breaker: Arc<Breaker>,
    asked: Mutex<Asked>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct Asked {
    at: OffsetDateTime,
    refresh: Duration,
}

/// What is known of an address.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) held: HeldLists,
    /// A list that its issuer signed and that is older than one seen before, where there is no
    /// other.
    pub(super) refused: Option<Crl>,
    /// The flight that is under way, or was the last.
    pub(super) flight: Option<Landing>,
    /// A flight has ended, or a login has waited for one in vain.
    pub(super) is_tried: bool,
    /// The flight under way, or the last, was the first after a pause.
    pub(super) is_probed: bool,
}

impl Slot {
    pub(super) fn new(address: Address, refresh: Duration) -> Self {
        Self {
            address,
            // One failed download is enough: it may have been a minute of trickling megabytes.
            breaker: Breaker::new(1),
            asked: Mutex::new(Asked {
                at: OffsetDateTime::UNIX_EPOCH,
                refresh,
            }),
            state: Mutex::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a login has waited for the first flight in vain: no other waits for what may be
    /// missing.
    pub(in crate::revocation_fetch) fn note_waited_in_vain(&self) {
        self.lock().is_tried = true;
    }

    pub(super) fn asked_at(&self) -> OffsetDateTime {
        self.lock_asked().at
    }

    pub(super) fn note_asked(&self, at: OffsetDateTime, refresh: Duration) {
        *self.lock_asked() = Asked { at, refresh };
    }

    /// Whether a login has the list fetched anew.
    pub(super) fn is_due(&self, held: &HeldLists, now: OffsetDateTime) -> bool {
        let refresh = self.lock_asked().refresh;
        held.newest()
            .is_none_or(|held| is_due_after(refresh, held, now))
    }

    /// Whether the list is fetched ahead of time, so that no login finds it overdue.
    pub(super) fn is_soon_due(&self, held: &HeldLists, now: OffsetDateTime) -> bool {
        let refresh = self.lock_asked().refresh;
        held.newest().is_none_or(|held| {
            is_due_after(refresh / 2, held, now)
                || held.list.next_update().is_some_and(|next| {
                    next <= now + refresh / 2 && is_older(held, now, OVERDUE_PAUSE)
                })
        })
    }

    fn lock_asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_due_after(refresh: Duration, held: &Held, now: OffsetDateTime) -> bool {
    // A time of fetching in the future comes from a clock that was wrong.
    held.fetched_at > now
        || now - held.fetched_at >= refresh
        || (held.has_run_out(now) && is_older(held, now, OVERDUE_PAUSE))
}

fn is_older(held: &Held, now: OffsetDateTime, age: time::Duration) -> bool {
    now - held.fetched_at >= age
}
