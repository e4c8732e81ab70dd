//! The access token of a session: it lives for minutes, and is renewed while the card is there.

use std::sync::Arc;
use std::time::Duration;

use openidconnect::{AccessToken, RefreshToken};
use tokio::sync::Mutex;

use crate::relying_party::RelyingParty;

/// One that is good for less may be refused before it has arrived.
const LEFT_SECONDS: i64 = 10;

/// Shared by all requests of a session.
#[derive(Clone)]
pub(crate) struct Access(Arc<Mutex<Held>>);

/// What the provider gave.
pub(crate) struct Tokens {
    pub(crate) access: AccessToken,
    /// None where the portal is not registered for it.
    pub(crate) refresh: Option<RefreshToken>,
    /// How long the access token is good.
    pub(crate) lifetime: Option<Duration>,
}

impl Access {
    /// Holds what was given just now.
    pub(crate) fn new(tokens: Tokens, now: i64) -> Self {
        Self(Arc::new(Mutex::new(Held::new(tokens, now))))
    }

    /// A token that is good for a while, where the provider still gives one; else the old one,
    /// which nobody takes any more. A refresh token works once: whoever asks meanwhile waits.
    pub(crate) async fn token(&self, relying_party: &RelyingParty, now: i64) -> String {
        let mut held = self.0.lock().await;
        let is_used_up = held.expires_at.is_some_and(|at| at - LEFT_SECONDS <= now);
        if is_used_up && let Some(refresh) = held.tokens.refresh.clone() {
            match relying_party.refresh(&refresh).await {
                Ok(tokens) => *held = Held::new(tokens, now),
                Err(error) => tracing::info!(
                    code = error.code(),
                    reason = error.chain(),
                    "the access token is not renewed"
                ),
            }
        }
        held.tokens.access.secret().clone()
    }
}

struct Held {
    tokens: Tokens,
    expires_at: Option<i64>,
}

impl Held {
    fn new(tokens: Tokens, now: i64) -> Self {
        let seconds = tokens
            .lifetime
            .and_then(|it| i64::try_from(it.as_secs()).ok());
        Self {
            expires_at: seconds.map(|it| now.saturating_add(it)),
            tokens,
        }
    }
}
