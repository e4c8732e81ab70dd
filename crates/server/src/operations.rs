//! The listener for operators' programs: `/metrics`, `/readyz`, `/healthz` and nothing else.
//!
//! It is apart from the one that the network reaches: what it tells is nobody else's business, and
//! it goes on answering while the server stops.

use std::fs;
use std::path::Path;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use zeroize::Zeroizing;

use crate::config::OperationsConfig;
use crate::error::Error;
use crate::error_response::render_refusals;
use crate::handler::health;
use crate::key_file::unusable;
use crate::metrics::{CONTENT_TYPE, expose};
use crate::state::AppState;

/// Shorter ones could be guessed.
const TOKEN_BYTES_MIN: usize = 16;

/// The token that `/metrics` asks for.
pub(crate) struct OperationsToken(Zeroizing<String>);

impl OperationsToken {
    /// Reads the token, if one is configured.
    ///
    /// # Errors
    /// [`Error::FileUnusable`].
    pub(crate) fn load(config: &OperationsConfig) -> Result<Option<Self>, Error> {
        let read = |file: &Path| {
            let text = Zeroizing::new(
                fs::read_to_string(file)
                    .map_err(|source| unusable(file, "the token cannot be read", source))?,
            );
            let token = Zeroizing::new(text.trim().to_owned());
            if token.len() < TOKEN_BYTES_MIN {
                let source = std::io::ErrorKind::InvalidData.into();
                return Err(unusable(file, "the token is shorter than 16 bytes", source));
            }
            Ok(Self(token))
        };
        config.bearer_token_file.as_deref().map(read).transpose()
    }

    fn is_in(&self, headers: &HeaderMap) -> bool {
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let own = self.0.as_bytes();
        given.is_some_and(|given| given.len() == own.len() && openssl::memcmp::eq(given, own))
    }
}

impl std::fmt::Debug for OperationsToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("OperationsToken(redacted)")
    }
}

/// The routes of this listener.
pub(crate) fn operations_router(state: AppState) -> Router {
    let guarded = from_fn_with_state(state.clone(), ask_for_token);
    Router::new()
        .route("/metrics", get(get_metrics).layer(guarded))
        .route("/readyz", get(health::get_readiness_in_full))
        .route("/healthz", get(health::get_health_uncounted))
        .layer(from_fn_with_state(state.clone(), tell_refusals))
        .with_state(state)
}

async fn tell_refusals(State(state): State<AppState>, request: Request, next: Next) -> Response {
    render_refusals(&state, request, |request| next.run(request)).await
}

async fn get_metrics(State(state): State<AppState>) -> Response {
    match expose(&state).await {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn ask_for_token(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match state.operations_token() {
        Some(token) if !token.is_in(request.headers()) => {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
            (StatusCode::UNAUTHORIZED, challenge).into_response()
        }
        _ => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, header};
    use zeroize::Zeroizing;

    use super::OperationsToken;
    use crate::config::OperationsConfig;

    #[test]
    fn the_token_is_asked_for_to_the_letter() {
        let token = OperationsToken(Zeroizing::new("0123456789abcdef".to_owned()));
        let is_in = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            token.is_in(&headers)
        };
        assert!(is_in("Bearer 0123456789abcdef"));
        for wrong in [
            "Bearer 0123456789abcdee",
            "Bearer ",
            "Basic 0123456789abcdef",
            "",
        ] {
            assert!(!is_in(wrong), "{wrong}");
        }
        assert!(!token.is_in(&HeaderMap::new()));
    }

    #[test]
    fn a_short_token_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let config = OperationsConfig {
            bearer_token_file: Some(file.clone()),
            ..OperationsConfig::default()
        };
        assert!(OperationsToken::load(&config).is_err());
        std::fs::write(&file, "short\n").unwrap();
        assert!(OperationsToken::load(&config).is_err());
        std::fs::write(&file, "0123456789abcdef\n").unwrap();
        assert!(OperationsToken::load(&config).unwrap().is_some());
        assert!(
            OperationsToken::load(&OperationsConfig::default())
                .unwrap()
                .is_none()
        );
    }
}
