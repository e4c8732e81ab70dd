//! Who gives a command.

use serde::{Deserialize, Serialize};

/// The account that an operator's command runs as, as the operating system names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The number of the account that the command has the rights of.
    pub uid: u32,
    /// Its name, where the system's list of accounts has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The number of the account that logged in, which stays the same through `sudo` and `su`;
    /// none where the system keeps none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_uid: Option<u32>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_user: Option<String>,
}
