//! A stop that the issuer tells of: another guard's, or this one's own.

use serde::{Deserialize, Serialize};

/// A stop of an account at a service, as the issuer has it on record.
///
/// Stops of one account are numbered, each higher than the one before: a lift names the number of
/// the stop that it lifts, and never lifts a later one, in whatever order they arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldStop {
    /// Its number.
    pub sequence: i64,
    /// When the guard that asked for it refused what it stopped the account for, in milliseconds;
    /// 0 where the issuer does not know any more.
    pub acted_at: i64,
    /// Patients that had been refused when the account was stopped.
    pub refused: u32,
    /// Sessions of it that had been stopped.
    pub sessions: u32,
}

/// What it rests on that an account is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StopHeld {
    /// The number of the issuer's stop that holds it; 0 where this guard knows of none.
    pub sequence: i64,
    /// When the guard stopped it by itself, in milliseconds; 0 where it did not.
    pub since: i64,
    /// The newest of the issuer's stops of which this guard knows that it was lifted; 0 for none.
    pub lifted: i64,
}
