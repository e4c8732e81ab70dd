//! What checking the codes that suspend cards may cost (attack L1).
//!
//! A code has 50 secret bits, and each check is a slow digest: what bounds the checks that are made
//! bounds the guesses. Nobody who guesses may keep a right code out, or whoever stole a card would
//! keep it alive by typing: so no count refuses a code, it waits. Checks stand in two queues, and
//! each runs one at a time and rests after it, which leaves the processors to the logins. In the
//! first one stand addresses that have brought few wrong codes (`rate_limit.rs`), in the other one
//! those that have brought many: her telephone does not wait for a robot. A queue has an end: what
//! finds no place is told to come again in a few seconds, and is neither read nor counted.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

/// Who stands before a check, in each queue: with its rests, a few seconds.
const CALM_PLACES: usize = 500;
const CROWDED_PLACES: usize = 100;
/// From one check to the next of the same queue. A digest takes some five milliseconds: at most
/// half a processor and a fifth of one, and fewer than 250 checks a second in all.
const CALM_REST: Duration = Duration::from_millis(5);
const CROWDED_REST: Duration = Duration::from_millis(20);

/// The queues.
#[derive(Debug)]
pub(crate) struct SuspendThrottle {
    calm: Queue,
    crowded: Queue,
}

/// Where somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Her address has brought few wrong codes.
    Calm,
    /// It has brought many.
    Crowded,
}

#[derive(Debug)]
struct Queue {
    places: Arc<Semaphore>,
    /// One.
    turn: Arc<Semaphore>,
    rest: Duration,
}

/// Whoever has it checks a code; the next one's turn comes when it is dropped, after the rest.
#[derive(Debug)]
#[must_use = "a turn lasts as long as this"]
pub(crate) struct Turn {
    /// Taken when it ends.
    held: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
    rest: Duration,
}

impl Default for SuspendThrottle {
    fn default() -> Self {
        Self {
            calm: Queue::new(CALM_PLACES, CALM_REST),
            crowded: Queue::new(CROWDED_PLACES, CROWDED_REST),
        }
    }
}

impl SuspendThrottle {
    /// Waits for a turn; none where too many wait already.
    pub(crate) async fn wait(&self, standing: Standing) -> Option<Turn> {
        let queue = match standing {
            Standing::Calm => &self.calm,
            Standing::Crowded => &self.crowded,
        };
        let place = Arc::clone(&queue.places).try_acquire_owned().ok()?;
        let turn = Arc::clone(&queue.turn).acquire_owned().await.ok()?;
        Some(Turn {
            held: Some((turn, place)),
            rest: queue.rest,
        })
    }
}

impl Queue {
    fn new(places: usize, rest: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            turn: Arc::new(Semaphore::new(1)),
            rest,
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (held, rest) = (self.held.take(), self.rest);
        // Without a runtime the program ends, and nobody waits.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                sleep(rest).await;
                drop(held);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{
        CALM_PLACES, CALM_REST, CROWDED_PLACES, CROWDED_REST, Standing, SuspendThrottle, Turn,
    };

    /// As many as there are places; the first of them has its turn.
    async fn fill(throttle: &Arc<SuspendThrottle>, standing: Standing, places: usize) -> Turn {
        let first = throttle.wait(standing).await.unwrap();
        for _ in 1..places {
            let throttle = Arc::clone(throttle);
            tokio::spawn(async move { throttle.wait(standing).await });
        }
        let queue = match standing {
            Standing::Calm => &throttle.calm,
            Standing::Crowded => &throttle.crowded,
        };
        // A runtime runs some sixty tasks between two looks at this one.
        while queue.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        first
    }

    #[tokio::test]
    async fn l1_who_guesses_waits_apart_and_in_a_queue_with_an_end() {
        let throttle = Arc::new(SuspendThrottle::default());
        let turn = fill(&throttle, Standing::Crowded, CROWDED_PLACES).await;
        assert!(throttle.wait(Standing::Crowded).await.is_none(), "full");
        let calm = throttle.wait(Standing::Calm).await;
        assert!(calm.is_some(), "another address does not wait for them");
        drop(turn);
        tokio::time::sleep(CROWDED_REST * 2).await;
        let later = throttle.wait(Standing::Crowded).await;
        assert!(later.is_some(), "nobody is shut out for good");
    }

    #[tokio::test]
    async fn l1_one_is_checked_at_a_time_and_then_there_is_a_rest() {
        let throttle = Arc::new(SuspendThrottle::default());
        let begun = std::time::Instant::now();
        for _ in 0..10 {
            drop(throttle.wait(Standing::Calm).await.unwrap());
        }
        assert!(begun.elapsed() >= CALM_REST * 9);
        let turn = fill(&throttle, Standing::Calm, CALM_PLACES).await;
        assert!(throttle.wait(Standing::Calm).await.is_none(), "full");
        drop(turn);
    }
}
