//! Telling clients that a session is over (OpenID Connect Back-Channel Logout 1.0 section 2.5).
//!
//! Each client is told at once and beside the others: a slow one delays nobody (attack H4).
//! Redirects are not followed. A delivery that fails is logged; there is no retry yet.

use std::sync::Arc;
use std::time::Duration;

use cardea_provider::LogoutDelivery;
use tokio::sync::Semaphore;
use tracing::Instrument;
use url::{Url, form_urlencoded};

use crate::http_client::{Budget, HttpClient};

const BUDGET: Budget = Budget {
    time: Duration::from_secs(5),
    bytes_max: 16 * 1024,
};
/// Deliveries under way at once; more wait their turn.
const DELIVERIES_MAX: usize = 256;

/// Posts logout tokens.
#[derive(Clone, Debug)]
pub(crate) struct LogoutSender {
    http: HttpClient,
    places: Arc<Semaphore>,
}

impl LogoutSender {
    pub(crate) fn new(http: HttpClient) -> Self {
        Self {
            http,
            places: Arc::new(Semaphore::new(DELIVERIES_MAX)),
        }
    }

    /// Delivers in the background.
    pub(crate) fn send(&self, delivery: LogoutDelivery) {
        let sender = self.clone();
        tokio::spawn(async move { sender.deliver(delivery).await }.in_current_span());
    }

    async fn deliver(self, delivery: LogoutDelivery) {
        // The semaphore is never closed, so the wait ends with a place.
        let _place = self.places.acquire().await;
        let client_id = delivery.client_id.as_str();
        let Ok(url) = Url::parse(&delivery.uri) else {
            tracing::error!(client_id, code = "server.logout_undelivered", "not a URL");
            return;
        };
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("logout_token", &delivery.logout_token)
            .finish();
        let media_type = "application/x-www-form-urlencoded";
        match self
            .http
            .post(url, media_type, body.into_bytes(), BUDGET)
            .await
        {
            // Section 2.8: 200 means done; some frameworks answer 204.
            Ok(answer) if answer.status.is_success() => {
                tracing::info!(client_id, "a client was told that a session is over");
            }
            Ok(answer) => {
                let status = answer.status.as_u16();
                tracing::error!(
                    client_id,
                    status,
                    code = "server.logout_undelivered",
                    "a client refused a logout token"
                );
            }
            Err(error) => {
                tracing::error!(
                    client_id,
                    error = &error as &dyn std::error::Error,
                    code = "server.logout_undelivered",
                    "a client could not be told that a session is over"
                );
            }
        }
    }
}
