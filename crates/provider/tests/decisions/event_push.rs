//! Security events that are pushed: what becomes of one that nobody takes, and whose a stream is.

use cardea_provider::{EventPush, PushDelivery, PushOutcome};
use serde_json::Value;
use time::Duration;

use super::world::{PORTAL, SECOND, Settings, World, claims_of};

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

fn settings() -> Settings {
    let mut settings = Settings::baseline();
    for client_id in [PORTAL, SECOND] {
        settings.client(client_id).event_push = Some(EventPush {
            uri: format!("https://{client_id}.example.fr/events"),
            authorization: None,
        });
    }
    settings
}

async fn due(world: &World) -> Vec<PushDelivery> {
    world.provider.take_pushes(|_| 100).await.unwrap()
}

/// A world in which the portal is to be told of one session, and that event.
async fn one_due() -> (World, PushDelivery) {
    let world = settings().build().await;
    world.provider.follow_push_streams().await.unwrap();
    let (_, key) = world.log_in(PORTAL, None).await;
    world.depart(&key).await;
    let mut deliveries = due(&world).await;
    assert_eq!(deliveries.len(), 1, "the other portal was not there");
    let delivery = deliveries.remove(0);
    (world, delivery)
}

#[tokio::test]
async fn an_event_that_nobody_takes_is_told_again_the_same_and_given_up_on_record() {
    let (world, mut delivery) = one_due().await;
    let first: Value = claims_of(&delivery.set);
    assert!(first["events"].get(SESSION_REVOKED).is_some());
    assert_eq!(
        delivery.push.uri,
        format!("https://{PORTAL}.example.fr/events")
    );
    let began = world.now();
    let mut tries = 1;
    loop {
        let failed = world.provider.finish_push(delivery, PushOutcome::Failed);
        failed.await.unwrap();
        assert!(due(&world).await.is_empty(), "it waits");
        world.pass(Duration::seconds(61));
        // The node's clients are those of the configuration; another one would know them, too.
        world.provider.follow_push_streams().await.unwrap();
        match due(&world).await.pop() {
            Some(next) => delivery = next,
            None => break,
        }
        let again = claims_of(&delivery.set);
        for member in ["jti", "sequence", "events", "sub_id"] {
            assert_eq!(first[member], again[member], "{member}");
        }
        tries += 1;
    }
    let lasted = world.now() - began;
    let longest = Duration::seconds(120) + Duration::minutes(12);
    assert!(
        Duration::minutes(11) < lasted && lasted < longest,
        "{lasted}"
    );
    let event = world.event("event_push.undelivered").await;
    let code = Some("provider.event_push_undelivered");
    assert_eq!(event.code.as_deref(), code);
    assert_eq!(event.client_id.as_deref(), Some(PORTAL));
    assert_eq!(event.sub, None, "whom it was about is not named");
    assert!(
        event.details.contains(&format!("\"attempts\":{tries}")),
        "{}",
        event.details
    );
}

#[tokio::test]
async fn what_never_had_a_turn_is_given_up_before_it_is_swept() {
    let world = settings().build().await;
    world.provider.follow_push_streams().await.unwrap();
    let (_, key) = world.log_in(PORTAL, None).await;
    world.depart(&key).await;
    world.pass(Duration::minutes(13));
    world.provider.forget_ended().await.unwrap();
    assert!(due(&world).await.is_empty());
    let event = world.event("event_push.undelivered").await;
    assert!(
        event.details.contains("\"attempts\":0"),
        "{}",
        event.details
    );
}

#[tokio::test]
async fn a_node_that_dies_over_an_event_loses_it_to_another() {
    let (world, delivery) = one_due().await;
    let other = world.restarted_with(settings());
    assert!(due(&other).await.is_empty(), "it is the first one's");
    world.pass(Duration::seconds(60));
    assert_eq!(due(&other).await.len(), 1);
    // The first one's answer comes late and is good: it is told once more at most.
    let taken = world
        .provider
        .finish_push(delivery, PushOutcome::Acknowledged);
    taken.await.unwrap();
    world.pass(Duration::minutes(2));
    assert!(due(&other).await.is_empty());
}

/// A stream that no node's configuration knows any more is forgotten, with what waits for it.
#[tokio::test]
async fn a_portal_that_is_told_no_more_is_forgotten_after_a_while() {
    let (world, _) = one_due().await;
    world.pass(Duration::minutes(16));
    world.provider.forget_ended().await.unwrap();
    world.event("event_push.undelivered").await;
    let (_, key) = world.log_in(PORTAL, None).await;
    world.depart(&key).await;
    assert!(due(&world).await.is_empty(), "there is no stream");
    world.provider.follow_push_streams().await.unwrap();
    let (_, key) = world.log_in(PORTAL, None).await;
    world.depart(&key).await;
    assert_eq!(due(&world).await.len(), 1);
}
