//! The one place of this program that reads the clock.

use cardea_provider::Clock;
use time::OffsetDateTime;

/// The machine's clock, in UTC.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        #[expect(
            clippy::disallowed_methods,
            reason = "this module is the program's clock"
        )]
        OffsetDateTime::now_utc()
    }
}
