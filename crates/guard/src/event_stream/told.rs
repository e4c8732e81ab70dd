//! Who is told of what the stream says beside ends: a guard, which may come after the first poll.

use std::sync::{Mutex, OnceLock, PoisonError};

use crate::{Guard, ToldStop};

/// News that wait for a guard; of more, which nobody asked for in all that time, none is kept.
const WAITING_MAX: usize = 20_000;

/// An account is stopped at a service, or no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StopNews {
    /// The account, as the tokens call it.
    pub(crate) subject: String,
    pub(crate) service: String,
    pub(crate) change: StopChange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopChange {
    Stopped(ToldStop),
    /// The stop of this number is lifted.
    Lifted(i64),
}

/// The guard, once there is one, and what it has to hear first.
#[derive(Default)]
pub(crate) struct Told {
    guard: OnceLock<Guard>,
    waiting: Mutex<Vec<StopNews>>,
}

impl Told {
    pub(crate) fn get(&self) -> Option<&Guard> {
        self.guard.get()
    }

    /// The first guard stays. Gives back what it has not heard.
    pub(crate) fn set(&self, guard: Guard) -> Vec<StopNews> {
        match self.guard.set(guard) {
            Ok(()) => {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::take(&mut *waiting)
            }
            Err(_) => Vec::new(),
        }
    }

    /// Tells the guard, or keeps it until there is one. Order does not matter: stops are numbered.
    pub(crate) async fn tell(&self, news: StopNews) {
        if let Some(guard) = self.guard_or_wait(&news) {
            guard.hear(&news).await;
        }
    }

    fn guard_or_wait(&self, news: &StopNews) -> Option<&Guard> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let guard = self.guard.get();
        if guard.is_none() && waiting.len() < WAITING_MAX {
            waiting.push(news.clone());
        }
        guard
    }
}
