//! What ends by the clock: sessions past a limit, proposals that nobody confirmed, old records,
//! aging CRLs and aging judgements.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::Instrument;

use crate::anchor_reload::follow_anchors;
use crate::card_recheck::{self, recheck_cards};
use crate::client_reload::follow_clients;
use crate::clock::SystemClock;
use crate::state::AppState;

/// A session ends at most this much after its limit.
const SWEEP: Duration = Duration::from_secs(2);
/// Agents' answers wait at most this long for the database.
const RENEW: Duration = Duration::from_secs(2);
/// A client or an anchor that was added or taken out by command is known to every node after this.
const FOLLOW: Duration = Duration::from_secs(1);
/// A proposal of operators is over at most this much after its time.
const EXPIRE: Duration = Duration::from_secs(5);
const FORGET: Duration = Duration::from_secs(60);
const REFRESH_LISTS: Duration = Duration::from_secs(60);
/// Rounds of one sweep; each ends a bounded number of sessions.
const ROUNDS_MAX: usize = 50;

/// Starts the tasks; they end when the state stops.
pub(crate) fn start(state: &AppState) {
    spawn(state, SWEEP, sweep);
    spawn(state, RENEW, renew_presences);
    // One by one: neither waits for what keeps the other.
    spawn(state, FOLLOW, async |state| {
        follow_clients(state.provider()).await;
    });
    spawn(state, FOLLOW, async |state| follow_anchors(&state).await);
    spawn(state, EXPIRE, expire_approvals);
    spawn(state, FORGET, forget);
    spawn(state, card_recheck::LOOK, recheck_cards);
    spawn(state, REFRESH_LISTS, refresh_lists);
}

/// Writes down what only memory knows, before the program ends.
pub(crate) async fn write_rest(state: &AppState) {
    renew_presences(state.clone()).await;
}

/// Does some work now and then, until the state stops.
pub(crate) fn spawn<F, Fut>(state: &AppState, every: Duration, work: F)
where
    F: Fn(AppState) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let state = state.clone();
    let task = async move {
        let mut stopped = pin!(state.stopped());
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => work(state.clone()).await,
                () = &mut stopped => return,
            }
        }
    };
    let span = tracing::info_span!("sweeper");
    tokio::spawn(task.instrument(span));
}

async fn sweep(state: AppState) {
    if let Some(behind) = SystemClock::newly_behind() {
        tracing::error!(
            seconds = behind.whole_seconds(),
            code = "server.clock_set_back",
            "the machine's clock was set back; this program goes on without it"
        );
    }
    for _ in 0..ROUNDS_MAX {
        match state.provider().sweep().await {
            Ok(ended) if ended.is_empty() => return,
            Ok(ended) => state.announce(ended),
            Err(error) => {
                tracing::error!(
                    code = error.code(),
                    "sessions past their limits stay open for now"
                );
                return;
            }
        }
    }
}

/// Writes down which agents have answered. What fails is lost: the agents answer again before the
/// grace period is over, and a database that was away longer ends nobody's session.
async fn renew_presences(state: AppState) {
    let answered = state.presence_leases().take();
    let sessions: Vec<String> = answered.keys().cloned().collect();
    match state.provider().renew_presences(&sessions).await {
        Ok(over) => {
            for (session, reason) in over {
                let reason = reason.map_or("ended", |reason| reason.as_str());
                if let Some(jkt) = answered.get(&session) {
                    state.presence().end(jkt, reason);
                }
            }
        }
        Err(error) => {
            tracing::error!(code = error.code(), "agents' answers are not on record");
        }
    }
}

/// Deletes batch after batch, and rests as long as each took: however much is over, at least half
/// of the database's time is left to people.
async fn forget(state: AppState) {
    let mut stopped = pin!(state.stopped());
    let mut total = 0;
    loop {
        let begun = Instant::now();
        match state.provider().forget_ended().await {
            Ok(0) => break,
            Ok(rows) => total += rows,
            Err(error) => {
                tracing::error!(code = error.code(), "old records stay for now");
                break;
            }
        }
        tokio::select! {
            () = sleep(begun.elapsed()) => {}
            () = &mut stopped => break,
        }
    }
    if total > 0 {
        tracing::info!(rows = total, "old records are deleted");
    }
}

async fn expire_approvals(state: AppState) {
    if let Err(error) = state.provider().expire_approvals().await {
        tracing::error!(
            code = error.code(),
            "proposals that nobody confirmed in time wait for now"
        );
    }
}

async fn refresh_lists(state: AppState) {
    state.revocation().refresh_lists().await;
}
