//! Clients are told that a session is over until they have heard it, over restarts and nodes.

use cardea_jose::UnverifiedJws;
use cardea_provider::{DeliveryOutcome, LogoutDelivery};
use serde_json::Value;
use time::Duration;

use super::world::{PORTAL, SECOND, Settings, World};

fn claims(delivery: &LogoutDelivery) -> Value {
    UnverifiedJws::parse(&delivery.logout_token, 4096)
        .unwrap()
        .unverified_claims()
        .unwrap()
}

/// A world with one delivery due, and that delivery.
async fn one_due() -> (World, LogoutDelivery) {
    let world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    world.depart(&key).await;
    let mut deliveries = world.deliveries().await;
    assert_eq!(deliveries.len(), 1);
    let delivery = deliveries.remove(0);
    (world, delivery)
}

#[tokio::test]
async fn a_client_that_has_heard_is_not_told_again() {
    let (world, delivery) = one_due().await;
    assert_eq!(delivery.uri, "https://portal.example.fr/backchannel");
    world.finish(delivery, DeliveryOutcome::Delivered).await;
    let event = world.event("logout.delivered").await;
    assert_eq!(event.client_id.as_deref(), Some(PORTAL));
    assert!(event.session_id.is_some() && event.sub.is_some());
    assert!(event.details.ends_with(r#""attempts":1}"#));
    world.pass(Duration::hours(1));
    assert!(world.deliveries().await.is_empty());
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_with_a_fresh_token_also_after_a_restart() {
    let (world, delivery) = one_due().await;
    let first = claims(&delivery);
    world.finish(delivery, DeliveryOutcome::Failed).await;
    assert!(world.deliveries().await.is_empty(), "it waits");
    world.pass(Duration::seconds(10));
    let world = world.restarted();
    let mut deliveries = world.deliveries().await;
    let delivery = deliveries.remove(0);
    let second = claims(&delivery);
    for member in ["iss", "aud", "sub", "sid", "events"] {
        assert_eq!(first[member], second[member], "{member}");
    }
    for member in ["jti", "iat", "exp"] {
        assert_ne!(first[member], second[member], "{member}");
    }
    world.finish(delivery, DeliveryOutcome::Delivered).await;
    let event = world.event("logout.delivered").await;
    assert!(event.details.ends_with(r#""attempts":2}"#));
}

#[tokio::test]
async fn a_node_that_dies_over_a_delivery_loses_it_to_another() {
    let (world, _) = one_due().await;
    let other = world.restarted();
    assert!(other.deliveries().await.is_empty(), "it is the first one's");
    world.pass(Duration::seconds(60));
    let taken = other.deliveries().await;
    assert_eq!(taken.len(), 1);
    assert!(world.deliveries().await.is_empty(), "one node alone");
}

#[tokio::test]
async fn a_client_that_never_answers_is_given_up_after_a_day_and_the_operator_sees_it() {
    let (world, mut delivery) = one_due().await;
    let began = world.now();
    let mut tries = 1;
    loop {
        world.finish(delivery, DeliveryOutcome::Failed).await;
        // The longest wait; the queue holds one delivery at most.
        world.pass(Duration::minutes(5));
        match world.deliveries().await.pop() {
            Some(next) => delivery = next,
            None => break,
        }
        tries += 1;
    }
    let lasted = world.now() - began;
    assert!(
        Duration::hours(23) < lasted && lasted < Duration::hours(25),
        "{lasted}"
    );
    let event = world.event("logout.undelivered").await;
    assert_eq!(event.code.as_deref(), Some("provider.logout_undelivered"));
    assert_eq!(event.client_id.as_deref(), Some(PORTAL));
    assert!(event.details.ends_with(&format!(r#""attempts":{tries}}}"#)));
}

#[tokio::test]
async fn what_never_had_a_turn_is_given_up_in_the_end() {
    let world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    world.depart(&key).await;
    world.pass(Duration::hours(47));
    world.provider.forget_ended().await.unwrap();
    assert_eq!(world.told().await, [PORTAL], "it had no turn yet");
    let (_, key) = world.log_in(PORTAL, None).await;
    world.depart(&key).await;
    world.pass(Duration::hours(48));
    world.provider.forget_ended().await.unwrap();
    assert!(world.deliveries().await.is_empty());
    let event = world.event("logout.undelivered").await;
    assert_eq!(event.code.as_deref(), Some("provider.logout_undelivered"));
}

#[tokio::test]
async fn a_client_that_refuses_is_not_asked_again() {
    let (world, delivery) = one_due().await;
    world.finish(delivery, DeliveryOutcome::Refused).await;
    let event = world.event("logout.undelivered").await;
    assert_eq!(event.code.as_deref(), Some("provider.logout_refused"));
    world.pass(Duration::hours(1));
    assert!(world.deliveries().await.is_empty());
}

#[tokio::test]
async fn a_client_that_is_gone_meanwhile_is_given_up() {
    let (world, delivery) = one_due().await;
    world.finish(delivery, DeliveryOutcome::Failed).await;
    let mut settings = Settings::baseline();
    settings
        .config
        .clients
        .retain(|client| client.client_id != PORTAL);
    let world = world.restarted_with(settings);
    for _ in 0..2 {
        // It may be new, and not known to this node yet.
        world.pass(Duration::minutes(1));
        assert!(world.deliveries().await.is_empty());
    }
    let event = world.event("logout.undelivered").await;
    assert_eq!(event.code.as_deref(), Some("provider.client_unknown"));
}

#[tokio::test]
async fn a_client_without_a_place_keeps_nobody_else_waiting() {
    let world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    world.depart(&key).await;
    let (_, key) = world.log_in(SECOND, None).await;
    world.depart(&key).await;
    let taken = world
        .provider
        .take_logouts(|client_id| u32::from(client_id == SECOND))
        .await
        .unwrap();
    let taken: Vec<_> = taken.iter().map(|taken| taken.client_id.as_str()).collect();
    assert_eq!(taken, [SECOND]);
    assert_eq!(world.told().await, [PORTAL]);
}

#[tokio::test]
async fn a_session_and_its_logouts_are_one_transaction() {
    // A client without a back-channel address wants to hear nothing.
    let mut settings = Settings::baseline();
    settings.config.clients[0].backchannel_logout_uri = None;
    let world = settings.build().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    world.depart(&key).await;
    assert!(world.deliveries().await.is_empty());
    assert_eq!(
        world.event("session.ended").await.code.as_deref(),
        Some("departed")
    );
}

/// A node that has not read a client's registration yet ends a session that it is in.
#[tokio::test]
async fn a_client_that_this_node_does_not_know_yet_is_told_by_one_that_does() {
    let world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    let mut settings = Settings::baseline();
    settings
        .config
        .clients
        .retain(|client| client.client_id != PORTAL);
    let unknowing = world.restarted_with(settings);
    unknowing.depart(&key).await;
    assert!(unknowing.deliveries().await.is_empty());
    world.pass(Duration::minutes(1));
    let mut deliveries = world.deliveries().await;
    let delivery = deliveries.remove(0);
    assert_eq!(delivery.client_id, PORTAL);
    let told = claims(&delivery);
    let sub = world.event("session.ended").await.sub;
    assert_eq!(told["sub"].as_str(), sub.as_deref());
    assert!(!told["sid"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn a_client_that_wants_to_hear_nothing_is_not_told_by_a_node_that_did_not_know() {
    let mut settings = Settings::baseline();
    settings.config.clients[0].backchannel_logout_uri = None;
    let world = settings.build().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    let mut without = Settings::baseline();
    without.config.clients.remove(0);
    world.restarted_with(without).depart(&key).await;
    for _ in 0..4 {
        assert!(world.deliveries().await.is_empty());
        world.pass(Duration::minutes(1));
    }
    let events = world.events().await;
    assert!(events.iter().all(|it| it.kind != "logout.undelivered"));
}
