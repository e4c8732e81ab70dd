//! What is counted: distinct patients whose card nobody showed, in sliding windows, and the
//! balance between them and the patients who were there.

mod balance;
mod days;
mod known;
mod recent;

pub(crate) use balance::{Balance, MICRO, micro};
pub(crate) use days::{DAY_MS, Days, day_of};
pub(crate) use known::{KnownPatients, Sight};
pub(crate) use recent::Recent;

#[cfg(test)]
mod tests;
