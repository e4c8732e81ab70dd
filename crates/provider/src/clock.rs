//! Where the time comes from.

use time::OffsetDateTime;

/// The only clock that decides anything: the server's. Tests hand in one that they turn.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> OffsetDateTime;
}
