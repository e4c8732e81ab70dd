//! The cards of open sessions are looked at again: what a card has become ends its session, what
//! nobody can say does not.

use cardea_pki::TrustStore;
use cardea_provider::{EndReason, EndedSession};
use cardea_test_pki::{CardProfile, KeyKind};
use time::Duration;

use super::world::{HeldEvidence, PORTAL, Settings, World};

/// Looks at every card that is due, and says what ended.
async fn recheck(world: &World) -> (usize, Vec<EndedSession>) {
    let due = world.provider.take_due_cards(100).await.unwrap();
    let mut ended = Vec::new();
    for due in &due {
        let judged = world.provider.recheck_card(due, &world.evidence).await;
        ended.extend(judged.unwrap());
    }
    (due.len(), ended)
}

#[tokio::test]
async fn a_card_revoked_while_its_session_runs_ends_the_session() {
    let mut world = World::new().await;
    world.log_in(PORTAL, None).await;
    world.evidence = HeldEvidence::revoking(&world.card);
    // Not before three quarters of the interval, and at its end at the latest.
    world.pass(Duration::minutes(11));
    assert_eq!(recheck(&world).await.0, 0);
    world.pass(Duration::minutes(4));
    let (judged, ended) = recheck(&world).await;
    assert_eq!(judged, 1);
    let [ended] = &ended[..] else {
        panic!("one session ends")
    };
    assert_eq!(ended.reason, EndReason::CardRevoked);
    let event = world.event("session.ended").await;
    assert_eq!(event.code.as_deref(), Some("card_revoked"));
    assert_eq!(world.told().await, [PORTAL]);
    world.pass(Duration::hours(1));
    assert_eq!(recheck(&world).await.0, 0, "its card is forgotten");
}

#[tokio::test]
async fn a_good_card_is_looked_at_every_quarter_of_an_hour() {
    let world = World::new().await;
    world.log_in(PORTAL, None).await;
    for _ in 0..3 {
        world.pass(Duration::minutes(15));
        let (judged, ended) = recheck(&world).await;
        assert_eq!((judged, ended.len()), (1, 0));
        assert_eq!(recheck(&world).await.0, 0, "once");
    }
}

#[tokio::test]
async fn people_keep_working_while_nobody_can_say_what_their_card_is() {
    for evidence in [
        HeldEvidence::Unreachable,
        HeldEvidence::Nothing,
        HeldEvidence::stale(),
    ] {
        let mut world = World::new().await;
        world.log_in(PORTAL, None).await;
        world.evidence = evidence;
        world.pass(Duration::minutes(15));
        let (judged, ended) = recheck(&world).await;
        assert_eq!((judged, ended.len()), (1, 0));
        // It is asked again, and told the truth then.
        world.evidence = HeldEvidence::revoking(&world.card);
        world.pass(Duration::minutes(15));
        assert_eq!(recheck(&world).await.1.len(), 1);
    }
}

#[tokio::test]
async fn each_use_of_the_operators_grace_is_on_record() {
    let mut settings = Settings::baseline();
    settings.config.card_rules[0]
        .revocation_policy
        .crl_grace_seconds = 86_400;
    let mut world = settings.build().await;
    world.log_in(PORTAL, None).await;
    let uses = async |world: &World| {
        let events = world.events().await;
        let uses = events
            .iter()
            .filter(|event| event.kind == "revocation.grace_used");
        uses.count()
    };
    assert_eq!(uses(&world).await, 0, "the login had fresh lists");
    world.evidence = HeldEvidence::stale();
    world.pass(Duration::minutes(15));
    let (judged, ended) = recheck(&world).await;
    assert_eq!((judged, ended.len(), uses(&world).await), (1, 0, 1));
    let event = world.event("revocation.grace_used").await;
    assert!(event.session_id.is_some() && event.sub.is_some());
}

#[tokio::test]
async fn a_card_that_expires_ends_its_session_in_that_minute() {
    let mut world = World::new().await;
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    let end = world.now() + Duration::minutes(5);
    let card = world
        .pki
        .issue_card_with(&profile, world.now(), |spec| spec.not_after = end);
    world.card = card.unwrap().authentication;
    world.log_in(PORTAL, None).await;
    world.pass(Duration::minutes(5));
    assert_eq!(recheck(&world).await.0, 0, "good to its last second");
    world.pass(Duration::seconds(1));
    let (_, ended) = recheck(&world).await;
    assert_eq!(ended[0].reason, EndReason::CardExpired);
}

#[tokio::test]
async fn a_card_whose_issuer_is_trusted_no_more_ends_its_session() {
    let world = World::new().await;
    world.log_in(PORTAL, None).await;
    let mut settings = Settings::baseline();
    settings.config.card_rules[0].trust_store = TrustStore::new(Vec::new(), Vec::new());
    let world = world.restarted_with(settings);
    world.pass(Duration::minutes(15));
    let (_, ended) = recheck(&world).await;
    assert_eq!(ended[0].reason, EndReason::CardNotAccepted);
}

#[tokio::test]
async fn a_session_that_ends_while_its_card_is_judged_ends_once() {
    let mut world = World::new().await;
    let (_, key) = world.log_in(PORTAL, None).await;
    world.evidence = HeldEvidence::revoking(&world.card);
    world.pass(Duration::minutes(15));
    let due = world.provider.take_due_cards(100).await.unwrap();
    world.depart(&key).await;
    let judged = world.provider.recheck_card(&due[0], &world.evidence).await;
    assert!(judged.unwrap().is_none());
    let event = world.event("session.ended").await;
    assert_eq!(event.code.as_deref(), Some("departed"));
}
