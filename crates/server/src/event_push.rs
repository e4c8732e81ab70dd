//! Pushing security events to their receivers (RFC 8935).
//!
//! The provider keeps the queue in the database, so that a restart forgets nothing; here it is
//! emptied, as that of logout tokens is. Redirects are not followed, and of an answer nothing is
//! read but its status and, where it refuses, why.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cardea_provider::{PushDelivery, PushOutcome};
use cardea_storage::security_event::published;
use reqwest::StatusCode;
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::Instrument;
use url::Url;

use crate::delivery_places::DeliveryPlaces;
use crate::http_client::{Budget, HttpClient, Posting, Reach};
use crate::state::AppState;
use crate::sweeper;

/// What a receiver may cost.
const BUDGET: Budget = Budget {
    time: Duration::from_secs(5),
    bytes_max: 4096,
};
/// How often the queue is looked at when nobody says that there is something in it: another node
/// or a command has put something there, what failed is due again, or another node died.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is noted who wants to be told. A stream that nobody notes is forgotten after a
/// quarter of an hour.
const FOLLOW: Duration = Duration::from_secs(5);
/// Longest description that is logged.
const DESCRIPTION_CHARACTERS_MAX: usize = 200;

/// Posts security events.
#[derive(Debug)]
pub(crate) struct EventPusher {
    http: HttpClient,
    places: DeliveryPlaces,
    wake: Notify,
}

/// Why a receiver refuses (RFC 8935 section 2.3).
#[derive(Debug, Deserialize)]
struct RefusalBody {
    err: String,
    #[serde(default)]
    description: String,
}

impl EventPusher {
    pub(crate) fn new(http: HttpClient) -> Arc<Self> {
        Arc::new(Self {
            http,
            places: DeliveryPlaces::default(),
            wake: Notify::new(),
        })
    }

    async fn post(&self, delivery: &PushDelivery) -> PushOutcome {
        let client_id = delivery.client_id.as_str();
        let code = "server.event_not_pushed";
        let Ok(url) = Url::parse(&delivery.push.uri) else {
            tracing::error!(client_id, code, "not a URL");
            return PushOutcome::Failed;
        };
        let authorization = delivery.push.authorization.as_ref();
        let posting = Posting {
            content_type: "application/secevent+jwt",
            authorization: authorization.map(|it| it.expose()),
            body: delivery.set.clone().into_bytes(),
            budget: BUDGET,
            reach: Reach::of(delivery.registered_by),
        };
        match self.http.post_for_refusal(url, posting).await {
            Ok(answer) => {
                let outcome = outcome_of(answer.status, &answer.body);
                if outcome == PushOutcome::Failed {
                    tracing::error!(
                        client_id,
                        status = answer.status.as_u16(),
                        code,
                        "a receiver did not take a security event; it is tried again"
                    );
                }
                outcome
            }
            Err(error) => {
                tracing::error!(
                    client_id,
                    error = &error as &dyn std::error::Error,
                    code,
                    "a receiver could not be told of a security event; it is tried again"
                );
                PushOutcome::Failed
            }
        }
    }
}

/// Section 2.2: 202 means taken; section 2.3: 400 with an error code means refused. Any other
/// status, and a 400 of somebody who does not say why, may be gone at the next try.
fn outcome_of(status: StatusCode, body: &[u8]) -> PushOutcome {
    if status == StatusCode::ACCEPTED {
        return PushOutcome::Acknowledged;
    }
    let refusal = serde_json::from_slice::<RefusalBody>(body).ok();
    match refusal.filter(|it| status == StatusCode::BAD_REQUEST && !it.err.is_empty()) {
        Some(refusal) => PushOutcome::Refused {
            err: refusal.err,
            description: refusal
                .description
                .chars()
                .filter(|it| !it.is_control())
                .take(DESCRIPTION_CHARACTERS_MAX)
                .collect(),
        },
        None => PushOutcome::Failed,
    }
}

/// Notes who wants to be told, before the first session can end.
pub(crate) async fn follow(state: &AppState) {
    if let Err(error) = state.provider().follow_push_streams().await {
        tracing::error!(
            code = error.code(),
            "who is to be told of security events is not noted for now"
        );
    }
}

/// Starts emptying the queue; ends when the state stops.
pub(crate) fn start(state: &AppState) {
    sweeper::spawn(state, FOLLOW, |state| async move { follow(&state).await });
    let state = state.clone();
    let task = async move {
        let mut stopped = pin!(state.stopped());
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut news = published();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                // The sender is never dropped.
                _ = news.changed() => {}
                () = state.event_pusher().wake.notified() => {}
                () = &mut stopped => return,
            }
            begin_due(&state).await;
        }
    };
    tokio::spawn(task.instrument(tracing::info_span!("event_pusher")));
}

/// Begins what is due and has a place.
async fn begin_due(state: &AppState) {
    let pusher = state.event_pusher();
    let places = |client_id: &str| pusher.places.free(client_id, Instant::now());
    let deliveries = match state.provider().take_pushes(places).await {
        Ok(deliveries) => deliveries,
        Err(error) => {
            tracing::error!(
                code = error.code(),
                "receivers are not told of security events for now"
            );
            return;
        }
    };
    for delivery in deliveries {
        pusher.places.begin(&delivery.client_id);
        let state = state.clone();
        tokio::spawn(async move { deliver(&state, delivery).await }.in_current_span());
    }
}

async fn deliver(state: &AppState, delivery: PushDelivery) {
    let pusher = state.event_pusher();
    let client_id = delivery.client_id.clone();
    let outcome = pusher.post(&delivery).await;
    let has_failed = outcome == PushOutcome::Failed;
    if let Err(error) = state.provider().finish_push(delivery, outcome).await {
        // It is told once more when its time with this node is over.
        tracing::error!(
            code = error.code(),
            client_id,
            "what came of a security event is not on record"
        );
    }
    pusher.places.end(&client_id, has_failed, Instant::now());
    // More of the same receiver may have waited for its place.
    pusher.wake.notify_one();
}

#[cfg(test)]
mod tests {
    use cardea_provider::PushOutcome;
    use reqwest::StatusCode;

    use super::outcome_of;

    #[test]
    fn only_202_takes_an_event_and_only_a_400_that_says_why_refuses_it() {
        let outcome = |status: u16, body: &str| {
            outcome_of(StatusCode::from_u16(status).unwrap(), body.as_bytes())
        };
        let why = r#"{"err":"invalid_key","description":"no such\nkey"}"#;
        let refused = PushOutcome::Refused {
            err: "invalid_key".to_owned(),
            description: "no suchkey".to_owned(),
        };
        assert_eq!(outcome(202, ""), PushOutcome::Acknowledged);
        assert_eq!(outcome(400, why), refused);
        for (status, body) in [
            (200, ""),
            (204, ""),
            (302, ""),
            (400, ""),
            (400, "<html>Bad Request</html>"),
            (400, r#"{"err":""}"#),
            (401, why),
            (403, why),
            (429, ""),
            (500, why),
            (503, ""),
        ] {
            assert_eq!(outcome(status, body), PushOutcome::Failed, "{status}");
        }
    }
}
