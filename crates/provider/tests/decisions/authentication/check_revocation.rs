use super::super::world::{HeldEvidence, PORTAL, Settings, World};

#[tokio::test]
async fn a_card_that_no_list_names_is_accepted_and_no_age_is_noted() {
    let world = World::new().await;
    let (_, _) = world.log_in(PORTAL, None).await;
    assert!(
        world
            .events()
            .await
            .iter()
            .all(|event| event.kind != "revocation.grace_used")
    );
}

#[tokio::test]
async fn a_revoked_card_is_refused_and_the_person_told() {
    let mut world = World::new().await;
    world.evidence = HeldEvidence::revoking(&world.card);
    let refusal = world.refusal_of(|_| {}).await;
    assert_eq!(refusal, ("pki.certificate_revoked", "login.card_revoked"));
}

#[tokio::test]
async fn stale_unreachable_and_missing_evidence_are_three_codes_and_one_answer() {
    let mut world = World::new().await;
    for (evidence, code) in [
        (HeldEvidence::stale(), "pki.revocation_stale"),
        (HeldEvidence::Unreachable, "pki.revocation_unreachable"),
        (HeldEvidence::Nothing, "pki.revocation_unknown"),
    ] {
        world.evidence = evidence;
        let refusal = world.refusal_of(|_| {}).await;
        assert_eq!(refusal, (code, "login.revocation_unavailable"));
    }
}

#[tokio::test]
async fn a_stale_list_within_the_operators_grace_is_used_and_put_on_record() {
    let mut settings = Settings::baseline();
    for rules in &mut settings.config.card_rules {
        rules.revocation_policy.crl_grace_seconds = 2 * 3600;
    }
    let mut world = settings.build().await;
    world.evidence = HeldEvidence::stale();
    world.log_in(PORTAL, None).await;
    let event = world.event("revocation.grace_used").await;
    assert_eq!(event.details, r#"{"age_seconds":172800}"#);
}
