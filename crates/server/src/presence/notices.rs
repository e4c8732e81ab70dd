//! Notices for the agents of running sessions: one look for all connections of this node, whichever
//! node took the login, and again for an agent that comes back.

use std::sync::Arc;
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
    let Ok(notices) = state.provider().live_notices().await else {
        return;
    };
    for told in notices {
        let notice = Arc::new(told.notice);
        state.presence().tell(&told.presence_jkt, &notice);
    }
}
