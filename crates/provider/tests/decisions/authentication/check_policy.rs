use cardea_assertion::UserVerification;
use cardea_pki::profile::Profession;
use cardea_provider::{CardAcceptance, UserVerificationPolicy};
use cardea_test_pki::{CardProfile, KeyKind};

use super::super::world::{PORTAL, Settings};

fn accepting(cards: CardAcceptance) -> Settings {
    let mut settings = Settings::baseline();
    for client in &mut settings.config.clients {
        client.cards = cards.clone();
    }
    settings
}

fn pharmacists() -> CardAcceptance {
    let pharmacist = Profession {
        code: "21".to_owned(),
        system: "TRE_G15".to_owned(),
    };
    CardAcceptance {
        families: vec!["cps".to_owned()],
        professions: vec![pharmacist],
    }
}

#[tokio::test]
async fn the_level_follows_from_how_the_person_was_verified() {
    for (policy, uv, acr) in [
        (
            UserVerificationPolicy::PinNow,
            UserVerification::Now,
            "urn:cardea:acr:card-pin",
        ),
        (
            UserVerificationPolicy::PinCached,
            UserVerification::Cached,
            "urn:cardea:acr:card-pin-cached",
        ),
        (
            UserVerificationPolicy::CardAlone,
            UserVerification::None,
            "urn:cardea:acr:card",
        ),
    ] {
        let mut settings = Settings::baseline();
        settings.config.user_verification = policy;
        let world = settings.build().await;
        let begun = world.begin(PORTAL).await;
        let mut answer = world.answer(&begun).await;
        answer.claims.uv = uv;
        world.post(&begun, &answer).await.unwrap();
        let accepted = world.event("login.accepted").await;
        assert!(
            accepted.details.contains(&format!("\"acr\":\"{acr}\"")),
            "{}",
            accepted.details
        );
    }
}

#[tokio::test]
async fn weaker_verification_than_the_provider_accepts_is_refused() {
    for (policy, uv) in [
        (UserVerificationPolicy::PinNow, UserVerification::Cached),
        (UserVerificationPolicy::PinNow, UserVerification::None),
        (UserVerificationPolicy::PinCached, UserVerification::None),
    ] {
        let mut settings = Settings::baseline();
        settings.config.user_verification = policy;
        let world = settings.build().await;
        let refusal = world.refusal_of(|answer| answer.claims.uv = uv).await;
        let wanted = (
            "provider.user_verification_insufficient",
            "login.card_not_accepted",
        );
        assert_eq!(refusal, wanted);
    }
}

#[tokio::test]
async fn a_level_below_the_one_asked_for_is_an_error_and_never_a_claim() {
    let mut settings = Settings::baseline();
    settings.config.user_verification = UserVerificationPolicy::CardAlone;
    let world = settings.build().await;
    for (asked, unmet) in [
        ("urn:cardea:acr:card-pin", true),
        (
            "urn:cardea:acr:card-pin urn:cardea:acr:card-pin-cached",
            false,
        ),
        ("eidas1", false),
    ] {
        let begun = world
            .begin_with(|p| p.acr_values = Some(asked.to_owned()))
            .await;
        let mut answer = world.answer(&begun).await;
        answer.claims.uv = UserVerification::Cached;
        let posted = world.post(&begun, &answer).await;
        assert_eq!(
            posted.err().map(|error| error.code()),
            unmet.then_some("provider.acr_unmet")
        );
    }
}

#[tokio::test]
async fn a_client_for_pharmacists_lets_pharmacists_in_and_nobody_else() {
    let mut world = accepting(pharmacists()).build().await;
    world.log_in(PORTAL, None).await;
    for (profile, code) in [
        (CardProfile::doctor(), "provider.profession_not_accepted"),
        (CardProfile::student(), "provider.card_family_not_accepted"),
        (
            CardProfile::secretary(),
            "provider.card_family_not_accepted",
        ),
    ] {
        let card = world
            .pki
            .issue_card(&profile.with_key(KeyKind::P256))
            .unwrap();
        world.card = card.authentication;
        let shown = code.replace("provider.", "login.");
        let refusal = world.refusal_of(|_| {}).await;
        assert_eq!(refusal, (code, shown.as_str()));
    }
}

#[tokio::test]
async fn a_card_without_a_profession_is_in_no_list_of_professions() {
    let cards = CardAcceptance {
        families: Vec::new(),
        ..pharmacists()
    };
    let mut world = accepting(cards).build().await;
    let card = world
        .pki
        .issue_card(&CardProfile::secretary().with_key(KeyKind::P256))
        .unwrap();
    world.card = card.authentication;
    let refusal = world.refusal_of(|_| {}).await;
    assert_eq!(
        refusal,
        (
            "provider.profession_not_accepted",
            "login.profession_not_accepted"
        )
    );
}
