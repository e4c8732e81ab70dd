//! Work that goes on when its caller hangs up.
//!
//! A handler is dropped wherever it waits as soon as its connection is gone. What has an effect
//! and puts it on record must not stop between the two because somebody closed a window.

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use cardea_storage::for_this_request;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::Instrument;

use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::security_headers::secure;
use crate::state::AppState;

/// Requests that are answered at once, waited for or not: more than connections that stand still.
/// A caller that takes requests back as fast as it sends them cannot have more of them run.
const RUNNING_MAX: u32 = 4_096;

/// The requests that are being answered.
#[derive(Clone, Debug)]
pub(crate) struct Running(Arc<Semaphore>);

impl Default for Running {
    fn default() -> Self {
        let places = usize::try_from(RUNNING_MAX).unwrap_or(Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(places)))
    }
}

impl Running {
    /// Waits until none is left, for at most so long.
    pub(crate) async fn end(&self, within: Duration) {
        let _ = timeout(within, self.0.acquire_many(RUNNING_MAX)).await;
    }
}

/// Answers a request to its end, its line in the log included, once it has begun.
pub(crate) async fn answer_to_the_end<F>(state: &AppState, answering: F) -> Response
where
    F: Future<Output = Response> + Send + 'static,
{
    // Whoever hangs up while it waits here has begun nothing.
    let place = Arc::clone(&state.running().0).acquire_owned().await;
    let answered = to_the_end(async move {
        let answer = answering.await;
        drop(place);
        answer
    });
    let is_https = state.is_https();
    answered.await.unwrap_or_else(|| broken(is_https))
}

/// The answer in the place of one that is lost with all that it would have passed on its way out.
fn broken(is_https: bool) -> Response {
    let mut answer = Refusal::json(Problem::Internal).into_response();
    secure(answer.headers_mut(), is_https);
    answer
}

/// Runs `work` to its end; none when it panicked. Its outcome is told to the running request alone.
pub(crate) async fn to_the_end<F>(work: F) -> Option<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // Never aborted: a dropped handle leaves the task running.
    let task = tokio::spawn(for_this_request(work).in_current_span());
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

    use axum::http::{StatusCode, header};
    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::{broken, to_the_end};

    /// No answer goes out without them, whatever became of its request.
    #[test]
    fn an_answer_in_the_place_of_a_lost_one_carries_the_headers_of_all() {
        let answer = broken(true);
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        for name in [
            header::CONTENT_SECURITY_POLICY,
            header::X_FRAME_OPTIONS,
            header::X_CONTENT_TYPE_OPTIONS,
            header::REFERRER_POLICY,
            header::STRICT_TRANSPORT_SECURITY,
        ] {
            assert!(answer.headers().contains_key(&name), "{name}");
        }
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    }

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
