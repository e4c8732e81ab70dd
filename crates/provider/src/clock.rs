//! Where the time comes from.

use cardea_storage::Store;
use time::{Duration, OffsetDateTime};

use crate::Error;

/// How far the clocks of nodes may lie apart: a token of a key that another node signs with already
/// is good here as well.
pub(crate) const CLOCKS_APART: Duration = Duration::seconds(30);

/// The only clock that decides anything: the server's. Tests hand in one that they turn.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> OffsetDateTime;

    /// How far the clock was set lately, either way, as far as can be known without another clock.
    fn was_set_by(&self) -> Duration {
        Duration::ZERO
    }
}

/// The one time that all nodes of a database go by where they undo what others rest on: what makes
/// and deletes keys, and what forgets. It is the database's clock, or where the database has none
/// the node's own, of which there is only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedTime {
    /// The present moment.
    pub now: OffsetDateTime,
    /// How far the node's own clock is ahead of that.
    pub ahead: Duration,
    /// How far one of the two is wrong.
    apart: Duration,
}

impl SharedTime {
    /// Asks for it.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn ask(store: &Store, clock: &dyn Clock) -> Result<Self, Error> {
        let before = clock.now();
        let Some(millis) = store.clock_millis().await? else {
            return Ok(Self {
                now: clock.now(),
                ahead: Duration::ZERO,
                apart: clock.was_set_by(),
            });
        };
        let own = before + (clock.now() - before) / 2;
        let nanos = i128::from(millis).saturating_mul(1_000_000);
        let now = OffsetDateTime::from_unix_timestamp_nanos(nanos)
            .map_err(|_| Error::ClockApart { seconds: i64::MAX })?;
        let ahead = own - now;
        Ok(Self {
            now,
            ahead,
            apart: ahead,
        })
    }

    /// The moment, where the clocks agree on it: nothing that others rest on is undone by a clock
    /// that is wrong (attack H19).
    ///
    /// # Errors
    /// [`Error::ClockApart`].
    pub fn agreed(&self) -> Result<OffsetDateTime, Error> {
        if self.apart.abs() <= CLOCKS_APART {
            return Ok(self.now);
        }
        let seconds = self.apart.whole_seconds();
        Err(Error::ClockApart { seconds })
    }
}
