//! How many logins wait for a card, in all: anybody can begin one, from as many addresses as they
//! have, and each is a row (attack H9).
//!
//! The number is counted with each sweep and added up between, so that a login asks the database
//! for it only when there may be too many. Nodes see each other's logins at the next sweep: the
//! bound is passed by what begins within two seconds.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use cardea_storage::{Transaction, authorization_request, retention};
use time::{Duration, OffsetDateTime};

use crate::{Error, Provider};

/// A login that has waited so long gives way to a new one: a person who has the card at hand has
/// answered by then, for a challenge lives no longer.
const UNDISTURBED: Duration = Duration::seconds(120);
/// Room that is made at once, as a part of all places: a hundred rows take the writer some 30 ms.
const MADE_AT_ONCE: i64 = 1000;
/// How long it is taken for granted that there is no room.
const FULL: Duration = Duration::SECOND;

/// The logins that wait, as far as this node knows.
#[derive(Debug, Default)]
pub(crate) struct WaitingLogins {
    /// How many began here, since the start.
    begun: AtomicI64,
    /// What the database said last, less what had begun here when it was asked: a login that
    /// begins while the answer is on its way is counted, twice at most, and a count that is too
    /// high is only looked at again.
    beside: AtomicI64,
    /// Until when nobody need look again, in unix seconds.
    full_until: AtomicI64,
    /// Whether somebody makes room: two at once would be after the same rows.
    making_room: AtomicBool,
}

/// Held by whoever makes room.
struct MakingRoom<'a>(&'a AtomicBool);

impl Drop for MakingRoom<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl WaitingLogins {
    fn count(&self) -> i64 {
        let beside = self.beside.load(Ordering::Acquire);
        self.begun.load(Ordering::Acquire).saturating_add(beside)
    }

    /// How many have begun, to be read before the database is asked.
    fn begun(&self) -> i64 {
        self.begun.load(Ordering::Acquire)
    }

    /// The database was asked, when so many had `begun`.
    fn set(&self, waiting: i64, begun: i64) {
        let beside = waiting.saturating_sub(begun);
        self.beside.store(beside, Ordering::Release);
    }

    /// One more has begun.
    pub(crate) fn add(&self) {
        self.begun.fetch_add(1, Ordering::AcqRel);
    }

    /// Refuses without a look at the database while it is known to be full.
    pub(crate) fn check(&self, now: OffsetDateTime) -> Result<(), Error> {
        if now.unix_timestamp() < self.full_until.load(Ordering::Relaxed) {
            return Err(Error::WaitingLoginsLimitReached);
        }
        Ok(())
    }

    fn make_room_alone(&self) -> Option<MakingRoom<'_>> {
        let was_made = self.making_room.swap(true, Ordering::Acquire);
        (!was_made).then(|| MakingRoom(&self.making_room))
    }
}

impl Provider {
    /// Counts anew, by a connection that keeps nobody from writing. Where it fails, the next sweep
    /// counts.
    pub(crate) async fn count_waiting(&self) {
        let begun = self.waiting_logins.begun();
        match self.count_unanswered().await {
            Ok(waiting) => self.waiting_logins.set(waiting, begun),
            Err(error) => tracing::warn!(code = error.code(), "logins that wait are not counted"),
        }
    }

    async fn count_unanswered(&self) -> Result<i64, Error> {
        let mut transaction = self.store.begin_read().await?;
        Ok(authorization_request::count_unanswered(&mut transaction).await?)
    }

    /// Makes sure that one more login may wait: where all places are taken, the oldest give way.
    pub(crate) async fn find_place(
        &self,
        transaction: &mut Transaction,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let places = i64::from(self.authorization_rules.waiting_logins_max);
        if self.waiting_logins.count() < places {
            return Ok(());
        }
        // Whoever comes meanwhile is one of the few that a connection to the database allows.
        let Some(_alone) = self.waiting_logins.make_room_alone() else {
            return Ok(());
        };
        let begun = self.waiting_logins.begun();
        let waiting = authorization_request::count_unanswered(transaction).await?;
        self.waiting_logins.set(waiting, begun);
        if waiting < places {
            return Ok(());
        }
        let before = now + self.lifetimes.authorization_request - UNDISTURBED;
        let wanted = (waiting - places) + places / MADE_AT_ONCE + 1;
        let gone = retention::delete_oldest_unanswered(transaction, before, wanted).await?;
        let waiting = waiting.saturating_sub(i64::try_from(gone).unwrap_or(i64::MAX));
        self.waiting_logins.set(waiting, begun);
        // Where there are far too many, each login still takes more away than it adds.
        if gone > 0 {
            tracing::warn!(
                gone,
                code = "provider.waiting_logins_limit_reached",
                "the oldest logins that nobody answered gave way"
            );
            return Ok(());
        }
        let until = (now + FULL).unix_timestamp();
        self.waiting_logins
            .full_until
            .store(until, Ordering::Relaxed);
        Err(Error::WaitingLoginsLimitReached)
    }
}

#[cfg(test)]
mod tests {
    use super::WaitingLogins;

    #[test]
    fn h9_a_login_that_begins_while_the_database_is_asked_is_counted() {
        let waiting = WaitingLogins::default();
        let begun = waiting.begun();
        waiting.add();
        waiting.set(0, begun);
        assert_eq!(waiting.count(), 1);
        let begun = waiting.begun();
        waiting.set(1, begun);
        waiting.add();
        assert_eq!(waiting.count(), 2);
    }
}
