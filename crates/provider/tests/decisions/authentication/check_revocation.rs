use cardea_pki::{Certificate, TrustStore};
use cardea_test_pki::{
    AuthorityName, CertificateSpec, CountryPki, CrlSpec, KeyKind, RevokedEntry, TestPki,
};

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

/// The authority of the cards is certified by two roots, and one of them has revoked that.
#[tokio::test]
async fn a_revoked_cross_certificate_hides_no_other_path_and_is_not_forgiven() {
    const ISSUER: AuthorityName = AuthorityName::FORT_PERSONNES;
    let pki = TestPki::shared().unwrap();
    let issuing = pki.authority(ISSUER).unwrap();
    let root = pki.authority(ISSUER.root()).unwrap();
    let other = CountryPki::new("FR", "AUTRE", KeyKind::P256, pki.at()).unwrap();
    let spec = CertificateSpec::authority(ISSUER, ISSUER.subject(), pki.at());
    let cross = other.root().issue_with_key(&spec, issuing.key().to_owned());
    let parse = |der: &[u8]| Certificate::parse(der).unwrap();
    let certified = [parse(issuing.certificate_der()), parse(&cross.unwrap().der)];

    let mut settings = Settings::baseline();
    settings.config.card_rules[0].trust_store = TrustStore::new(
        vec![parse(root.certificate_der()), parse(other.anchor_der())],
        certified.to_vec(),
    );
    let mut world = settings.build().await;
    let lists_revoking = |revoked: &[&Certificate]| {
        let mut of_root = CrlSpec::new(ISSUER.root(), pki.at());
        of_root.revoked = revoked
            .iter()
            .map(|certificate| RevokedEntry {
                serial: certificate.serial().to_vec(),
                at: pki.at() - time::Duration::DAY,
                reason: None,
            })
            .collect();
        let of_issuing = CrlSpec::new(ISSUER, pki.at());
        HeldEvidence::Crls(vec![
            root.crl(&of_root).unwrap(),
            other.root().crl(&of_root).unwrap(),
            issuing.crl(&of_issuing).unwrap(),
        ])
    };
    let [first, second] = &certified;
    for revoked in [first, second, first] {
        world.evidence = lists_revoking(&[revoked]);
        world.log_in(PORTAL, None).await;
    }
    world.evidence = lists_revoking(&[first, second]);
    let refusal = world.refusal_of(|_| {}).await;
    assert_eq!(refusal, ("pki.certificate_revoked", "login.card_revoked"));
}
