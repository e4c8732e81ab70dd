//! The only place of the portal that reads the time.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time now, in seconds since 1970.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the binary's clock module"
)]
pub fn unix_seconds() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|elapsed| i64::try_from(elapsed.as_secs()).ok())
        .unwrap_or_default()
}
