use cardea_pki::profile::ProfilePolicy;
use cardea_test_pki::{CardProfile, KeyKind};

use super::super::world::{PORTAL, Settings, World};

#[tokio::test]
async fn cards_of_every_family_are_accepted() {
    let mut world = World::new().await;
    let profiles = [
        CardProfile::doctor(),
        CardProfile::pharmacist(),
        CardProfile::student(),
        CardProfile::secretary(),
        CardProfile::authorised_staff(),
    ];
    for profile in profiles {
        let card = world
            .pki
            .issue_card(&profile.with_key(KeyKind::P256))
            .unwrap();
        world.card = card.authentication;
        world.log_in(PORTAL, None).await;
    }
}

#[tokio::test]
async fn a_test_card_is_refused_in_production() {
    let mut settings = Settings::baseline();
    for rules in &mut settings.config.card_rules {
        rules.profile_policy = ProfilePolicy::production();
    }
    let world = settings.build().await;
    let refusal = world.refusal_of(|_| {}).await;
    assert_eq!(
        refusal,
        ("pki.test_mark_refused", "login.card_not_accepted")
    );
}

#[tokio::test]
async fn a_family_without_a_rule_is_refused() {
    let mut settings = Settings::baseline();
    for rules in &mut settings.config.card_rules {
        rules
            .profile_policy
            .cards
            .retain(|rule| rule.family.as_str() != "cps");
    }
    let world = settings.build().await;
    let refusal = world.refusal_of(|_| {}).await;
    assert_eq!(
        refusal,
        ("pki.card_family_refused", "login.card_not_accepted")
    );
}
