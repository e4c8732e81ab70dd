//! Reads whose caller waits once, before it answers, instead of after each statement.
//!
//! What a transaction reads may not be durable yet ([`crate::flush`]). Whoever answers a request
//! notes how far its reads have seen, holds no connection while it waits, and waits for the last of
//! them alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;
use crate::flush::{Flushes, Haste};
use crate::hooks::Hooks;

tokio::task_local! {
    static AHEAD: Arc<Ahead>;
}

struct Ahead {
    flushes: Arc<Flushes>,
    /// The last commit that a read may have seen.
    at: AtomicU64,
}

/// Runs `work`, and gives its outcome once all that it has read is durable.
pub(crate) async fn settled<F: Future>(
    flushes: &Arc<Flushes>,
    work: F,
) -> Result<F::Output, Error> {
    let ahead = Arc::new(Ahead {
        flushes: Arc::clone(flushes),
        at: AtomicU64::new(0),
    });
    let outcome = AHEAD.scope(Arc::clone(&ahead), work).await;
    let at = ahead.at.load(Ordering::SeqCst);
    flushes.wait(at, Haste::Answer, Hooks::default()).await?;
    Ok(outcome)
}

/// Notes what was seen, where somebody waits for it before it is told; else the reader must.
pub(crate) fn note(flushes: &Arc<Flushes>, at: u64) -> bool {
    let noted = AHEAD.try_with(|ahead| {
        let is_same = Arc::ptr_eq(&ahead.flushes, flushes);
        if is_same {
            ahead.at.fetch_max(at, Ordering::SeqCst);
        }
        is_same
    });
    noted.unwrap_or(false)
}

/// Has `work`, which a task of its own is to run, read on behalf of the running request. Only for
/// work whose outcome that request waits for: it tells nobody else what it has read.
pub fn for_this_request<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let ahead = AHEAD.try_with(Arc::clone).ok();
    async move {
        match ahead {
            Some(ahead) => AHEAD.scope(ahead, work).await,
            None => work.await,
        }
    }
}
