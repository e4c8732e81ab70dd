//! The three outcomes of taking something that can be taken once.

/// What happened to a single-use record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redemption<T> {
    /// Taken now, by this caller alone.
    Redeemed(T),
    /// Taken before by someone else, or by this caller's own repetition.
    AlreadyRedeemed(T),
    /// Never issued, or forgotten long after it expired.
    Unknown,
}
