//! Stops and lifts that the issuer tells of. They come in any order, and more than once.

use super::{Account, Decider, SHARDS};
use crate::account::{StopHeld, ToldStop};
use crate::{Act, Patient};

impl Decider {
    /// The issuer says that the account is stopped at this service.
    pub fn stop(&self, subject: &str, service: &str, stop: ToldStop) {
        self.change(subject, service, |account| account.state.stop(stop));
    }

    /// The issuer says that an operator has lifted the stop of this number; what was stopped later
    /// stays so.
    pub fn lift_stop(&self, subject: &str, service: &str, sequence: i64, at: i64) {
        self.change(subject, service, |account| {
            account.state.lift_stop(sequence, at);
        });
    }

    /// What it rests on that the account is refused at this service.
    #[must_use]
    pub fn held(&self, subject: &str, service: &str) -> StopHeld {
        let (shard, hash) = self.shard(subject);
        let mut known = shard.subjects.get(&hash).into_iter().flatten();
        let account = known.find(|account| account.is_of(subject, service));
        account.map_or_else(StopHeld::default, |account| account.state.held())
    }

    /// Changes an account, made where it is not known yet.
    fn change(&self, subject: &str, service: &str, change: impl FnOnce(&mut Account)) {
        let (mut shard, hash) = self.shard(subject);
        let mut known = shard.subjects.get_mut(&hash).into_iter().flatten();
        if let Some(account) = known.find(|account| account.is_of(subject, service)) {
            change(account);
            return;
        }
        // Nobody has said of which profession it is.
        let act = Act::look_up(subject, service, Patient::from_pseudonym(""));
        let accounts_max = self.rules.accounts_max / SHARDS;
        change(shard.account(hash, &act, &self.groups, accounts_max));
    }
}
