//! The one place of this program that reads the clock.

use time::OffsetDateTime;

/// The present, in whole seconds as certificates have it.
#[expect(
    clippy::disallowed_methods,
    reason = "the program's clock: everything else takes the time as an argument"
)]
pub(crate) fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now)
}
