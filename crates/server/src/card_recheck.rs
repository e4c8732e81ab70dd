//! Looking again at the cards of open sessions, a few at a time and beside everything else.

use std::time::Duration;

use cardea_provider::DueCard;
use tokio::task::JoinSet;

use crate::state::AppState;

/// How often due cards are asked for.
pub(crate) const LOOK: Duration = Duration::from_secs(2);
/// Cards judged at once: a responder that is slow is asked by no more than these, beside logins.
const AT_ONCE_MAX: u32 = 8;
/// Rounds of one look; more are left to the next.
const ROUNDS_MAX: usize = 25;

/// Judges the cards that are due, up to a bound.
pub(crate) async fn recheck_cards(state: AppState) {
    for _ in 0..ROUNDS_MAX {
        let due = match state.provider().take_due_cards(AT_ONCE_MAX).await {
            Ok(due) if due.is_empty() => return,
            Ok(due) => due,
            Err(error) => {
                tracing::error!(
                    code = error.code(),
                    "the cards of open sessions are not looked at for now"
                );
                return;
            }
        };
        let mut judging = JoinSet::new();
        for due in due {
            judging.spawn(recheck(state.clone(), due));
        }
        judging.join_all().await;
    }
}

async fn recheck(state: AppState, due: DueCard) {
    let judged = state.provider().recheck_card(&due, state.revocation());
    match judged.await {
        Ok(ended) => state.announce(ended),
        Err(error) => tracing::error!(
            code = error.code(),
            "the card of an open session could not be judged; the session goes on"
        ),
    }
}
