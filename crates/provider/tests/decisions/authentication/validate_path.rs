use cardea_test_pki::{CardProfile, KeyKind, TestPki};

use super::super::world::{PORTAL, Settings, World};

#[tokio::test]
async fn a_card_is_accepted_with_and_without_its_issuers_at_hand() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    for certificates in [0, world.card.chain_der.len()] {
        let mut answer = world.answer(&begun).await;
        answer
            .certificates
            .extend(world.card.chain_der.iter().take(certificates).cloned());
        assert!(world.post(&begun, &answer).await.is_ok());
    }
}

#[tokio::test]
async fn a_card_of_an_unknown_authority_with_the_same_names_is_refused() {
    let world = World::new().await;
    let foreign = TestPki::fast(world.pki.at()).unwrap();
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    let card = foreign.issue_card(&profile).unwrap().authentication;
    let refusal = world
        .refusal_of(|answer| {
            answer.card_key = card.key.clone();
            answer.certificates = vec![card.der.clone()];
            answer.certificates.extend(card.chain_der.clone());
        })
        .await;
    assert_eq!(refusal, ("pki.untrusted_anchor", "login.card_not_accepted"));
}

#[tokio::test]
async fn an_expired_card_is_refused_and_the_person_told() {
    let mut world = World::new().await;
    let mut spec = CardProfile::pharmacist()
        .authentication(world.pki.at())
        .unwrap();
    spec.key = KeyKind::P256;
    world.card = world
        .pki
        .issue(&spec.clone().expired(world.pki.at()))
        .unwrap();
    let refusal = world.refusal_of(|_| {}).await;
    assert_eq!(refusal, ("pki.certificate_expired", "login.card_expired"));

    world.card = world
        .pki
        .issue(&spec.not_yet_valid(world.pki.at()))
        .unwrap();
    let refusal = world.refusal_of(|_| {}).await;
    assert_eq!(
        refusal,
        ("pki.certificate_not_yet_valid", "login.card_not_accepted")
    );
}

#[tokio::test]
async fn the_signature_certificate_of_the_same_card_is_refused() {
    let mut world = World::new().await;
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    world.card = world.pki.issue_card(&profile).unwrap().signature;
    let refusal = world.refusal_of(|_| {}).await;
    assert_eq!(refusal, ("pki.key_usage_wrong", "login.card_not_accepted"));
}

#[tokio::test]
async fn the_second_set_of_rules_is_tried_when_the_first_does_not_know_the_card() {
    let mut settings = Settings::baseline();
    let foreign = TestPki::fast(TestPki::SHARED_AT).unwrap();
    let mut rules = Settings::baseline().config.card_rules.pop().unwrap();
    rules.name = "foreign".to_owned();
    let anchors = foreign.card_anchors_der();
    let anchors = anchors
        .iter()
        .map(|der| cardea_pki::Certificate::parse(der).unwrap())
        .collect();
    rules.trust_store = cardea_pki::TrustStore::new(anchors, Vec::new());
    settings.config.card_rules.insert(0, rules);
    let world = settings.build().await;
    world.log_in(PORTAL, None).await;
    let accepted = world.event("login.accepted").await;
    assert!(
        accepted.details.contains(r#""card_rules":"test""#),
        "{}",
        accepted.details
    );
}

/// The card is known from its first login, and judged at the moment of each.
#[tokio::test]
async fn a_card_that_expires_after_its_first_login_is_refused() {
    let world = World::new().await;
    world.log_in(PORTAL, None).await;
    let certificate = cardea_pki::Certificate::parse(&world.card.der).unwrap();
    world.pass(certificate.not_after() - world.pki.at() + time::Duration::SECOND);
    let refusal = world.refusal_of(|_| {}).await;
    assert_eq!(refusal, ("pki.certificate_expired", "login.card_expired"));
}
