//! Takes what may be used once, before anything that follows from it.
//!
//! On SQLite those who ask at the same moment share one transaction: a commit costs nearly as much
//! for one row as for twenty, and each of them would write the same last pages again. Each still
//! has an outcome of its own, which it is told after the commit; who is left without one, because
//! the shared transaction failed, tries alone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::task::yield_now;

use crate::dpop_key::{self, KeyOwner};
use crate::spent_jti::{self, Spending};
use crate::{Error, Store, Transaction};

/// Those that share a transaction: others wait for it to write.
const SHARED_MAX: usize = 64;

/// A signed value that is to be used now, and never again.
#[derive(Clone, Debug)]
pub struct Spend {
    /// SHA-256 of whose it is and of its `jti`.
    pub jti_sha256: String,
    /// From when on it would be refused for its age.
    pub expires_at: OffsetDateTime,
    /// The key of a DPoP proof, which must be its client's.
    pub key: Option<KeyUse>,
}

/// The use of a DPoP key by a client.
#[derive(Clone, Debug)]
pub struct KeyUse {
    /// The key's thumbprint.
    pub jkt: String,
    /// The client.
    pub client_id: String,
    /// Until when the key stays its client's, at least.
    pub expires_at: OffsetDateTime,
    /// When it is used.
    pub now: OffsetDateTime,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// Used now, for the first time on any node.
    First,
    /// Used before.
    Repeated,
    /// Not used: the key is another client's.
    KeyOfAnother,
}

/// Those who wait for the next shared transaction.
#[derive(Debug, Default)]
pub(crate) struct Spends(Mutex<VecDeque<Waiting>>);

#[derive(Debug)]
struct Waiting {
    spend: Arc<Spend>,
    tell: oneshot::Sender<Spent>,
}

impl Store {
    /// Takes a signed value for good. It is durable with the next commit that asks for it, as after
    /// [`Transaction::commit_with_the_next`]. Call this outside any transaction.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::FlushFailed`].
    pub async fn spend(&self, spend: Spend) -> Result<Spent, Error> {
        let Some(spends) = self.spends() else {
            return self.spend_alone(&spend).await;
        };
        let spend = Arc::new(spend);
        let mut told = spends.enter(&spend);
        // Whoever else is about to ask comes along.
        yield_now().await;
        let outcome = loop {
            match told.try_recv() {
                Ok(outcome) => break Some(outcome),
                Err(TryRecvError::Closed) => break None,
                Err(TryRecvError::Empty) if spends.is_empty() => break told.await.ok(),
                // What it failed at is told to nobody: each meets it when it tries alone.
                Err(TryRecvError::Empty) => drop(self.spend_together(spends).await),
            }
        };
        match outcome {
            Some(outcome) => Ok(outcome),
            None => self.spend_alone(&spend).await,
        }
    }

    /// Those who wait, as many as may share a transaction, whoever they are.
    async fn spend_together(&self, spends: &Spends) -> Result<(), Error> {
        let mut transaction = match self.begin().await {
            Ok(transaction) => transaction,
            Err(error) => {
                drop(spends.take());
                return Err(error);
            }
        };
        let shared = spends.take();
        let mut outcomes = Vec::with_capacity(shared.len());
        for waiting in &shared {
            outcomes.push(waiting.spend.carry_out(&mut transaction).await?);
        }
        transaction.commit_with_the_next().await?;
        for (waiting, outcome) in shared.into_iter().zip(outcomes) {
            // Who has gone away has used it all the same.
            let _ = waiting.tell.send(outcome);
        }
        Ok(())
    }

    async fn spend_alone(&self, spend: &Spend) -> Result<Spent, Error> {
        let mut transaction = self.begin().await?;
        let outcome = spend.carry_out(&mut transaction).await?;
        transaction.commit_with_the_next().await?;
        Ok(outcome)
    }
}

impl Spend {
    async fn carry_out(&self, transaction: &mut Transaction) -> Result<Spent, Error> {
        let spending = spent_jti::spend(transaction, &self.jti_sha256, self.expires_at).await?;
        if spending == Spending::Repeated {
            return Ok(Spent::Repeated);
        }
        let Some(key) = &self.key else {
            return Ok(Spent::First);
        };
        let (jkt, client_id) = (&key.jkt, &key.client_id);
        let noting = dpop_key::record_use(transaction, jkt, client_id, key.expires_at, key.now);
        if noting.await? == KeyOwner::Client {
            return Ok(Spent::First);
        }
        spent_jti::give_back(transaction, &self.jti_sha256).await?;
        Ok(Spent::KeyOfAnother)
    }
}

impl Spends {
    fn enter(&self, spend: &Arc<Spend>) -> oneshot::Receiver<Spent> {
        let (tell, told) = oneshot::channel();
        let spend = Arc::clone(spend);
        self.waiting().push_back(Waiting { spend, tell });
        told
    }

    fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting();
        let shared = waiting.len().min(SHARED_MAX);
        waiting.drain(..shared).collect()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        // Each change is one step: the list is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::{KeyUse, Spend, Spent};
    use crate::Store;

    fn spend(jti: &str, client_id: &str) -> Spend {
        let now = OffsetDateTime::UNIX_EPOCH;
        Spend {
            jti_sha256: jti.to_owned(),
            expires_at: now + Duration::minutes(1),
            key: Some(KeyUse {
                jkt: "jkt".to_owned(),
                client_id: client_id.to_owned(),
                expires_at: now + Duration::minutes(1),
                now,
            }),
        }
    }

    /// One thread: all have asked before the first of them goes on.
    #[tokio::test]
    async fn those_who_ask_together_share_a_commit_and_each_has_its_outcome() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/cardea.sqlite", folder.path().display());
        let store = Store::open(&url).await.unwrap();
        let before = store.commits();
        let asked = [
            ("a", "portal", Spent::First),
            ("b", "portal", Spent::First),
            ("a", "portal", Spent::Repeated),
            ("c", "other", Spent::KeyOfAnother),
            ("c", "portal", Spent::First),
        ];
        let tasks = asked.map(|(jti, client_id, _)| {
            let (store, spend) = (store.clone(), spend(jti, client_id));
            tokio::spawn(async move { store.spend(spend).await.unwrap() })
        });
        for (task, (jti, client_id, expected)) in tasks.into_iter().zip(asked) {
            assert_eq!(task.await.unwrap(), expected, "{jti} {client_id}");
        }
        assert_eq!(store.commits() - before, 1);
        let again = store.spend(spend("b", "portal")).await.unwrap();
        assert_eq!(again, Spent::Repeated);
        store.close().await;
        let refused = store.spend(spend("d", "portal")).await.unwrap_err();
        assert_eq!(refused.code(), "storage.unavailable");
    }
}
