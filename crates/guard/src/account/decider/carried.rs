//! A decider's accounts, carried out of this process and back.

use serde::{Deserialize, Serialize};

use super::{Account, Decider, Name, SHARDS, lock};
use crate::account::{Around, judge};
use crate::{AccountState, Act, Actor, Decision, Kind};

/// One subject at one service, as it leaves the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Carried {
    pub(crate) service: String,
    pub(crate) profession: Option<String>,
    pub(crate) state: AccountState,
}

impl Decider {
    /// What is known around the account of this act.
    pub(crate) fn around(&self, act: &Act) -> Around {
        let group = self.groups.find(&act.service, act.profession.as_deref());
        group.around(act.at)
    }

    /// Decides as another guard did, by what that one knew around the account.
    pub(crate) fn decide_within(&self, act: &Act, around: &Around, is_doubted: bool) -> Decision {
        let (mut shard, hash) = self.shard(&act.subject);
        let account = shard.account(hash, act, &self.groups, self.rules.accounts_max / SHARDS);
        if is_doubted && account.state.last_at() == 0 {
            account.state.begin_half_way(&self.rules, act);
        }
        let open = account.state.look_ups.today().day;
        let decision = judge(&self.rules, &mut account.state, act, around);
        if act.actor == Actor::Person && act.kind == Kind::LookUp {
            account.tell_group(act, open);
        }
        decision
    }

    /// Whether anything is held of the subject.
    pub(crate) fn holds(&self, subject: &str) -> bool {
        let (shard, hash) = self.shard(subject);
        let mut known = shard.subjects.get(&hash).into_iter().flatten();
        known.any(|it| it.subject.is(subject))
    }

    /// All that is held of the subject.
    pub(crate) fn carry_out(&self, subject: &str) -> Vec<Carried> {
        let (shard, hash) = self.shard(subject);
        let accounts = shard.subjects.get(&hash).into_iter().flatten();
        let hers = accounts.filter(|it| it.subject.is(subject));
        hers.map(carried).collect()
    }

    /// Puts what was carried out in the place of what is held of the subject.
    pub(crate) fn carry_in(&self, subject: &str, accounts: Vec<Carried>) {
        let (mut shard, hash) = self.shard(subject);
        if let Some(known) = shard.subjects.get_mut(&hash) {
            let before = known.len();
            known.retain(|it| !it.subject.is(subject));
            let gone = before - known.len();
            shard.accounts = shard.accounts.saturating_sub(gone);
        }
        if accounts.is_empty() {
            return;
        }
        if shard.accounts >= (self.rules.accounts_max / SHARDS).max(1) {
            shard.make_room();
        }
        shard.accounts += accounts.len();
        let accounts = accounts.into_iter().map(|it| Account {
            subject: Name::new(subject),
            group: self.groups.find(&it.service, it.profession.as_deref()),
            state: it.state,
            walk_noted: 0,
        });
        shard.subjects.entry(hash).or_default().extend(accounts);
    }

    /// The subjects of one shard with their accounts; none past the last shard. The shard's others
    /// wait while they are copied.
    pub(crate) fn carry_shard(&self, index: usize) -> Option<Vec<(Box<str>, Vec<Carried>)>> {
        let shard = lock(self.shards.get(index)?);
        let mut all: Vec<(Box<str>, Vec<Carried>)> = Vec::new();
        for account in shard.subjects.values().flatten() {
            // One subject's accounts lie side by side.
            match all
                .last_mut()
                .filter(|(subject, _)| account.subject.is(subject))
            {
                Some((_, accounts)) => accounts.push(carried(account)),
                None => all.push((account.subject.as_str().into(), vec![carried(account)])),
            }
        }
        Some(all)
    }

    /// Whether it is so at this time.
    pub(crate) fn is_doubting(&self, at: i64) -> bool {
        at < self.doubted_until()
    }

    /// Until when: what has to outlive this process.
    pub(crate) fn doubted_until(&self) -> i64 {
        self.doubted_until
            .load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Until then, an account of which nothing is known may be one that was forgotten: it begins
    /// half-way to its bound.
    pub(crate) fn doubt_until(&self, at: i64) {
        let ordering = std::sync::atomic::Ordering::Relaxed;
        self.doubted_until.fetch_max(at, ordering);
    }
}

fn carried(account: &Account) -> Carried {
    Carried {
        service: account.group.service().to_owned(),
        profession: account.group.profession().map(str::to_owned),
        state: account.state.clone(),
    }
}
