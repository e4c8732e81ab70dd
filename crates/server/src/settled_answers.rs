//! What was read or refused may rest on what another request has just decided and is not durable
//! yet, or on what this one has spent: the answer goes out once all of that is durable.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

/// What tells how this server is must answer above all when nothing becomes durable any more.
const OF_OPERATORS: [&str; 2] = ["/healthz", "/readyz"];

/// Marks an answer that refuses something and whose status does not say so: a redirect or a page
/// that brings the client an error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TellsRefusal;

/// Lets answers wait for what they have read, and refusals for all that was decided before. Other
/// answers follow a commit that has waited.
pub(crate) async fn settle_answers<F>(
    state: &AppState,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    if OF_OPERATORS.contains(&request.uri().path()) {
        return next(request).await;
    }
    let answered = async {
        let answer = state.store().settled(next(request)).await?;
        if refuses(&answer) {
            state.store().settle().await?;
        }
        Ok::<_, cardea_storage::Error>(answer)
    };
    match answered.await {
        Ok(answer) => answer,
        // The request's own line has the code.
        Err(error) => Refusal::json(Problem::Unavailable)
            .because(error.code())
            .into_response(),
    }
}

/// By its status, or by its mark.
fn refuses(answer: &Response) -> bool {
    let status = answer.status();
    let is_marked = answer.extensions().get::<TellsRefusal>().is_some();
    status.is_client_error() || status.is_server_error() || is_marked
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::response::Response;

    use super::{TellsRefusal, refuses};

    #[test]
    fn refusals_are_known_by_their_status_or_by_their_mark() {
        for (status, is_marked, expected) in [
            (200, false, false),
            (200, true, true),
            (303, false, false),
            (303, true, true),
            (400, false, true),
            (401, false, true),
            (503, false, true),
        ] {
            let mut answer = Response::builder()
                .status(status)
                .body(Body::empty())
                .unwrap();
            if is_marked {
                answer.extensions_mut().insert(TellsRefusal);
            }
            assert_eq!(refuses(&answer), expected, "{status} {is_marked}");
        }
    }
}
