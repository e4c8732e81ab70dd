//! Trust anchors that are added and taken away while sessions run.

use std::sync::Arc;

use cardea_pki::{Certificate, TrustStore};
use cardea_provider::event::StoredEvents;
use cardea_provider::{
    AnchorRegistrations, AnchorRole, CardRules, Clock, EndReason, Operator, Records,
};
use cardea_test_pki::{AuthorityName, PkiSettings, TestPki};
use time::Duration;

use super::world::{PORTAL, Settings, World};

fn registrations(world: &World) -> AnchorRegistrations {
    let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
    let operator = Operator {
        uid: 0,
        user: None,
        login_uid: None,
        login_user: None,
    };
    let records = Records::new(world.store.clone(), Arc::new(StoredEvents), clock, operator);
    AnchorRegistrations::new(records)
}

/// The baseline's rules, with no root in their file.
fn rootless() -> Vec<CardRules> {
    let mut rules = Settings::baseline().config.card_rules;
    let intermediates = rules[0].trust_store.intermediates().cloned().collect();
    rules[0].trust_store = TrustStore::new(Vec::new(), intermediates);
    rules
}

fn roots(world: &World) -> Vec<Certificate> {
    let roots = world.pki.card_anchors_der();
    roots
        .iter()
        .map(|der| Certificate::parse(der).unwrap())
        .collect()
}

async fn follow(world: &World) {
    assert!(world.provider.anchors_have_changed().await.unwrap());
    let plan = world.provider.plan_card_rules(rootless()).await.unwrap();
    assert!(plan.left_out().is_empty());
    world.provider.install_card_rules(plan).await.unwrap();
    assert!(!world.provider.anchors_have_changed().await.unwrap());
}

#[tokio::test]
async fn a_removed_anchor_ends_its_sessions_at_once_and_an_added_one_lets_in() {
    let mut settings = Settings::baseline();
    settings.config.card_rules = rootless();
    let world = settings.build().await;
    let registrations = registrations(&world);
    for root in roots(&world) {
        let added = registrations.add("test", AnchorRole::Anchor, &root, &[]);
        added.await.unwrap();
    }
    follow(&world).await;
    world.log_in(PORTAL, None).await;
    // The next look is a quarter of an hour away.
    assert_eq!(world.provider.take_due_cards(10).await.unwrap().len(), 0);
    for root in roots(&world) {
        let sha256 = cardea_provider::fingerprint(&root);
        registrations.remove("test", &sha256).await.unwrap();
        let again = registrations.remove("test", &sha256).await.unwrap_err();
        assert_eq!(again.code(), "provider.anchor_unknown");
    }
    follow(&world).await;
    let due = world.provider.take_due_cards(10).await.unwrap();
    assert_eq!(due.len(), 1);
    let ended = world.provider.recheck_card(&due[0], &world.evidence).await;
    assert_eq!(ended.unwrap().unwrap().reason, EndReason::CardNotAccepted);
}

#[tokio::test]
async fn an_added_anchor_leaves_sessions_alone() {
    let world = World::new().await;
    world.log_in(PORTAL, None).await;
    let other = TestPki::new(&PkiSettings::fast(world.now())).unwrap();
    let name = AuthorityName::all().find(|it| it.is_root()).unwrap();
    let root = other.authority(name).unwrap().certificate_der().to_vec();
    let root = Certificate::parse(&root).unwrap();
    let registrations = registrations(&world);
    let added = registrations.add("test", AnchorRole::Anchor, &root, &[]);
    added.await.unwrap();
    let rules = Settings::baseline().config.card_rules;
    let plan = world.provider.plan_card_rules(rules).await.unwrap();
    world.provider.install_card_rules(plan).await.unwrap();
    assert_eq!(world.provider.take_due_cards(10).await.unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_no_anchor_is_refused_with_its_code() {
    let world = World::new().await;
    let registrations = registrations(&world);
    let root = roots(&world).remove(0);
    let card = Certificate::parse(&world.card.der).unwrap();
    let code = async |certificate: &Certificate, own: &[&Certificate]| {
        let added = registrations.add("test", AnchorRole::Anchor, certificate, own);
        added.await.map_or_else(|error| error.code(), |_| "added")
    };
    assert_eq!(code(&card, &[]).await, "pki.issuer_not_authority");
    assert_eq!(code(&root, &[&root]).await, "provider.anchor_exists");
    assert_eq!(code(&root, &[]).await, "added");
    assert_eq!(code(&root, &[]).await, "provider.anchor_exists");
    world.pass(Duration::days(365 * 60));
    let other = roots(&world).pop().unwrap();
    assert_eq!(code(&other, &[]).await, "pki.certificate_expired");
    let (kept, unreadable) = registrations.list().await.unwrap();
    assert_eq!((kept.len(), unreadable.len()), (1, 0));
}

#[tokio::test]
async fn an_anchor_of_rules_that_are_gone_is_left_out_and_keeps_nothing_else_out() {
    let world = World::new().await;
    let registrations = registrations(&world);
    let root = roots(&world).remove(0);
    let added = registrations.add("gone", AnchorRole::Anchor, &root, &[]);
    added.await.unwrap();
    let rules = Settings::baseline().config.card_rules;
    let plan = world.provider.plan_card_rules(rules).await.unwrap();
    let [(_, error)] = plan.left_out() else {
        panic!("one is left out")
    };
    assert_eq!(error.code(), "provider.anchor_rules_unknown");
    world.provider.install_card_rules(plan).await.unwrap();
    world.log_in(PORTAL, None).await;
}
