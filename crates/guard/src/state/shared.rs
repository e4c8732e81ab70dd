//! Accounts that several guards share through a journal in Redis.
//!
//! An act is appended to its subject's journal in one round trip, which brings back what other
//! guards have appended meanwhile. Each guard applies all of it in the journal's order to its own
//! copy of the state, so that all come to the same decision as one guard alone would.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use redis::RedisResult;
use tokio::sync::Mutex as SlowMutex;

use super::layout::layout;
use super::record::Record;
use super::store::{
    Appended, Checkpoint, Doubt, Journal, Keeping, Place, RENEWED_MS, Replaced, Store, fresh_number,
};
use super::{Accounts, Deciding, Health};
use crate::account::Carried;
use crate::{Act, Answer, Decider, Decision, FreshSignature, StopHeld, ToldStop};

/// Entries after which the state is put in their place.
const ENTRIES_MAX: u64 = 64;
/// Entries of a subject that wait for the store; then its state takes their place.
const PENDING_MAX: usize = 256;
/// Entries that stay readable beside the state that has them; the newest do.
const OF_ONE_MAX: usize = 2 * PENDING_MAX;
/// Entries since a state was put into the store for which they stay readable beside later ones: a
/// guard that knows another past may come late, and has seen none of them.
const SINCE_PUT_MAX: usize = 2 * OF_ONE_MAX;
/// Tries to come to one past with other guards.
const TRIES: usize = 8;
/// How often a store that is lost is asked again.
const RETRY: Duration = Duration::from_secs(1);
/// For how long accounts of which nothing is known are doubted after a loss.
const DOUBT_MS: i64 = 86_400_000;
const SHARDS: usize = 64;
/// Bytes of an entry's tag.
const TAG_BYTES: usize = 8;

/// How far this guard knows the journals of some subjects.
type Subjects = HashMap<Box<str>, Arc<SlowMutex<Known>>>;

/// The accounts as they are shared.
pub(super) struct Shared {
    decider: Decider,
    store: Store,
    subjects: Vec<Mutex<Subjects>>,
    /// The store does not answer.
    is_alone: AtomicBool,
    /// When the accounts were opened, by the time that acts have and by this process's.
    opened: (i64, Instant),
}

/// How far this guard knows a subject's journal.
#[derive(Debug, Default)]
struct Known {
    place: Option<Place>,
    base: u64,
    is_held: bool,
    /// When the store was last told for how long to keep the journal.
    renewed: Option<Instant>,
    /// Entries that the store does not have yet.
    pending: Vec<Vec<u8>>,
    /// More were counted here than are pending: the state itself has to be taken over.
    is_overfull: bool,
}

impl Known {
    /// Whether the journal's time has to be renewed with the next append.
    fn keeping(&self) -> Keeping {
        let period = Duration::from_millis(RENEWED_MS);
        let is_fresh = self.renewed.is_some_and(|at| at.elapsed() < period);
        if is_fresh && self.place.is_some() {
            return Keeping::AsItIs;
        }
        Keeping::Renewed {
            is_held: self.is_held,
        }
    }
}

impl Shared {
    pub(super) async fn open(store: Store, decider: Decider, now: i64) -> Arc<Self> {
        let mut subjects = Vec::new();
        subjects.resize_with(SHARDS, Mutex::default);
        let shared = Arc::new(Self {
            decider,
            store,
            subjects,
            is_alone: AtomicBool::new(false),
            opened: (now, Instant::now()),
        });
        if let Err(error) = shared.meet().await {
            shared.lose(&error);
        }
        tokio::spawn(look_after(Arc::downgrade(&shared)));
        shared
    }

    /// Greets the store. States in another version's form can't be read: their accounts are
    /// doubted, by every guard that comes to the store within the day.
    async fn meet(&self) -> RedisResult<()> {
        let ours = format!("{:016x}", layout());
        let (opened, since) = self.opened;
        let elapsed = i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX);
        let doubt = Doubt {
            until: opened.saturating_add(elapsed).saturating_add(DOUBT_MS),
            lasts_ms: DOUBT_MS,
        };
        let greeting = self.store.greet(&ours, doubt).await?;
        if greeting.before.is_some_and(|it| it != ours) {
            tracing::warn!(
                "the store has states of another version of the guard, which can't be read: for a \
                 day each account begins half-way to its bound; stops and habits are forgotten"
            );
        }
        if let Some(until) = greeting.doubted_until {
            self.decider.doubt_until(until);
        }
        Ok(())
    }

    fn lose(&self, error: &redis::RedisError) {
        if !self.is_alone.swap(true, Ordering::Relaxed) {
            let reason = error.to_string();
            tracing::warn!(%reason, "the shared state is out of reach: this guard counts alone");
        }
    }

    fn subject(&self, subject: &str) -> Arc<SlowMutex<Known>> {
        let number = crate::act::number_of(subject.as_bytes());
        let index = usize::try_from(number % 64).unwrap_or(0);
        let Some(shard) = self.subjects.get(index) else {
            unreachable!("there are as many shards")
        };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shard.get(subject) {
            return known.clone();
        }
        if shard.len() >= self.decider.rules().accounts_max / SHARDS + 16 {
            self.make_room(&mut shard);
        }
        shard.entry(subject.into()).or_default().clone()
    }

    /// Forgets places of journals: they can be read again. What only this guard has stays longer.
    fn make_room(&self, shard: &mut Subjects) {
        let mut going = shard.len() / 16 + 1;
        for wants_all in [false, true] {
            shard.retain(|_, known| {
                let is_free = Arc::strong_count(known) == 1;
                let is_settled = known.try_lock().is_ok_and(|it| it.pending.is_empty());
                let goes = going > 0 && is_free && (is_settled || wants_all);
                going -= usize::from(goes);
                !goes
            });
        }
    }

    /// One record of a subject: through the store, or here alone.
    async fn note(&self, subject: &str, record: Record) -> Option<Decision> {
        let known = self.subject(subject);
        let mut known = known.lock().await;
        let Ok(body) = postcard::to_allocvec(&record) else {
            return record.apply(&self.decider, subject);
        };
        let entry = [fresh_number().as_slice(), &body].concat();
        if !self.is_alone.load(Ordering::Relaxed) {
            match self.exchange(subject, &mut known, Some(&entry)).await {
                Ok(decision) => return decision,
                Err(error) => self.lose(&error),
            }
        }
        let decision = Record::read(&entry).and_then(|mut record| {
            record.doubt();
            record.apply(&self.decider, subject)
        });
        if known.pending.len() < PENDING_MAX {
            known.pending.push(entry);
        } else {
            known.is_overfull = true;
        }
        decision
    }

    /// Brings the store what it does not have, and this guard what it does not know.
    async fn exchange(
        &self,
        subject: &str,
        known: &mut Known,
        entry: Option<&Vec<u8>>,
    ) -> RedisResult<Option<Decision>> {
        for _ in 0..TRIES {
            if known.is_overfull {
                self.take_over(subject, known).await?;
            }
            let entries: Vec<_> = known.pending.iter().chain(entry).cloned().collect();
            let holds = self.decider.holds(subject);
            let place = known.place.clone().filter(|_| holds);
            // What was applied here alone came before what others did meanwhile: read it anew.
            let wants_all = !known.pending.is_empty();
            let keeping = known.keeping();
            let place_known = place.as_ref();
            let append = self
                .store
                .append(subject, place_known, wants_all, keeping, &entries);
            match append.await? {
                Appended::Done(journal) => {
                    if keeping != Keeping::AsItIs {
                        known.renewed = Some(Instant::now());
                    }
                    let is_anew = wants_all || place.is_none_or(|it| it.sequence < journal.base);
                    known.pending.clear();
                    let decision = self.follow(subject, known, journal, &entries, is_anew);
                    let is_stopped = decision.as_ref().is_some_and(|it| {
                        matches!(it.answer, Answer::StopSession | Answer::StopAccount)
                    });
                    let is_newly_held = is_stopped && !known.is_held;
                    self.settle(subject, known, is_newly_held).await;
                    return Ok(decision.filter(|_| entry.is_some()));
                }
                Appended::Gone => {
                    tracing::warn!(
                        "the store has lost an account: it gets back what is known here"
                    );
                    self.put(subject, known, None, &[]).await?;
                }
                Appended::Other(journal) => self.merge(subject, known, journal).await?,
            }
        }
        let busy = "other guards change the account too often";
        Err((redis::ErrorKind::TryAgain, busy).into())
    }

    /// Applies what the journal has, then what was appended now: the last one's decision.
    fn follow(
        &self,
        subject: &str,
        known: &mut Known,
        journal: Journal,
        appended: &[Vec<u8>],
        is_anew: bool,
    ) -> Option<Decision> {
        if is_anew {
            self.adopt(subject, &journal.checkpoint);
        }
        let mut decision = None;
        for entry in journal.entries.iter().chain(appended) {
            match Record::read(entry) {
                Some(record) => decision = record.apply(&self.decider, subject),
                None => tracing::error!("an entry of the shared state can't be read"),
            }
        }
        let newest = appended.last().or(journal.entries.last());
        let tag = newest.and_then(|it| it.get(..TAG_BYTES));
        let count = u64::try_from(appended.len()).unwrap_or(0);
        known.base = journal.base;
        known.place = tag.map(|tag| Place {
            epoch: journal.epoch,
            sequence: journal.last + count,
            tag: tag.to_vec(),
        });
        decision
    }

    fn adopt(&self, subject: &str, checkpoint: &[u8]) {
        if checkpoint.is_empty() {
            self.decider.carry_in(subject, Vec::new());
            return;
        }
        match postcard::from_bytes::<Vec<Carried>>(checkpoint) {
            Ok(accounts) => self.decider.carry_in(subject, accounts),
            // What is known here stays: never less.
            Err(_) => tracing::error!("a state of the shared store can't be read"),
        }
    }

    /// The store's past is another: the one that has counted more goes on, with what the other
    /// counted alone and its newest entries added to it.
    async fn merge(&self, subject: &str, known: &mut Known, journal: Journal) -> RedisResult<()> {
        tracing::warn!("the store has forgotten a part of an account: it is put together again");
        let ours = known.place.as_ref().map_or(0, |it| it.sequence);
        // Where its past begins that is one guard's alone, or newer than its checkpoint.
        let shared = journal
            .last
            .saturating_sub(u64::try_from(journal.entries.len()).unwrap_or(0));
        if shared > ours && !known.is_overfull {
            known.place = None;
            return Ok(());
        }
        for entry in &journal.entries {
            if let Some(record) = Record::read(entry) {
                record.apply(&self.decider, subject);
            }
        }
        let expected = Some((journal.epoch.as_slice(), journal.last));
        self.put(subject, known, expected, &journal.entries).await
    }

    /// More was counted here than can be told one by one.
    async fn take_over(&self, subject: &str, known: &mut Known) -> RedisResult<()> {
        let none = Place {
            epoch: b"none".to_vec(),
            sequence: 0,
            tag: Vec::new(),
        };
        let read = self
            .store
            .append(subject, Some(&none), true, known.keeping(), &[]);
        match read.await? {
            Appended::Other(journal) => self.merge(subject, known, journal).await,
            _ => self.put(subject, known, None, &[]).await,
        }
    }

    /// Puts this guard's state into the store, where nothing else than `expected` is there. What
    /// was counted alone here, and what was merged, is in the state and beside it: a guard that has
    /// counted more, and does not know it, adds it to its own.
    async fn put(
        &self,
        subject: &str,
        known: &mut Known,
        expected: Option<(&[u8], u64)>,
        merged: &[Vec<u8>],
    ) -> RedisResult<()> {
        let accounts = self.decider.carry_out(subject);
        let is_held = accounts.iter().any(|it| it.state.is_held());
        let state = encode(&accounts)?;
        let sequence = known.place.as_ref().map_or(0, |it| it.sequence);
        let begun = sequence.max(expected.map_or(0, |(_, last)| last)) + 1;
        let of_one: Vec<_> = merged.iter().chain(&known.pending).collect();
        let of_one = of_one
            .get(of_one.len().saturating_sub(OF_ONE_MAX)..)
            .unwrap_or_default();
        let place = Place {
            epoch: fresh_number().to_vec(),
            sequence: begun + u64::try_from(of_one.len()).unwrap_or(0),
            tag: fresh_number().to_vec(),
        };
        let new = Replaced {
            place: &place,
            is_held,
            state: &state,
            of_one,
        };
        let put = self.store.replace(subject, expected, new);
        if put.await? {
            known.base = place.sequence;
            known.place = Some(place);
            known.pending.clear();
            known.is_overfull = false;
        }
        Ok(())
    }

    /// Keeps the journal short, and an account that is stopped for longer.
    async fn settle(&self, subject: &str, known: &mut Known, is_newly_held: bool) {
        let Some(place) = known.place.clone() else {
            return;
        };
        if place.sequence < known.base + ENTRIES_MAX && !is_newly_held {
            return;
        }
        let accounts = self.decider.carry_out(subject);
        known.is_held = accounts.iter().any(|it| it.state.is_held());
        let Ok(state) = encode(&accounts) else {
            return;
        };
        let new = Checkpoint {
            place: &place,
            is_held: known.is_held,
            state: &state,
            since_put_max: SINCE_PUT_MAX,
        };
        match self.store.checkpoint(subject, new).await {
            Ok(true) => known.base = place.sequence,
            // Another guard was quicker.
            Ok(false) => {}
            Err(error) => self.lose(&error),
        }
    }

    /// What was counted alone goes to the store, of subjects that don't act as well.
    async fn bring_pending(&self) -> RedisResult<()> {
        for shard in &self.subjects {
            let all: Vec<_> = {
                let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
                let all = shard.iter();
                all.map(|(subject, known)| (subject.clone(), known.clone()))
                    .collect()
            };
            for (subject, known) in all {
                let mut known = known.lock().await;
                if !known.pending.is_empty() || known.is_overfull {
                    self.exchange(&subject, &mut known, None).await?;
                }
            }
        }
        Ok(())
    }
}

fn encode(accounts: &[Carried]) -> RedisResult<Vec<u8>> {
    let unusable = |_| (redis::ErrorKind::TypeError, "a state can't be written").into();
    postcard::to_allocvec(accounts).map_err(unusable)
}

/// Asks a lost store again and again, until the accounts are closed.
async fn look_after(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(RETRY).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        if !shared.is_alone.load(Ordering::Relaxed) {
            continue;
        }
        shared.store.forget_connections();
        // Nobody hears that all is well before the others have what was counted here.
        if shared.meet().await.is_ok() && shared.bring_pending().await.is_ok() {
            shared.is_alone.store(false, Ordering::Relaxed);
            tracing::info!("the shared state is back: what was counted alone has been added to it");
            // And what came in between.
            if let Err(error) = shared.bring_pending().await {
                shared.lose(&error);
            }
        }
    }
}

impl Accounts for Shared {
    fn decide<'a>(&'a self, act: &'a Act) -> Deciding<'a, Decision> {
        Box::pin(async move {
            let record = Record::of_act(&self.decider, act);
            let decision = self.note(&act.subject, record).await;
            // An entry that could not be read back is decided here.
            decision.unwrap_or_else(|| self.decider.decide(act))
        })
    }

    fn fresh_signature<'a>(
        &'a self,
        subject: &'a str,
        session: Option<&'a str>,
        signature: FreshSignature,
        at: i64,
    ) -> Deciding<'a, ()> {
        Box::pin(async move {
            // Each guard is told by a stream of its own, and each appends it: the first one counts.
            let record = Record::of_signature(session, signature, at);
            self.note(subject, record).await;
        })
    }

    fn stop<'a>(&'a self, subject: &'a str, service: &'a str, stop: ToldStop) -> Deciding<'a, ()> {
        let service = service.to_owned();
        Box::pin(async move {
            // Each guard is told, and each appends it: what is known already changes nothing.
            self.note(subject, Record::Stop { service, stop }).await;
        })
    }

    fn lift_stop<'a>(
        &'a self,
        subject: &'a str,
        service: &'a str,
        sequence: i64,
        at: i64,
    ) -> Deciding<'a, ()> {
        let service = service.to_owned();
        Box::pin(async move {
            let record = Record::LiftStop {
                service,
                sequence,
                at,
            };
            self.note(subject, record).await;
        })
    }

    fn lift<'a>(&'a self, subject: &'a str, service: &'a str, at: i64) -> Deciding<'a, ()> {
        let service = service.to_owned();
        Box::pin(async move {
            self.note(subject, Record::Lift { service, at }).await;
        })
    }

    fn take_once<'a>(&'a self, names: &'a [String], kept: Duration) -> Deciding<'a, bool> {
        Box::pin(async move {
            if self.is_alone.load(Ordering::Relaxed) {
                return true;
            }
            let taken = self.store.take_once("statement", names, kept).await;
            taken.unwrap_or_else(|error| {
                self.lose(&error);
                true
            })
        })
    }

    fn held(&self, subject: &str, service: &str) -> StopHeld {
        self.decider.held(subject, service)
    }

    fn health(&self) -> Health {
        if self.is_alone.load(Ordering::Relaxed) {
            Health::Alone
        } else {
            Health::Good
        }
    }

    fn close(&self) -> Deciding<'_, ()> {
        Box::pin(async move {
            if let Err(error) = self.bring_pending().await {
                let reason = error.to_string();
                tracing::warn!(%reason, "what was counted alone stays uncounted elsewhere");
            }
        })
    }
}
