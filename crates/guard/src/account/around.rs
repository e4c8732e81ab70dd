//! What is known beyond the account: what is usual in its profession, and who else does the same.

use serde::{Deserialize, Serialize};

use super::habit::Usual;

/// What is known beyond the account. Guards that share no state each have their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Around {
    /// What is usual for the profession at this service.
    pub(crate) peers: Usual,
    /// Other accounts that walk through new patients without any card now, where they are too many
    /// for chance.
    pub(crate) others: u32,
}
