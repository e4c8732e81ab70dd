//! Telling clients that a session is over (OpenID Connect Back-Channel Logout 1.0 section 2.5).
//!
//! The provider keeps the queue in the database, so that a restart forgets nobody; here it is
//! emptied. Clients are told beside each other, each within bounds of its own: a dead one delays
//! nobody (attack H4). Redirects are not followed, and of what a client answers nothing is read but
//! its status.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cardea_provider::{DeliveryOutcome, LogoutDelivery};
use reqwest::StatusCode;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::Instrument;
use url::{Url, form_urlencoded};

use crate::delivery_places::DeliveryPlaces;
use crate::http_client::{HttpClient, Reach};
use crate::state::AppState;

/// How long a client may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// How often the queue is looked at when nobody says that there is something in it: what failed is
/// due again, or another node died.
const LOOK: Duration = Duration::from_secs(1);

/// Posts logout tokens.
#[derive(Debug)]
pub(crate) struct LogoutSender {
    http: HttpClient,
    wake: Notify,
    places: DeliveryPlaces,
}

impl LogoutSender {
    pub(crate) fn new(http: HttpClient) -> Arc<Self> {
        Arc::new(Self {
            http,
            wake: Notify::new(),
            places: DeliveryPlaces::default(),
        })
    }

    /// Has the queue looked at at once.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    async fn post(&self, delivery: &LogoutDelivery) -> DeliveryOutcome {
        let client_id = delivery.client_id.as_str();
        let Ok(url) = Url::parse(&delivery.uri) else {
            tracing::error!(client_id, code = "server.logout_undelivered", "not a URL");
            return DeliveryOutcome::Failed;
        };
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("logout_token", &delivery.logout_token)
            .finish();
        let media_type = "application/x-www-form-urlencoded";
        let reach = Reach::of(delivery.registered_by);
        let answer = self
            .http
            .post_for_status(url, media_type, body.into_bytes(), ANSWER_TIME, reach)
            .await;
        match answer {
            Ok(status) => {
                let outcome = outcome_of(status);
                if outcome != DeliveryOutcome::Delivered {
                    tracing::error!(
                        client_id,
                        status = status.as_u16(),
                        code = "server.logout_undelivered",
                        "a client did not take a logout token"
                    );
                }
                outcome
            }
            Err(error) => {
                tracing::error!(
                    client_id,
                    error = &error as &dyn std::error::Error,
                    code = "server.logout_undelivered",
                    "a client could not be told that a session is over; it is tried again"
                );
                DeliveryOutcome::Failed
            }
        }
    }
}

/// Section 2.8: 200 means done, which some frameworks turn into 204, and 400 that the client will
/// not do it. A status of any other kind may be gone at the next try.
fn outcome_of(status: StatusCode) -> DeliveryOutcome {
    match status {
        StatusCode::OK | StatusCode::NO_CONTENT => DeliveryOutcome::Delivered,
        StatusCode::BAD_REQUEST => DeliveryOutcome::Refused,
        _ => DeliveryOutcome::Failed,
    }
}

/// Starts emptying the queue; ends when the state stops.
pub(crate) fn start(state: &AppState) {
    let state = state.clone();
    let task = async move {
        let mut stopped = pin!(state.stopped());
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = state.logout_sender().wake.notified() => {}
                () = &mut stopped => return,
            }
            begin_due(&state).await;
        }
    };
    tokio::spawn(task.instrument(tracing::info_span!("logout_sender")));
}

/// Begins what is due and has a place.
async fn begin_due(state: &AppState) {
    let sender = state.logout_sender();
    let places = |client_id: &str| sender.places.free(client_id, Instant::now());
    let deliveries = match state.provider().take_logouts(places).await {
        Ok(deliveries) => deliveries,
        Err(error) => {
            tracing::error!(
                code = error.code(),
                "clients are not told of ended sessions for now"
            );
            return;
        }
    };
    for delivery in deliveries {
        sender.places.begin(&delivery.client_id);
        let state = state.clone();
        tokio::spawn(async move { deliver(&state, delivery).await }.in_current_span());
    }
}

async fn deliver(state: &AppState, delivery: LogoutDelivery) {
    let sender = state.logout_sender();
    let client_id = delivery.client_id.clone();
    let outcome = sender.post(&delivery).await;
    if let Err(error) = state.provider().finish_logout(delivery, outcome).await {
        // It is tried once more when its time with this node is over.
        tracing::error!(
            code = error.code(),
            client_id,
            "what came of a logout token is not on record"
        );
    }
    let has_failed = outcome == DeliveryOutcome::Failed;
    sender.places.end(&client_id, has_failed, Instant::now());
    // More of the same client may have waited for its place.
    sender.wake();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_says_done_is_one() {
        for (status, outcome) in [
            (200, DeliveryOutcome::Delivered),
            (204, DeliveryOutcome::Delivered),
            (400, DeliveryOutcome::Refused),
            (201, DeliveryOutcome::Failed),
            (302, DeliveryOutcome::Failed),
            (401, DeliveryOutcome::Failed),
            (404, DeliveryOutcome::Failed),
            (500, DeliveryOutcome::Failed),
            (503, DeliveryOutcome::Failed),
        ] {
            assert_eq!(outcome_of(StatusCode::from_u16(status).unwrap()), outcome);
        }
    }
}
