//! The one place of this program that reads the clock.

/// Seconds since 1970, by the machine's clock.
#[must_use]
pub fn unix_seconds() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "this module is the program's clock"
    )]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
