//! Runs traffic through something that judges it, as people and robots would take the answers.

pub mod fixed_limit;
pub mod guarded;
pub mod honest;
pub mod hostile;

use super::event::{Account, Event};
use crate::Answer;

/// What decides over look-ups: the guard, or a plain alternative.
pub trait Judge {
    /// Decides over a look-up and remembers it.
    fn judge(&mut self, account: &Account, event: &Event) -> Answer;

    /// Whether the look-up would be let through: for a robot that knows rules and state.
    fn would_allow(&self, account: &Account, event: &Event) -> bool;

    /// The account's card has signed anew in this session.
    fn signed(&mut self, account: &Account, event: &Event);

    /// An operator lifts the account's stop.
    fn lift(&mut self, account: &Account, at: i64);
}

/// How long a person takes to type the PIN when asked.
const SIGNING_MILLISECONDS: i64 = 20_000;
