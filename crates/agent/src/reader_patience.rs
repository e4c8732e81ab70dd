//! Waiting for a reader that another program holds: the page hears of it, and can leave.

use std::time::Duration;

use cardea_card::programs_at_reader_service;

use crate::Error;
use crate::progress::{Progress, State};

/// How long a call may take before the page is told that the reader is busy: a slow card takes
/// less.
const QUIET: Duration = Duration::from_secs(2);

/// Awaits a call on a card, and ends with [`Error::PageGone`] as soon as the page has gone.
/// Dropped, the call gives itself up.
///
/// # Errors
/// The call's own, and [`Error::PageGone`].
pub(crate) async fn patiently<T>(
    progress: &Progress,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::select! {
        biased;
        outcome = announced(progress, call) => outcome,
        () = progress.page_gone() => Err(Error::PageGone),
    }
}

/// Awaits a call on a card to its end; tells the page when another program seems to be in the way.
pub(crate) async fn announced<T>(progress: &Progress, call: impl Future<Output = T>) -> T {
    tokio::pin!(call);
    if let Ok(outcome) = tokio::time::timeout(QUIET, &mut call).await {
        return outcome;
    }
    if others_use_readers().await {
        // A page that has gone is noticed by whoever awaits this.
        let _ = progress.state(State::ReaderBusy, None);
    }
    call.await
}

/// Whether it may be another program that makes a call take long, and not a slow card alone.
async fn others_use_readers() -> bool {
    let asked = tokio::task::spawn_blocking(|| !programs_at_reader_service().is_empty());
    // Elsewhere the system does not tell.
    !cfg!(target_os = "linux") || asked.await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_that_goes_ends_the_wait_and_a_call_in_time_says_nothing() {
        let (progress, mut lines) = Progress::channel();
        let quick = patiently(&progress, async { Ok(1) }).await;
        assert_eq!(quick.unwrap(), 1);
        assert!(lines.try_recv().is_err());
        drop(lines);
        let endless = patiently(&progress, std::future::pending::<Result<(), Error>>());
        assert_eq!(endless.await.unwrap_err().code(), "agent.page_gone");
    }
}
