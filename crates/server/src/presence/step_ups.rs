//! Questions that wait for the connection of their session: one look for all of them, whichever
//! node took the guard's report, and again for an agent that comes back.

use std::time::Duration;

use crate::state::AppState;
use crate::sweeper::spawn;

/// How often it is looked for them.
const LOOK: Duration = Duration::from_millis(500);

/// Starts to look; it ends when the state stops.
pub(crate) fn start(state: &AppState) {
    spawn(state, LOOK, look);
}

async fn look(state: AppState) {
    if state.presence().count() == 0 {
        return;
    }
    // Where the database does not answer, the leases of these connections say so.
    let Ok(waiting) = state.provider().waiting_step_ups().await else {
        return;
    };
    for question in waiting {
        state
            .presence()
            .ask_step_up(&question.presence_jkt, &question.challenge);
    }
}
