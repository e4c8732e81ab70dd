use super::super::world::{HeldEvidence, PORTAL, Settings, World};

#[tokio::test]
async fn a_login_on_current_evidence_tells_its_source_and_age_and_notes_no_grace() {
    let world = World::new().await;
    let (_, _) = world.log_in(PORTAL, None).await;
    let accepted: serde_json::Value =
        serde_json::from_str(&world.event("login.accepted").await.details).unwrap();
    assert_eq!(accepted["revocation_source"], "crl");
    assert_eq!(accepted["revocation_age_seconds"], 3600);
    assert_eq!(accepted["revocation_stale_by_seconds"], 0);
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
    assert_eq!(
        event.details,
        r#"{"age_seconds":172800,"stale_by_seconds":3600}"#
    );
    let accepted: serde_json::Value =
        serde_json::from_str(&world.event("login.accepted").await.details).unwrap();
    assert_eq!(accepted["revocation_age_seconds"], 172_800);
    assert_eq!(accepted["revocation_stale_by_seconds"], 3600);
}
