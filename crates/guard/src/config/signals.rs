//! How much each robot signal adds, and from when on signals count.

use serde::{Deserialize, Serialize};

/// Points of the signals. A hundred points ask for a signature; what runs ahead of the cards gives
/// a hundred by itself when it reaches its allowance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Signals {
    /// Patients ahead from which on signals count: nobody is asked for a rhythm alone.
    pub from_patients: u32,
    /// Points that all signals together add at most.
    pub points_most: u32,
    /// Look-ups as regular as a machine's.
    pub metronome: u32,
    /// Patients faster than a person reads.
    pub fast: u32,
    /// Hours without a pause.
    pub no_pause: u32,
    /// An hour at which this account never works.
    pub unusual_hour: u32,
    /// Nobody known before among many, where that is not usual.
    pub nobody_known: u32,
    /// A place that this account never worked at.
    pub new_place: u32,
    /// Two places at the same time.
    pub two_places: u32,
    /// Numbers in sequence, as the portal's adapter saw them.
    pub sequence: u32,
    /// Look-ups that nothing is done with.
    pub no_follow_up: u32,
    /// Other accounts that do the same at the same time.
    pub others_too: u32,
}

impl Default for Signals {
    fn default() -> Self {
        Self {
            from_patients: 15,
            points_most: 60,
            metronome: 25,
            fast: 30,
            no_pause: 10,
            unusual_hour: 15,
            nobody_known: 15,
            new_place: 15,
            two_places: 30,
            sequence: 50,
            no_follow_up: 15,
            others_too: 30,
        }
    }
}
