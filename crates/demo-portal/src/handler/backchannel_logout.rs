//! `POST /backchannel-logout`: the provider says that a session is over.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::error::{Error, chain};
use crate::logout_token::{self, Expected};
use crate::{clock, router};

/// The provider's message (OpenID Connect Back-Channel Logout 1.0, section 2.5).
#[derive(Deserialize)]
pub(crate) struct Message {
    logout_token: String,
}

pub(crate) async fn receive_logout(
    State(state): State<Arc<router::State>>,
    Form(message): Form<Message>,
) -> Response {
    let status = match receive(&state, &message.logout_token).await {
        Ok(ended) => {
            tracing::info!(ended, "the provider ended a session");
            StatusCode::OK
        }
        Err(error) => {
            tracing::warn!(
                code = error.code(),
                reason = chain(&error),
                "logout refused"
            );
            StatusCode::BAD_REQUEST
        }
    };
    (status, [(header::CACHE_CONTROL, "no-store")]).into_response()
}

async fn receive(state: &router::State, token: &str) -> Result<usize, Error> {
    let keys = state.relying_party.keys().await?;
    let config = state.relying_party.config();
    let now = clock::unix_seconds();
    let expected = Expected {
        issuer: &config.issuer,
        client_id: &config.client_id,
        now,
    };
    let logout = logout_token::verify(token, &keys, &expected)?;
    Ok(state.sessions.close_by(&logout, now))
}
