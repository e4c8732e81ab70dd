use cardea_pki::profile::{CardFamily, CardRule, PersonIdentifierType, ProfilePolicy};
use cardea_test_pki::{CardProfile, KeyKind};

use super::super::world::{PORTAL, Settings, World};

fn any_policy(family: &str) -> CardRule {
    CardRule {
        family: CardFamily::new(family),
        policies: Vec::new(),
    }
}

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
        ("pki.test_mark_refused", "login.card_of_other_environment")
    );
}

#[tokio::test]
async fn a_family_without_a_rule_is_refused() {
    let mut settings = Settings::baseline();
    for rules in &mut settings.config.card_rules {
        let families = ["cpf", "cpe", "cpa"];
        rules.profile_policy.cards = Some(families.map(any_policy).to_vec());
    }
    let world = settings.build().await;
    let refusal = world.refusal_of(|_| {}).await;
    assert_eq!(
        refusal,
        ("pki.card_family_refused", "login.card_family_not_accepted")
    );
}

#[tokio::test]
async fn an_identifier_of_a_kind_that_is_not_listed_is_refused() {
    for (kinds, expected) in [
        (["rpps", "adeli"], None),
        (
            ["adeli", "finess_register"],
            Some((
                "pki.identifier_type_refused",
                "login.identifier_not_accepted",
            )),
        ),
    ] {
        let mut settings = Settings::baseline();
        for rules in &mut settings.config.card_rules {
            let kinds = kinds.map(PersonIdentifierType::new);
            rules.profile_policy.identifiers = Some(kinds.to_vec());
        }
        let world = settings.build().await;
        match expected {
            None => drop(world.log_in(PORTAL, None).await),
            Some(expected) => assert_eq!(world.refusal_of(|_| {}).await, expected),
        }
    }
}
