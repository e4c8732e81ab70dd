//! Accounts in this process that survive its restart.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Mutex;

use super::snapshot::{Found, Snapshot};
use super::{Accounts, Deciding, Health};
use crate::act::number_of;
use crate::{Act, Decider, Decision, Error, FreshSignature, StopHeld, ToldStop};

/// For how long accounts of which nothing is known are doubted after a loss.
const DOUBT_MS: i64 = 86_400_000;

/// A decider that writes itself down.
pub(super) struct Kept {
    decider: Arc<Decider>,
    snapshot: Mutex<Snapshot>,
    is_unkept: AtomicBool,
}

impl Kept {
    pub(super) fn open(
        file: PathBuf,
        owner: &str,
        decider: Decider,
        every: Duration,
        now: i64,
    ) -> Result<Arc<Self>, Error> {
        let shown = file.display().to_string();
        let snapshot = Snapshot::new(file, number_of(owner.as_bytes()));
        match snapshot.read(&decider)? {
            Found::Subjects(subjects) => tracing::info!(subjects, "the snapshot is read"),
            Found::Nothing => tracing::info!(
                file = shown,
                "there is no snapshot: this guard knows nobody yet"
            ),
            Found::PutAside(reason) => {
                tracing::warn!(
                    file = shown,
                    reason,
                    "the snapshot can't be used and was put aside (.unusable): for a day each \
                     account begins half-way to its bound; stops and habits are forgotten"
                );
                decider.doubt_until(now + DOUBT_MS);
            }
        }
        let kept = Arc::new(Self {
            decider: Arc::new(decider),
            snapshot: Mutex::new(snapshot),
            is_unkept: AtomicBool::new(false),
        });
        tokio::spawn(write_again_and_again(Arc::downgrade(&kept), every));
        Ok(kept)
    }

    async fn write(&self) {
        let snapshot = self.snapshot.lock().await;
        let outcome = snapshot.write(Arc::clone(&self.decider)).await;
        let was_unkept = self.is_unkept.swap(outcome.is_err(), Ordering::Relaxed);
        if let Err(error) = outcome
            && !was_unkept
        {
            let reason = match &error {
                Error::SnapshotFailed { source, .. } => source.to_string(),
                _ => String::new(),
            };
            let code = error.code();
            tracing::warn!(%error, code, reason, "a restart would forget what is counted now");
        }
    }
}

async fn write_again_and_again(kept: Weak<Kept>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(kept) = kept.upgrade() else {
            return;
        };
        kept.write().await;
    }
}

impl Accounts for Kept {
    fn decide<'a>(&'a self, act: &'a Act) -> Deciding<'a, Decision> {
        Accounts::decide(self.decider.as_ref(), act)
    }

    fn fresh_signature<'a>(
        &'a self,
        subject: &'a str,
        session: Option<&'a str>,
        signature: FreshSignature,
        at: i64,
    ) -> Deciding<'a, ()> {
        Accounts::fresh_signature(self.decider.as_ref(), subject, session, signature, at)
    }

    fn stop<'a>(&'a self, subject: &'a str, service: &'a str, stop: ToldStop) -> Deciding<'a, ()> {
        Accounts::stop(self.decider.as_ref(), subject, service, stop)
    }

    fn lift_stop<'a>(
        &'a self,
        subject: &'a str,
        service: &'a str,
        sequence: i64,
        at: i64,
    ) -> Deciding<'a, ()> {
        Accounts::lift_stop(self.decider.as_ref(), subject, service, sequence, at)
    }

    fn lift<'a>(&'a self, subject: &'a str, service: &'a str, at: i64) -> Deciding<'a, ()> {
        Accounts::lift(self.decider.as_ref(), subject, service, at)
    }

    fn held(&self, subject: &str, service: &str) -> StopHeld {
        self.decider.held(subject, service)
    }

    fn health(&self) -> Health {
        if self.is_unkept.load(Ordering::Relaxed) {
            Health::Unkept
        } else {
            Health::Good
        }
    }

    fn close(&self) -> Deciding<'_, ()> {
        Box::pin(self.write())
    }
}
