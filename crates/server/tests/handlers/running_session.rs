//! What happens to a session while it runs: its card is revoked, and many agents fall silent.

use std::time::{Duration, Instant};

use cardea_test_pki::{CardProfile, KeyKind, PersonIdentifier};
use serde_json::{Value, json};

use crate::card::Card;
use crate::relying_party::{Request, sign_in};
use crate::revocation_host::Answer;
use crate::test_app::{Changes, TestApp};

/// Longer than the sweep takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than the period of grace and the sweep after it.
const PAST_THE_GRACE: Duration = Duration::from_secs(16);

async fn health(app: &TestApp) -> Value {
    let response = app.get("/healthz").send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

#[tokio::test]
async fn a_card_revoked_during_its_session_ends_it_and_tells_the_portal() {
    let changes = Changes::replacing("[keys]", "[session]\nrecheck_seconds = 1\n[keys]");
    let app = TestApp::start_with(changes).await;
    let card = Card::pharmacist(&app);
    let mut signed_in = sign_in(&app, &Request::new(), &card).await;
    // An outage of the responder ends nobody's work.
    app.host
        .change(|behaviour| behaviour.ocsp = Answer::Missing);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(app.count_events("session.ended").await, 0);
    app.host
        .change(|behaviour| behaviour.ocsp = Answer::Revoked);
    let reason = loop {
        let frame = signed_in.connection.next().await.expect("an end");
        match frame["type"].as_str().unwrap() {
            "nonce" => {
                let nonce = frame["nonce"].as_str().unwrap();
                let statement = card.present(&app, nonce);
                signed_in.connection.send(&statement).await;
            }
            _ => break frame["reason"].clone(),
        }
    };
    assert_eq!(reason, "card_revoked");
    app.host.logout_token().await;
}

#[tokio::test]
async fn many_agents_silent_at_once_show_in_the_health_of_the_server_and_end_nobody() {
    let changes = Changes::replacing(
        "wait_seconds = 2",
        "wait_seconds = 2\ninterval_seconds = 6\ngrace_seconds = 12\nmass_loss_agents = 2",
    );
    let app = TestApp::start_with(changes).await;
    let mut silent = Vec::new();
    for number in ["10000000001", "10000000002", "10000000003"] {
        let profile = CardProfile::pharmacist()
            .with_key(KeyKind::P256)
            .with_identifier(PersonIdentifier::Rpps(number.to_owned()));
        let card = Card::new(&app, &profile);
        silent.push((sign_in(&app, &Request::new(), &card).await, card));
    }
    assert_eq!(health(&app).await, json!({ "status": "ok" }));
    let begun = Instant::now();
    let alarm = json!({ "status": "degraded", "alarms": ["provider.mass_presence_loss"] });
    while health(&app).await != alarm {
        assert!(begun.elapsed() < PATIENCE, "nobody raises an alarm");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // One who was silent for so long alone would be gone.
    tokio::time::sleep(PAST_THE_GRACE.saturating_sub(begun.elapsed())).await;
    assert_eq!(health(&app).await, alarm);
    assert_eq!(app.count_events("session.ended").await, 0);
    // A card that is pulled is believed all the same.
    let (signed_in, card) = &mut silent[0];
    signed_in.connection.send(&card.departed(&app)).await;
    app.host.logout_token().await;
    assert_eq!(app.count_events("session.ended").await, 1);
}
