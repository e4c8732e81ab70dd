//! How far a run departs from the usual numbers, so that no guard can be fitted to them.

/// Factors on the parameters of honest places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// How many patients come.
    pub volume: f64,
    /// How many cards are not read.
    pub unread: f64,
    /// How many patients are new to the place.
    pub newcomers: f64,
    /// The epidemic day and its factor.
    pub epidemic: Option<(u32, f64)>,
    /// Whether professions and services bear names that no configuration knows.
    pub strange_names: bool,
}

impl Scale {
    /// The usual numbers: one day at three times the usual.
    pub const USUAL: Self = Self {
        volume: 1.0,
        unread: 1.0,
        newcomers: 1.0,
        epidemic: Some((32, 3.0)),
        strange_names: false,
    };

    /// A share scaled by a factor, still a share.
    #[must_use]
    pub fn share(share: f64, factor: f64) -> f64 {
        (share * factor).clamp(0.0, 1.0)
    }
}
