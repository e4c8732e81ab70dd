//! Robot signals: each a small pure function that says what it saw, or nothing.

pub(crate) mod fast;
pub(crate) mod metronome;
pub(crate) mod no_follow_up;
pub(crate) mod no_pause;
pub(crate) mod nobody_known;
pub(crate) mod others_too;
pub(crate) mod place;
pub(crate) mod sequence;
pub(crate) mod unusual_hour;
