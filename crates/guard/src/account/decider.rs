//! All accounts in this process: sharded, exact, and never waiting for anything but a neighbour.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod group;
mod peers;
mod walkers;

use group::{Group, Groups};

use super::{AccountState, judge, sign};
use crate::{Act, Actor, Decision, Kind, Rules};

/// Shards: neighbours on one wait for each other.
const SHARDS: usize = 64;
/// Services of one subject that are told apart; portals have few.
const SERVICES_MAX: usize = 16;
/// How often an account that walks through patients is counted anew.
const WALK_NOTED_MS: i64 = 600_000;

/// Decides over acts, with all accounts in this process.
#[derive(Debug)]
pub struct Decider {
    rules: Rules,
    shards: Box<[Mutex<Shard>]>,
    groups: Groups,
    hasher: RandomState,
}

/// How much a decider holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Accounts: subjects, each at one service.
    pub accounts: usize,
    /// Bytes of their states.
    pub bytes: usize,
}

#[derive(Debug, Default)]
struct Shard {
    subjects: HashMap<Box<str>, Vec<Account>>,
    accounts: usize,
}

/// One subject at one service.
#[derive(Debug)]
struct Account {
    state: AccountState,
    group: Arc<Group>,
    walk_noted: i64,
}

impl Decider {
    /// A decider that has seen nothing yet.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            groups: Groups::default(),
            hasher: RandomState::new(),
        }
    }

    /// The rules that it decides by.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Decides over one act, and remembers it.
    #[must_use]
    pub fn decide(&self, act: &Act) -> Decision {
        let mut shard = self.shard(&act.subject);
        let account = shard.account(act, &self.groups, self.rules.accounts_max / SHARDS);
        let around = account.group.around(act.at);
        let closed = account.state.look_ups.habit().last().map(|it| it.day);
        let decision = judge(&self.rules, &mut account.state, act, &around);
        if act.actor == Actor::Person && act.kind == Kind::LookUp {
            account.tell_group(act, closed);
        }
        decision
    }

    /// The subject's card has signed anew: a bounded budget is restored where one was asked for.
    /// Which session it was in makes no difference: the card speaks for the person.
    pub fn fresh_signature(&self, subject: &str, session: Option<&str>, at: i64) {
        let _ = session;
        let mut shard = self.shard(subject);
        for account in shard.subjects.get_mut(subject).into_iter().flatten() {
            let around = account.group.around(at);
            let names = (account.group.service(), account.group.profession());
            sign(&self.rules, &mut account.state, names, &around, at);
        }
    }

    /// An operator lets the account act at this service again.
    pub fn lift(&self, subject: &str, service: &str, at: i64) {
        let mut shard = self.shard(subject);
        let accounts = shard.subjects.get_mut(subject).into_iter().flatten();
        for account in accounts.filter(|it| it.group.service() == service) {
            account.state.lift(at);
        }
    }

    /// How much is held now.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for shard in &self.shards {
            let shard = lock(shard);
            for (subject, accounts) in &shard.subjects {
                tally.accounts += accounts.len();
                let states = accounts.iter().map(|it| it.state.bytes());
                let around = size_of::<Account>() - size_of::<AccountState>();
                tally.bytes += states.sum::<usize>() + accounts.len() * around + subject.len();
            }
        }
        tally
    }

    fn shard(&self, subject: &str) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(subject);
        let shards = u64::try_from(SHARDS).unwrap_or(1);
        let index = usize::try_from(hash % shards).unwrap_or(0);
        match self.shards.get(index) {
            Some(shard) => lock(shard),
            None => unreachable!("an index below the number of shards"),
        }
    }
}

/// A state is changed by pure functions that don't panic half-way: what a panic elsewhere left
/// behind is whole.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    /// The account of the act, made where there is none.
    fn account(&mut self, act: &Act, groups: &Groups, accounts_max: usize) -> &mut Account {
        if !self.subjects.contains_key(act.subject.as_str()) {
            if self.accounts >= accounts_max.max(1) {
                self.make_room();
            }
            self.subjects
                .insert(act.subject.as_str().into(), Vec::new());
        }
        let Some(accounts) = self.subjects.get_mut(act.subject.as_str()) else {
            unreachable!("it was inserted above")
        };
        let profession = act.profession.as_deref();
        let found = accounts
            .iter()
            .position(|it| it.group.service() == act.service.as_str());
        let index = match found {
            Some(index) => index,
            // A subject with services beyond number is not told apart any more.
            None if accounts.len() >= SERVICES_MAX => accounts.len() - 1,
            None => {
                self.accounts += 1;
                accounts.reserve_exact(1);
                accounts.push(Account {
                    state: AccountState::default(),
                    group: groups.find(&act.service, profession),
                    walk_noted: 0,
                });
                accounts.len() - 1
            }
        };
        let Some(account) = accounts.get_mut(index) else {
            unreachable!("an index of the list")
        };
        if account.group.profession() != profession && found.is_some() {
            account.group = groups.find(&act.service, profession);
        }
        account
    }

    /// Forgets the sixteenth that was quiet longest; those that are held stay as long as others
    /// can go.
    fn make_room(&mut self) {
        let rank = |accounts: &Vec<Account>| {
            let is_held = accounts.iter().any(|it| it.state.is_held());
            let last_at = accounts.iter().map(|it| it.state.last_at()).max();
            (is_held, last_at.unwrap_or(0))
        };
        let mut ranks: Vec<_> = self.subjects.values().map(rank).collect();
        let going = ranks.len() / 16;
        let (_, last, _) = ranks.select_nth_unstable(going);
        let last = *last;
        self.subjects.retain(|_, accounts| rank(accounts) > last);
        self.accounts = self.subjects.values().map(Vec::len).sum();
    }
}

impl Account {
    /// Tells the group of a day that is over, and of a walk through patients.
    fn tell_group(&mut self, act: &Act, closed: Option<u32>) {
        let last = self.state.look_ups.habit().last();
        if let Some(last) = last.filter(|it| Some(it.day) != closed) {
            self.group.note_day(&act.subject, &last);
        }
        let is_mostly_with_card =
            self.group.is_mostly_with_card() || self.state.look_ups.is_mostly_with_card();
        let is_walking = self.state.look_ups.is_walking(is_mostly_with_card);
        let now = self.state.last_at();
        let is_due = now - self.walk_noted >= WALK_NOTED_MS;
        if is_walking && (is_due || self.walk_noted == 0) {
            self.walk_noted = now;
            self.group.note_walk(&act.subject, now);
        }
    }
}
