//! Work that goes on when its caller hangs up.
//!
//! A handler is dropped wherever it waits as soon as its connection is gone. What has an effect
//! and puts it on record must not stop between the two because somebody closed a window.

use tracing::Instrument;

/// Runs `work` to its end; none when it panicked.
pub(crate) async fn to_the_end<F>(work: F) -> Option<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // Never aborted: a dropped handle leaves the task running.
    let task = tokio::spawn(work.in_current_span());
    match task.await {
        Ok(output) => Some(output),
        Err(_) => {
            tracing::error!(
                code = "server.internal",
                "a request's work ended in a panic"
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::to_the_end;

    #[tokio::test]
    async fn work_goes_on_when_its_caller_is_gone() {
        let (go_on, wait) = oneshot::channel::<()>();
        let (done, finished) = oneshot::channel();
        let work = to_the_end(async move {
            wait.await.unwrap();
            done.send("on record").unwrap();
        });
        let caller = timeout(Duration::from_millis(20), work);
        assert!(caller.await.is_err(), "the caller hangs up");
        go_on.send(()).unwrap();
        assert_eq!(finished.await.unwrap(), "on record");
    }

    #[tokio::test]
    async fn a_panic_is_no_outcome() {
        let panicking = to_the_end(async {
            assert_eq!(1, 2, "on purpose");
        });
        assert_eq!(panicking.await, None);
    }
}
