//! All accounts in this process: sharded, exact, and never waiting for anything but a neighbour.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod carried;
mod group;
mod name;
mod peers;
mod stops;
mod walkers;

pub(crate) use carried::Carried;
use group::{Group, Groups};
use name::Name;

use super::{AccountState, FreshSignature, judge, sign_in};
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
    /// Until when accounts of which nothing is known may be ones that were forgotten.
    doubted_until: AtomicI64,
}

/// How much a decider holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Accounts: subjects, each at one service.
    pub accounts: usize,
    /// Bytes of their states.
    pub bytes: usize,
}

/// A shard has its lines of memory to itself: who works on one does not slow its neighbour.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    /// By the subject's hash, which is worked out once; the few that share one lie side by side.
    subjects: HashMap<u64, Vec<Account>, BuildHasherDefault<Hashed>>,
    accounts: usize,
}

/// Hands on what is a keyed hash already.
#[derive(Clone, Copy, Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are numbers")
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// One subject at one service.
#[derive(Debug)]
struct Account {
    subject: Name,
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
            doubted_until: AtomicI64::new(0),
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
        let (mut shard, hash) = self.shard(&act.subject);
        let account = shard.account(hash, act, &self.groups, self.rules.accounts_max / SHARDS);
        let around = account.group.around(act.at);
        if self.is_doubting(act.at) && account.state.last_at() == 0 {
            account.state.begin_half_way(&self.rules, act);
        }
        let open = account.state.look_ups.today().day;
        let decision = judge(&self.rules, &mut account.state, act, &around);
        if act.actor == Actor::Person && act.kind == Kind::LookUp {
            account.tell_group(act, open);
        }
        decision
    }

    /// What would be decided, without remembering anything.
    #[must_use]
    pub fn preview(&self, act: &Act) -> Decision {
        let (shard, hash) = self.shard(&act.subject);
        let mut known = shard.subjects.get(&hash).into_iter().flatten();
        let account = known.find(|it| it.is_of(&act.subject, &act.service));
        let (mut state, around) = match account {
            Some(account) => (account.state.clone(), account.group.around(act.at)),
            None => {
                let group = self.groups.find(&act.service, act.profession.as_deref());
                (AccountState::default(), group.around(act.at))
            }
        };
        drop(shard);
        judge(&self.rules, &mut state, act, &around)
    }

    /// The subject's card has signed anew: a bounded budget is restored where one was asked for.
    ///
    /// It answers for the session that it was given in, and for what was asked there: a robot in
    /// another session stays asked. Without a session it answers for all that was asked.
    pub fn fresh_signature(&self, subject: &str, session: Option<&str>, at: i64) {
        self.hear_signature(subject, session, FreshSignature::default(), at);
    }

    /// The same of a signature that is told from others: told again, it changes nothing, and it
    /// answers nothing that was asked after it.
    pub fn hear_signature(
        &self,
        subject: &str,
        session: Option<&str>,
        signature: FreshSignature,
        at: i64,
    ) {
        let (mut shard, hash) = self.shard(subject);
        let known = shard.subjects.get_mut(&hash).into_iter().flatten();
        for account in known.filter(|it| it.subject.is(subject)) {
            let around = account.group.around(at);
            let names = (account.group.service(), account.group.profession());
            let given = (session, signature);
            sign_in(&self.rules, &mut account.state, names, &around, given, at);
        }
    }

    /// An operator lets the account act at this service again.
    pub fn lift(&self, subject: &str, service: &str, at: i64) {
        let (mut shard, hash) = self.shard(subject);
        let accounts = shard.subjects.get_mut(&hash).into_iter().flatten();
        for account in accounts.filter(|it| it.is_of(subject, service)) {
            account.state.lift(at);
        }
    }

    /// How much is held now.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for shard in &self.shards {
            let shard = lock(shard);
            for account in shard.subjects.values().flatten() {
                tally.accounts += 1;
                let around = size_of::<Account>() - size_of::<AccountState>();
                tally.bytes += account.state.bytes() + around + account.subject.heap_bytes();
            }
        }
        tally
    }

    /// Where the subject is kept, locked, and its hash.
    fn shard(&self, subject: &str) -> (MutexGuard<'_, Shard>, u64) {
        let hash = self.hasher.hash_one(subject);
        let shards = u64::try_from(SHARDS).unwrap_or(1);
        let index = usize::try_from(hash % shards).unwrap_or(0);
        match self.shards.get(index) {
            Some(shard) => (lock(shard), hash),
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
    fn account(
        &mut self,
        hash: u64,
        act: &Act,
        groups: &Groups,
        accounts_max: usize,
    ) -> &mut Account {
        if self.accounts >= accounts_max.max(1) && !self.subjects.contains_key(&hash) {
            self.make_room();
        }
        let accounts = self.subjects.entry(hash).or_default();
        if let Some(first) = accounts.first() {
            std::hint::black_box(first.state.glance(act));
        }
        let profession = act.profession.as_deref();
        let found = accounts
            .iter()
            .position(|it| it.is_of(&act.subject, &act.service));
        let last = || accounts.iter().rposition(|it| it.subject.is(&act.subject));
        // A subject with services beyond number is not told apart any more.
        let shared = || last().filter(|_| accounts.len() >= SERVICES_MAX);
        let index = match found.or_else(shared) {
            Some(index) => index,
            None => {
                self.accounts += 1;
                accounts.reserve_exact(1);
                let group = groups.find(&act.service, profession);
                group.note_account();
                accounts.push(Account {
                    subject: Name::new(&act.subject),
                    state: AccountState::default(),
                    group,
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
    fn is_of(&self, subject: &str, service: &str) -> bool {
        self.subject.is(subject) && self.group.service() == service
    }

    /// Tells the group of a day that is over, and of a walk through patients.
    fn tell_group(&mut self, act: &Act, open: u32) {
        if let Some(closed) = self.state.look_ups.closed_since(open) {
            self.group.note_day(&act.subject, &closed);
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
