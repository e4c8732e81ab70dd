//! Trust anchors that are added and taken away while sessions run.

use std::sync::Arc;

use cardea_pki::profile::TestCards;
use cardea_pki::{Certificate, TrustStore};
use cardea_provider::{
    AnchorRegistrations, AnchorRole, CardRules, CardRulesPlan, EndReason, check_fingerprint,
};
use cardea_test_pki::{AuthorityName, PkiSettings, TestPki};
use time::Duration;

use super::world::{Gate, HeldEvidence, PORTAL, Settings, World};

fn registrations(world: &World) -> AnchorRegistrations {
    AnchorRegistrations::new(world.records())
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

/// As a running server does it.
async fn install(world: &World, plan: CardRulesPlan) {
    world.provider.install_card_rules(plan);
    world.provider.look_at_cards_again().await.unwrap();
}

async fn follow(world: &World) {
    assert!(world.provider.anchors_have_changed().await.unwrap());
    let plan = world.provider.plan_card_rules(rootless()).await.unwrap();
    assert!(plan.left_out().is_empty());
    install(world, plan).await;
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
    install(&world, plan).await;
    assert_eq!(world.provider.take_due_cards(10).await.unwrap().len(), 0);
}

/// First compare, then trust: however tools write it, and nothing else.
#[tokio::test]
async fn a_certificate_is_the_one_whose_fingerprint_its_authority_publishes() {
    let world = World::new().await;
    let root = roots(&world).remove(0);
    let sha256 = cardea_provider::fingerprint(&root).to_ascii_uppercase();
    let (begin, end) = sha256.split_at(32);
    check_fingerprint(&root, &format!("{begin}: {end}\n")).unwrap();
    for wrong in ["", begin, &format!("{sha256}0")] {
        let refused = check_fingerprint(&root, wrong).unwrap_err();
        let code = "provider.anchor_fingerprint_mismatch";
        assert_eq!(refused.code(), code, "{wrong}");
    }
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
    install(&world, plan).await;
    world.log_in(PORTAL, None).await;
}

/// A world whose anchors are all added ones.
async fn added_world() -> World {
    let mut settings = Settings::baseline();
    settings.config.card_rules = rootless();
    let world = settings.build().await;
    let registrations = registrations(&world);
    for root in roots(&world) {
        let added = registrations.add("test", AnchorRole::Anchor, &root, &[]);
        added.await.unwrap();
    }
    follow(&world).await;
    world
}

async fn take_roots_away(world: &World) {
    let registrations = registrations(world);
    for root in roots(world) {
        let sha256 = cardea_provider::fingerprint(&root);
        registrations.remove("test", &sha256).await.unwrap();
    }
    follow(world).await;
}

/// Why the one session that is due ends.
async fn ended(world: &World, source: &HeldEvidence) -> Option<EndReason> {
    let due = world.provider.take_due_cards(10).await.unwrap();
    assert_eq!(due.len(), 1, "it is due");
    let ended = world.provider.recheck_card(&due[0], source).await;
    ended.unwrap().map(|ended| ended.reason)
}

#[tokio::test]
async fn a_recheck_under_way_does_not_put_off_what_a_removed_anchor_owes() {
    let world = added_world().await;
    world.log_in(PORTAL, None).await;
    world.pass(Duration::minutes(15));
    let due = world.provider.take_due_cards(10).await.unwrap();
    assert_eq!(due.len(), 1);
    let gate = Gate::shut();
    let fresh = HeldEvidence::fresh();
    let gated = HeldEvidence::Gated(Box::new(HeldEvidence::fresh()), Arc::clone(&gate));
    let recheck = world.provider.recheck_card(&due[0], &gated);
    let remove = async {
        gate.asked().await;
        take_roots_away(&world).await;
        gate.open();
    };
    let (good, ()) = tokio::join!(recheck, remove);
    assert!(good.unwrap().is_none(), "it was judged by the old anchors");
    assert_eq!(
        ended(&world, &fresh).await,
        Some(EndReason::CardNotAccepted)
    );
}

#[tokio::test]
async fn a_login_under_way_is_looked_at_again_when_its_anchor_is_removed() {
    let mut world = added_world().await;
    let gate = Gate::shut();
    world.evidence = HeldEvidence::Gated(Box::new(HeldEvidence::fresh()), Arc::clone(&gate));
    let login = world.log_in(PORTAL, None);
    let remove = async {
        gate.asked().await;
        take_roots_away(&world).await;
        gate.open();
    };
    let (_, ()) = tokio::join!(login, remove);
    let fresh = HeldEvidence::fresh();
    assert_eq!(
        ended(&world, &fresh).await,
        Some(EndReason::CardNotAccepted)
    );
    // The last that was judged by the old anchors is over: all are looked for once more, and then
    // no more.
    world.provider.look_at_cards_again().await.unwrap();
    world.provider.look_at_cards_again().await.unwrap();
    assert_eq!(world.provider.take_due_cards(10).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_asked_again_for_the_sessions_of_a_removed_anchor() {
    let world = added_world().await;
    world.log_in(PORTAL, None).await;
    // As where the database fails between the two steps.
    let plan = world.provider.plan_card_rules(rootless_of_nobody()).await;
    world.provider.install_card_rules(plan.unwrap());
    assert_eq!(world.provider.take_due_cards(10).await.unwrap().len(), 0);
    world.provider.look_at_cards_again().await.unwrap();
    let fresh = HeldEvidence::fresh();
    assert_eq!(
        ended(&world, &fresh).await,
        Some(EndReason::CardNotAccepted)
    );
}

/// Rules that no card meets: those of the baseline under another name, which added anchors do not
/// belong to.
fn rootless_of_nobody() -> Vec<CardRules> {
    let mut rules = rootless();
    rules[0].name = "nobody".to_owned();
    rules
}

/// Puts the baseline's rules in force with one change.
async fn tighten(world: &World, change: impl FnOnce(&mut CardRules)) {
    let mut rules = Settings::baseline().config.card_rules;
    change(&mut rules[0]);
    let plan = world.provider.plan_card_rules(rules).await.unwrap();
    install(world, plan).await;
}

#[tokio::test]
async fn tightened_rules_about_cards_end_the_sessions_that_they_refuse() {
    type Tightening = fn(&mut CardRules);
    let tightenings: [(&str, Tightening); 3] = [
        ("cards", |rules| {
            rules.profile_policy.cards = Some(Vec::new())
        }),
        ("identifiers", |rules| {
            rules.profile_policy.identifiers = Some(Vec::new());
        }),
        ("test_cards", |rules| {
            rules.profile_policy.test_cards = TestCards::Refuse;
        }),
    ];
    for (name, tightening) in tightenings {
        let world = World::new().await;
        world.log_in(PORTAL, None).await;
        tighten(&world, |_| {}).await;
        assert_eq!(world.provider.take_due_cards(10).await.unwrap().len(), 0);
        tighten(&world, tightening).await;
        // Whether or not anybody can say that the card is revoked.
        let reason = ended(&world, &HeldEvidence::Unreachable).await;
        assert_eq!(reason, Some(EndReason::CardNotAccepted), "{name}");
    }
}

#[tokio::test]
async fn other_rules_that_accept_a_card_leave_its_session_alone() {
    let world = World::new().await;
    world.log_in(PORTAL, None).await;
    tighten(&world, |rules| {
        rules.revocation_policy.crl_grace_seconds += 1
    })
    .await;
    assert_eq!(ended(&world, &HeldEvidence::fresh()).await, None);
}
