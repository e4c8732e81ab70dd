//! Telling clients that a session is over (OpenID Connect Back-Channel Logout 1.0 section 2.5).
//!
//! The provider keeps the queue in the database, so that a restart forgets nobody; here it is
//! emptied. Clients are told beside each other, each within bounds of its own: a dead one delays
//! nobody (attack H4). Redirects are not followed, and of what a client answers nothing is read but
//! its status.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cardea_provider::{DeliveryOutcome, LogoutDelivery, RegisteredBy};
use reqwest::StatusCode;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::Instrument;
use url::{Url, form_urlencoded};

use crate::http_client::{HttpClient, Reach};
use crate::state::AppState;

/// How long a client may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// Deliveries under way at once.
const UNDER_WAY_MAX: u32 = 256;
/// The same of one client.
const OF_CLIENT_MAX: u32 = 8;
/// The same of a client that failed the last time: whether it is back, one can tell.
const OF_UNWELL_CLIENT_MAX: u32 = 1;
/// How long a client that failed is left alone; each further failure doubles it.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How often the queue is looked at when nobody says that there is something in it: what failed is
/// due again, or another node died.
const LOOK: Duration = Duration::from_secs(1);

/// Posts logout tokens.
#[derive(Debug)]
pub(crate) struct LogoutSender {
    http: HttpClient,
    wake: Notify,
    under_way: Mutex<UnderWay>,
}

/// What this node is at.
#[derive(Debug, Default)]
struct UnderWay {
    all: u32,
    of_client: HashMap<String, u32>,
    unwell: HashMap<String, Unwell>,
}

/// A client that failed the last time.
#[derive(Debug)]
struct Unwell {
    pause: Duration,
    until: Instant,
}

impl LogoutSender {
    pub(crate) fn new(http: HttpClient) -> Arc<Self> {
        Arc::new(Self {
            http,
            wake: Notify::new(),
            under_way: Mutex::default(),
        })
    }

    /// Has the queue looked at at once.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
        let reach = match delivery.registered_by {
            RegisteredBy::Operator => Reach::Anywhere,
            RegisteredBy::Itself => Reach::Public,
        };
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

impl UnderWay {
    /// How many more of a client may begin.
    fn places(&self, client_id: &str, now: Instant) -> u32 {
        let most = match self.unwell.get(client_id) {
            Some(unwell) if now < unwell.until => 0,
            Some(_) => OF_UNWELL_CLIENT_MAX,
            None => OF_CLIENT_MAX,
        };
        let begun = self.of_client.get(client_id).copied().unwrap_or_default();
        let free = UNDER_WAY_MAX.saturating_sub(self.all);
        most.saturating_sub(begun).min(free)
    }

    fn begin(&mut self, client_id: &str) {
        self.all = self.all.saturating_add(1);
        let begun = self.of_client.entry(client_id.to_owned()).or_default();
        *begun = begun.saturating_add(1);
    }

    fn end(&mut self, client_id: &str, outcome: DeliveryOutcome, now: Instant) {
        self.all = self.all.saturating_sub(1);
        if let Some(begun) = self.of_client.get_mut(client_id) {
            *begun = begun.saturating_sub(1);
            if *begun == 0 {
                self.of_client.remove(client_id);
            }
        }
        if outcome != DeliveryOutcome::Failed {
            self.unwell.remove(client_id);
            return;
        }
        let unwell = self.unwell.entry(client_id.to_owned());
        let unwell = unwell.or_insert(Unwell {
            pause: PAUSE_FIRST,
            until: now,
        });
        // What was under way together fails together, and counts once.
        if unwell.until <= now {
            unwell.until = now + unwell.pause;
            unwell.pause = (unwell.pause * 2).min(PAUSE_MAX);
        }
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
    let places = |client_id: &str| sender.under_way().places(client_id, Instant::now());
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
        sender.under_way().begin(&delivery.client_id);
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
    sender.under_way().end(&client_id, outcome, Instant::now());
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

    #[test]
    fn a_dead_client_takes_no_place_of_another_and_is_tried_less_and_less() {
        let mut now = Instant::now();
        let mut under_way = UnderWay::default();
        for _ in 0..OF_CLIENT_MAX {
            under_way.begin("dead");
        }
        assert_eq!(under_way.places("dead", now), 0);
        assert_eq!(under_way.places("other", now), OF_CLIENT_MAX);
        for _ in 0..OF_CLIENT_MAX {
            under_way.end("dead", DeliveryOutcome::Failed, now);
        }
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let pause = Duration::from_secs(seconds);
            let almost = now + pause - Duration::from_millis(1);
            assert_eq!(under_way.places("dead", almost), 0, "{seconds}");
            now += pause;
            assert_eq!(under_way.places("dead", now), OF_UNWELL_CLIENT_MAX);
            under_way.begin("dead");
            under_way.end("dead", DeliveryOutcome::Failed, now);
        }
        now += PAUSE_MAX;
        under_way.begin("dead");
        under_way.end("dead", DeliveryOutcome::Delivered, now);
        assert_eq!(under_way.places("dead", now), OF_CLIENT_MAX);
        assert!(under_way.of_client.is_empty() && under_way.unwell.is_empty());
    }

    #[test]
    fn there_is_a_bound_on_all_of_them() {
        let mut under_way = UnderWay::default();
        for number in 0..UNDER_WAY_MAX {
            under_way.begin(&number.to_string());
        }
        assert_eq!(under_way.places("one more", Instant::now()), 0);
    }
}
