//! A refusal may rest on what another request has just decided and is not durable yet, or on what
//! this one has spent: it goes out once all of that is durable.

use axum::extract::{Request, State};
use axum::http::header::LOCATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Middleware that lets refusals wait. Other answers follow a commit that has waited.
pub(crate) async fn settle_refusals(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let answer = next.run(request).await;
    if !refuses(&answer) {
        return answer;
    }
    match state.provider().settle().await {
        Ok(()) => answer,
        Err(error) => {
            tracing::error!(code = error.code(), "a refusal could not be made durable");
            Refusal::json(Problem::Internal).into_response()
        }
    }
}

/// By its status, or by the `error` that a redirect tells the client.
fn refuses(answer: &Response) -> bool {
    let status = answer.status();
    let location = answer.headers().get(LOCATION);
    let tells_error = || {
        location.is_some_and(|location| {
            let location = location.as_bytes();
            location.windows(6).any(|window| window == b"error=")
        })
    };
    status.is_client_error() || status.is_server_error() || status.is_redirection() && tells_error()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::response::Response;

    use super::refuses;

    #[test]
    fn refusals_are_known_by_status_or_by_what_a_redirect_tells() {
        for (status, location, expected) in [
            (200, "", false),
            (303, "/login/x", false),
            (
                303,
                "https://portal.example.test/cb?error=login_required&state=s",
                true,
            ),
            (303, "https://portal.example.test/cb?code=c&iss=i", false),
            (400, "", true),
            (401, "", true),
            (503, "", true),
        ] {
            let answer = Response::builder()
                .status(status)
                .header("location", location)
                .body(Body::empty())
                .unwrap();
            assert_eq!(refuses(&answer), expected, "{status} {location}");
        }
    }
}
