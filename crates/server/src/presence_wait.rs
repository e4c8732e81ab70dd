//! Waiting until the presence key of a new session has answered on the agent's own connection.

use std::time::Duration;

use cardea_provider::{Error, PendingSession, SessionState};
use tokio::time::{Instant, sleep, timeout_at};

use crate::state::AppState;

/// How often the session is looked at, should its agent be connected to another node.
const POLL: Duration = Duration::from_millis(500);

/// Where the session stands once its key has answered, or when the wait is over; none when the
/// session is unknown.
pub(crate) async fn settled(
    state: &AppState,
    pending: &PendingSession,
) -> Result<Option<SessionState>, Error> {
    let wait = Duration::from_secs(u64::from(state.presence_config().wait_seconds));
    let until = Instant::now() + wait;
    let waiting = state.presence().wait_for(&pending.presence_jkt);
    loop {
        let found = state
            .provider()
            .find_session_state(&pending.session_id)
            .await?;
        if found != Some(SessionState::Pending) || Instant::now() >= until {
            return Ok(found);
        }
        let changed = async {
            tokio::select! {
                () = waiting.notified() => {}
                () = sleep(POLL) => {}
            }
        };
        // The time being up is found out by the next look.
        let _ = timeout_at(until, changed).await;
    }
}
