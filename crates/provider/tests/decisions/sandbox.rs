//! A sandbox and a real service keep their cards apart (attack A9).

use cardea_pki::profile::ProfilePolicy;

use super::world::Settings;

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
