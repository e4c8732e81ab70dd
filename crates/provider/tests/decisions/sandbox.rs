//! A sandbox and a real service keep their cards apart (attack A9).

use cardea_pki::profile::ProfilePolicy;
use cardea_test_pki::{CardProfile, CertificateSpec, KeyKind};

use super::world::{PORTAL, Settings};

#[tokio::test]
async fn a_sandbox_does_not_start_with_a_trust_anchor_that_takes_real_cards() {
    let mut settings = Settings::baseline();
    settings.config.sandbox = true;
    assert!(settings.build().await.provider.is_sandbox());

    let mut settings = Settings::baseline();
    settings.config.sandbox = true;
    settings.config.card_rules[0].profile_policy = ProfilePolicy::production();
    let error = settings.try_build().await.err().unwrap();
    assert_eq!(error.code(), "provider.sandbox_takes_real_cards");
}

/// A card that its issuer did not mark as a test card is a real person's.
#[tokio::test]
async fn a_real_card_is_refused_in_a_sandbox() {
    let mut settings = Settings::baseline();
    settings.config.sandbox = true;
    let mut world = settings.build().await;
    world.log_in(PORTAL, None).await;
    let pharmacist = CardProfile::pharmacist().with_key(KeyKind::P256);
    let at = world.pki.at();
    let unmarked = |spec: &mut CertificateSpec| {
        spec.certificate_kind = spec.certificate_kind.map(|kind| kind & 0x7f);
    };
    let card = world.pki.issue_card_with(&pharmacist, at, unmarked);
    world.card = card.unwrap().authentication;
    let refusal = world.refusal_of(|_| {}).await;
    assert_eq!(
        refusal,
        ("pki.test_mark_refused", "login.card_of_other_environment")
    );
}
