//! Which signature it is that a card has made anew.

use serde::{Deserialize, Serialize};

/// Tells one fresh signature from another, whoever hears of it and how often, so that each pays
/// once; by default one of which nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreshSignature {
    /// A number that stands for it; 0 where nobody knows one.
    pub number: u64,
    /// When the act was refused that it was asked for, in milliseconds: it answers no question that
    /// was put later. 0 where nobody knows.
    pub asked_at: i64,
}
