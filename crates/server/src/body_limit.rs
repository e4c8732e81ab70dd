//! Bounds on a request's body and address before any handler sees them (attack H10).

use std::error::Error as StdError;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};

use crate::problem::Problem;
use crate::refusal::Refusal;

/// Room for an assertion of 24 KiB, its attestation, and JSON around them.
pub(crate) const BODY_BYTES_MAX: usize = 40 * 1024;
/// Time for the whole body to arrive: a browser on a poor line needs a tenth of it.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// Room for a signed authorization request in a query; the whole head may have 32 KiB.
const ADDRESS_BYTES_MAX: usize = 24 * 1024;

/// The body did not arrive in time.
#[derive(Debug, thiserror::Error)]
#[error("the body takes too long")]
pub(crate) struct BodyTimedOut;

/// Refuses long addresses and gives bodies a bounded time.
pub(crate) async fn limit_body_and_address<F>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    let address = request.uri().path_and_query();
    if address.is_some_and(|address| address.as_str().len() > ADDRESS_BYTES_MAX) {
        return Refusal::json(Problem::AddressTooLong).into_response();
    }
    let deadline = Instant::now() + BODY_TIMEOUT;
    next(request.map(|body| within(body, deadline))).await
}

/// Whether a body could not be read because it came too slowly.
pub(crate) fn is_too_slow(error: &(dyn StdError + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.any(|cause| cause.is::<BodyTimedOut>())
}

fn within(body: Body, deadline: Instant) -> Body {
    let chunks = stream::unfold(Some(body.into_data_stream()), move |state| async move {
        let mut chunks = state?;
        match timeout_at(deadline, chunks.next()).await {
            Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some(chunks))),
            Ok(Some(Err(error))) => Some((Err(axum::BoxError::from(error)), None)),
            Ok(None) => None,
            Err(_) => Some((Err::<Bytes, _>(BodyTimedOut.into()), None)),
        }
    });
    Body::from_stream(chunks)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::{Body, Bytes, to_bytes};
    use futures_util::{StreamExt as _, stream};
    use tokio::time::{Instant, sleep};

    use super::{is_too_slow, within};

    #[tokio::test]
    async fn h10_a_body_that_arrives_too_slowly_is_told_from_a_broken_one() {
        let whole = Body::from("abc");
        let deadline = Instant::now() + Duration::from_secs(60);
        let read = to_bytes(within(whole, deadline), 10).await.unwrap();
        assert_eq!(read, "abc");

        let drops = stream::iter(0..).then(|_| async {
            sleep(Duration::from_millis(5)).await;
            Ok::<_, std::io::Error>(Bytes::from_static(b"x"))
        });
        let deadline = Instant::now() + Duration::from_millis(20);
        let slow = within(Body::from_stream(drops), deadline);
        let error = to_bytes(slow, usize::MAX).await.unwrap_err();
        assert!(is_too_slow(&error));

        let broken = stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
        let deadline = Instant::now() + Duration::from_secs(60);
        let broken = within(Body::from_stream(broken), deadline);
        let error = to_bytes(broken, 10).await.unwrap_err();
        assert!(!is_too_slow(&error));
    }
}
