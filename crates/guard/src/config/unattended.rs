//! Budgets of services that act without a person (`client_credentials`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The budgets of unattended services, by client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Unattended {
    /// For clients that have none of their own.
    pub default: UnattendedBudget,
    /// Of one client.
    pub client: BTreeMap<String, UnattendedBudget>,
}

/// What a service may do without a person. No signature can be asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnattendedBudget {
    /// Distinct patients in a minute.
    pub per_minute: u32,
    /// Distinct patients in an hour.
    pub per_hour: u32,
    /// Distinct patients in 24 hours.
    pub per_day: u32,
    /// Refused patients after which the account is stopped.
    pub stop_account_after: u32,
}

impl Default for UnattendedBudget {
    fn default() -> Self {
        Self {
            per_minute: 120,
            per_hour: 1_500,
            per_day: 5_000,
            stop_account_after: 200,
        }
    }
}

impl Unattended {
    pub(super) fn of(&self, client: &str) -> &UnattendedBudget {
        self.client.get(client).unwrap_or(&self.default)
    }
}
