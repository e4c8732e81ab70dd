//! Events that this process has committed, until each is found in the tree as it was written.
//!
//! Between its commit and its place under a signed checkpoint, a second or so, nothing but the row
//! itself says that there was an event. Whoever has the database can take it out, change it or keep
//! it from its place, and the tree would not know; the process that wrote it does.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cardea_ledger::{Appended, Fate, VerifierKey, look_for};
use cardea_storage::Store;
use cardea_transparency::Hash;
use tokio::time::Instant;

/// Events that are remembered. Where nothing gets a place any more for long, the oldest of them are
/// not looked for; operators have been told by then.
const REMEMBERED_MAX: usize = 100_000;
/// Events that are looked for in one round: some queries.
const ROUND: usize = 2_000;
/// Missed events that wait to be put on record; the server's own log has told of every one.
const MISSED_MAX: usize = 10_000;

/// What was committed here and not found again yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Committed(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<VecDeque<Waiting>>,
    left_out: AtomicU64,
    missed: AtomicU64,
    /// Those that are not on record yet.
    unrecorded: Mutex<Vec<Missed>>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    event: Appended,
}

/// An event that is not in the tree as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missed {
    pub(crate) event: Appended,
    /// Whether something else stands at its place.
    pub(crate) is_altered: bool,
    /// Whether the server's own log has told of it.
    pub(crate) is_told: bool,
}

impl Committed {
    /// Remembers an event that is durable now.
    pub(crate) fn remember(&self, event: Appended) {
        let mut waiting = self.lock();
        if waiting.len() >= REMEMBERED_MAX {
            waiting.pop_front();
            if self.0.left_out.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::warn!(
                    "so many events wait for their places in the log that this node no longer \
                     remembers all of its own"
                );
            }
        }
        let since = Instant::now();
        waiting.push_back(Waiting { since, event });
    }

    /// What this node itself has put into the tree and signed needs no looking for.
    pub(crate) fn find_signed(&self, signed: &[(String, Hash)]) {
        if signed.is_empty() {
            return;
        }
        let signed: HashMap<&str, &Hash> = signed
            .iter()
            .map(|(id, entry)| (id.as_str(), entry))
            .collect();
        let mut altered = Vec::new();
        self.lock().retain(|one| {
            let entry = signed.get(one.event.event_id.as_str());
            if entry.is_some_and(|it| **it != one.event.entry) {
                altered.push(Missed::new(one.event.clone(), true));
            }
            entry.is_none()
        });
        self.miss(altered);
    }

    /// Looks for what was committed longer ago than this; [`take_missed`](Self::take_missed) gives
    /// what is missed. What waits for its place is looked for again. `key` is the log's, once it is
    /// open.
    ///
    /// # Errors
    /// Those of the database: then what is left is looked for again.
    pub(crate) async fn look(
        &self,
        store: &Store,
        key: Option<&VerifierKey>,
        age: Duration,
    ) -> Result<(), cardea_ledger::Error> {
        // However many there are, each is looked for: events come faster than any one round goes.
        let rounds = self.lock().len() / ROUND + 1;
        for _ in 0..rounds {
            let due = self.take_due(age);
            let is_last = due.len() < ROUND;
            self.look_for(store, key, due).await?;
            if is_last {
                break;
            }
        }
        Ok(())
    }

    async fn look_for(
        &self,
        store: &Store,
        key: Option<&VerifierKey>,
        due: Vec<Waiting>,
    ) -> Result<(), cardea_ledger::Error> {
        if due.is_empty() {
            return Ok(());
        }
        let events: Vec<Appended> = due.iter().map(|it| it.event.clone()).collect();
        let fates = async {
            let mut reading = store.begin_read().await?;
            look_for(&mut reading, &events, key).await
        };
        let fates = match fates.await {
            Ok(fates) => fates,
            Err(error) => {
                self.put_back(due);
                return Err(error);
            }
        };
        let (mut missed, mut again) = (Vec::new(), Vec::new());
        for (one, fate) in due.into_iter().zip(fates) {
            match fate {
                Fate::Placed => {}
                Fate::Waiting => again.push(one),
                Fate::Vanished => missed.push(Missed::new(one.event, false)),
                Fate::Altered => missed.push(Missed::new(one.event, true)),
            }
        }
        self.put_back(again);
        self.miss(missed);
        Ok(())
    }

    fn miss(&self, missed: Vec<Missed>) {
        let count = u64::try_from(missed.len()).unwrap_or(u64::MAX);
        self.0.missed.fetch_add(count, Ordering::Relaxed);
        self.lock_unrecorded().extend(missed);
    }

    /// What is missed and not on record yet.
    pub(crate) fn take_missed(&self) -> Vec<Missed> {
        std::mem::take(&mut *self.lock_unrecorded())
    }

    /// What could not be put on record, and has been told otherwise: it is tried again.
    pub(crate) fn put_off(&self, mut missed: Vec<Missed>) {
        for it in &mut missed {
            it.is_told = true;
        }
        let mut unrecorded = self.lock_unrecorded();
        let room = MISSED_MAX.saturating_sub(unrecorded.len());
        missed.truncate(room);
        unrecorded.append(&mut missed);
    }

    /// How many events were missed since the start.
    pub(crate) fn missed(&self) -> u64 {
        self.0.missed.load(Ordering::Relaxed)
    }

    /// Whether one has waited for its place for longer than this, by this process's own clock,
    /// whatever the rows say.
    pub(crate) fn waits_longer_than(&self, time: Duration) -> bool {
        let waiting = self.lock();
        let oldest = waiting.iter().map(|it| it.since).min();
        oldest.is_some_and(|since| since.elapsed() > time)
    }

    fn take_due(&self, age: Duration) -> Vec<Waiting> {
        let mut waiting = self.lock();
        let mut due = Vec::new();
        let mut young = VecDeque::new();
        while let Some(one) = waiting.pop_front() {
            if due.len() < ROUND && one.since.elapsed() >= age {
                due.push(one);
            } else {
                young.push_back(one);
                if due.len() == ROUND {
                    break;
                }
            }
        }
        young.append(&mut waiting);
        *waiting = young;
        due
    }

    /// Behind the others, so that each comes to its turn.
    fn put_back(&self, again: Vec<Waiting>) {
        self.lock().extend(again);
    }

    fn lock_unrecorded(&self) -> MutexGuard<'_, Vec<Missed>> {
        let unrecorded = &self.0.unrecorded;
        unrecorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        let waiting = &self.0.waiting;
        waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Missed {
    fn new(event: Appended, is_altered: bool) -> Self {
        Self {
            event,
            is_altered,
            is_told: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cardea_ledger::{Appended, append};
    use cardea_storage::Store;
    use cardea_storage::event::EventRecord;
    use time::OffsetDateTime;

    use super::{Committed, REMEMBERED_MAX, ROUND};

    fn event(number: usize) -> EventRecord {
        EventRecord {
            id: format!("event-{number}"),
            kind: "login.accepted".to_owned(),
            occurred_at: OffsetDateTime::UNIX_EPOCH,
            authorization_request_id: None,
            session_id: None,
            sub: Some("sub".to_owned()),
            client_id: None,
            code: None,
            details: "{}".to_owned(),
        }
    }

    async fn appended(store: &Store, number: usize) -> Appended {
        let mut transaction = store.begin().await.unwrap();
        let appended = append(&mut transaction, &event(number)).await.unwrap();
        transaction.commit().await.unwrap();
        appended.unwrap()
    }

    /// Looks for everything, and gives the ids of what is missed.
    async fn missed(committed: &Committed, store: &Store, age: Duration) -> Vec<String> {
        committed.look(store, None, age).await.unwrap();
        let missed = committed.take_missed().into_iter();
        missed.map(|it| it.event.event_id).collect()
    }

    #[tokio::test]
    async fn what_is_gone_is_missed_once_and_what_waits_is_looked_for_again() {
        let store = Store::open_in_memory().await.unwrap();
        let committed = Committed::default();
        let waiting = appended(&store, 1).await;
        committed.remember(waiting.clone());
        let mut gone = waiting;
        gone.event_id = "event-2".to_owned();
        committed.remember(gone.clone());
        let later = Duration::from_secs(60);
        assert!(missed(&committed, &store, later).await.is_empty());
        assert_eq!(committed.missed(), 0, "it is too soon");
        let found = missed(&committed, &store, Duration::ZERO).await;
        assert_eq!((found, committed.missed()), (vec![gone.event_id], 1));
        assert!(missed(&committed, &store, Duration::ZERO).await.is_empty());
        assert!(committed.waits_longer_than(Duration::ZERO));
        assert!(!committed.waits_longer_than(later));
    }

    /// As many come in five seconds on a busy morning as several rounds look for.
    #[tokio::test]
    async fn however_many_were_committed_one_look_comes_to_all_of_them() {
        let store = Store::open_in_memory().await.unwrap();
        let committed = Committed::default();
        let mut gone = appended(&store, 1).await;
        gone.event_id = "event-2".to_owned();
        let count = 3 * ROUND + 1;
        for _ in 0..count {
            committed.remember(gone.clone());
        }
        let found = missed(&committed, &store, Duration::ZERO).await;
        assert_eq!(found.len(), count);
        assert!(!committed.waits_longer_than(Duration::ZERO));
    }

    #[tokio::test]
    async fn what_this_node_signed_itself_is_found_and_another_entry_of_its_name_is_altered() {
        let store = Store::open_in_memory().await.unwrap();
        let committed = Committed::default();
        let (one, other) = (appended(&store, 1).await, appended(&store, 2).await);
        committed.remember(one.clone());
        committed.remember(other.clone());
        committed.find_signed(&[
            (one.event_id.clone(), one.entry),
            (other.event_id.clone(), one.entry),
            ("of another node".to_owned(), one.entry),
        ]);
        assert!(!committed.waits_longer_than(Duration::ZERO));
        let missed = committed.take_missed();
        let ids: Vec<_> = missed.iter().map(|it| &it.event.event_id).collect();
        assert_eq!((ids, committed.missed()), (vec![&other.event_id], 1));
        assert!(missed[0].is_altered && !missed[0].is_told);
        // What cannot be put on record now is put on record later, and told once.
        committed.put_off(missed);
        let again = committed.take_missed();
        assert!(again[0].is_told && again.len() == 1);
        assert_eq!(committed.missed(), 1);
    }

    #[tokio::test]
    async fn no_more_is_remembered_than_fits() {
        let store = Store::open_in_memory().await.unwrap();
        let committed = Committed::default();
        let one = appended(&store, 1).await;
        for _ in 0..=REMEMBERED_MAX {
            committed.remember(one.clone());
        }
        assert_eq!(committed.lock().len(), REMEMBERED_MAX);
        assert!(missed(&committed, &store, Duration::ZERO).await.is_empty());
        assert_eq!(committed.lock().len(), REMEMBERED_MAX, "all of them wait");
    }
}
