//! Events that this process has committed, until each is found in the tree as it was written.
//!
//! Between its commit and its place under a signed checkpoint, a second or so, nothing but the row
//! itself says that there was an event. Whoever has the database can take it out, change it or keep
//! it from its place, and the tree would not know; the process that wrote it does.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cardea_ledger::{Appended, Fate, look_for};
use cardea_storage::Store;
use tokio::time::Instant;

/// Events that are remembered. Where nothing gets a place any more for long, the oldest of them are
/// not looked for; operators have been told by then.
const REMEMBERED_MAX: usize = 100_000;
/// Events that are looked for in one round: some queries.
const ROUND: usize = 2_000;

/// What was committed here and not found again yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Committed(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<VecDeque<Waiting>>,
    left_out: AtomicU64,
    missed: AtomicU64,
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

    /// Looks for what was committed longer ago than this, and says what is missed. What waits for
    /// its place is looked for again.
    ///
    /// # Errors
    /// Those of the database: then everything is looked for again.
    pub(crate) async fn look(
        &self,
        store: &Store,
        age: Duration,
    ) -> Result<Vec<Missed>, cardea_ledger::Error> {
        let due = self.take_due(age);
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let events: Vec<Appended> = due.iter().map(|it| it.event.clone()).collect();
        let fates = async {
            let mut reading = store.begin_read().await?;
            look_for(&mut reading, &events).await
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
                Fate::Vanished | Fate::Altered => missed.push(Missed {
                    event: one.event,
                    is_altered: fate == Fate::Altered,
                }),
            }
        }
        self.put_back(again);
        let count = u64::try_from(missed.len()).unwrap_or(u64::MAX);
        self.0.missed.fetch_add(count, Ordering::Relaxed);
        Ok(missed)
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

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        let waiting = &self.0.waiting;
        waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cardea_ledger::{Appended, append};
    use cardea_storage::Store;
    use cardea_storage::event::EventRecord;
    use time::OffsetDateTime;

    use super::{Committed, REMEMBERED_MAX};

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
        assert!(committed.look(&store, later).await.unwrap().is_empty());
        assert_eq!(committed.missed(), 0, "it is too soon");
        let missed = committed.look(&store, Duration::ZERO).await.unwrap();
        let ids: Vec<_> = missed.iter().map(|it| it.event.event_id.as_str()).collect();
        assert_eq!((ids.as_slice(), committed.missed()), (&["event-2"][..], 1));
        assert!(!missed[0].is_altered);
        let again = committed.look(&store, Duration::ZERO).await.unwrap();
        assert!(again.is_empty());
        assert!(committed.waits_longer_than(Duration::ZERO));
        assert!(!committed.waits_longer_than(later));
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
        // However many wait, each round asks of some.
        assert!(
            committed
                .look(&store, Duration::ZERO)
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(committed.lock().len(), REMEMBERED_MAX);
    }
}
