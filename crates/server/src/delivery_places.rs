//! How many deliveries to clients may be under way: logout tokens, pushed security events.
//!
//! Clients are told beside each other, each within bounds of its own: a dead one delays nobody
//! (attack H4), and is tried less and less.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Deliveries under way at once.
const UNDER_WAY_MAX: u32 = 256;
/// The same of one client.
const OF_CLIENT_MAX: u32 = 8;
/// The same of a client that failed the last time: whether it is back, one can tell.
const OF_UNWELL_CLIENT_MAX: u32 = 1;
/// How long a client that failed is left alone; each further failure doubles it.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What this node is at.
#[derive(Debug, Default)]
pub(crate) struct DeliveryPlaces(Mutex<UnderWay>);

#[derive(Debug, Default)]
struct UnderWay {
    all: u32,
    of_client: HashMap<String, u32>,
    unwell: HashMap<String, Unwell>,
}

/// A client that failed the last time.
#[derive(Debug)]
struct Unwell {
    pause: Duration,
    until: Instant,
}

impl DeliveryPlaces {
    /// How many more of a client may begin.
    pub(crate) fn free(&self, client_id: &str, now: Instant) -> u32 {
        self.under_way().places(client_id, now)
    }

    /// One more begins.
    pub(crate) fn begin(&self, client_id: &str) {
        self.under_way().begin(client_id);
    }

    /// One is over.
    pub(crate) fn end(&self, client_id: &str, has_failed: bool, now: Instant) {
        self.under_way().end(client_id, has_failed, now);
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    fn places(&self, client_id: &str, now: Instant) -> u32 {
        let most = match self.unwell.get(client_id) {
            Some(unwell) if now < unwell.until => 0,
            Some(_) => OF_UNWELL_CLIENT_MAX,
            None => OF_CLIENT_MAX,
        };
        let begun = self.of_client.get(client_id).copied().unwrap_or_default();
        let free = UNDER_WAY_MAX.saturating_sub(self.all);
        most.saturating_sub(begun).min(free)
    }

    fn begin(&mut self, client_id: &str) {
        self.all = self.all.saturating_add(1);
        let begun = self.of_client.entry(client_id.to_owned()).or_default();
        *begun = begun.saturating_add(1);
    }

    fn end(&mut self, client_id: &str, has_failed: bool, now: Instant) {
        self.all = self.all.saturating_sub(1);
        if let Some(begun) = self.of_client.get_mut(client_id) {
            *begun = begun.saturating_sub(1);
            if *begun == 0 {
                self.of_client.remove(client_id);
            }
        }
        if !has_failed {
            self.unwell.remove(client_id);
            return;
        }
        let unwell = self.unwell.entry(client_id.to_owned());
        let unwell = unwell.or_insert(Unwell {
            pause: PAUSE_FIRST,
            until: now,
        });
        // What was under way together fails together, and counts once.
        if unwell.until <= now {
            unwell.until = now + unwell.pause;
            unwell.pause = (unwell.pause * 2).min(PAUSE_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_client_takes_no_place_of_another_and_is_tried_less_and_less() {
        let mut now = Instant::now();
        let mut under_way = UnderWay::default();
        for _ in 0..OF_CLIENT_MAX {
            under_way.begin("dead");
        }
        assert_eq!(under_way.places("dead", now), 0);
        assert_eq!(under_way.places("other", now), OF_CLIENT_MAX);
        for _ in 0..OF_CLIENT_MAX {
            under_way.end("dead", true, now);
        }
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let pause = Duration::from_secs(seconds);
            let almost = now + pause - Duration::from_millis(1);
            assert_eq!(under_way.places("dead", almost), 0, "{seconds}");
            now += pause;
            assert_eq!(under_way.places("dead", now), OF_UNWELL_CLIENT_MAX);
            under_way.begin("dead");
            under_way.end("dead", true, now);
        }
        now += PAUSE_MAX;
        under_way.begin("dead");
        under_way.end("dead", false, now);
        assert_eq!(under_way.places("dead", now), OF_CLIENT_MAX);
        assert!(under_way.of_client.is_empty() && under_way.unwell.is_empty());
    }

    #[test]
    fn there_is_a_bound_on_all_of_them() {
        let mut under_way = UnderWay::default();
        for number in 0..UNDER_WAY_MAX {
            under_way.begin(&number.to_string());
        }
        assert_eq!(under_way.places("one more", Instant::now()), 0);
    }
}
