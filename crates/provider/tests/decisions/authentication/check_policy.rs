use cardea_assertion::UserVerification;
use cardea_jose::UnverifiedJws;
use cardea_oauth2_types::AuthorizationParameters;
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

/// What the challenge of a login says would do.
async fn challenge_uv(
    policy: UserVerificationPolicy,
    change: impl FnOnce(&mut AuthorizationParameters),
) -> String {
    let mut settings = Settings::baseline();
    settings.config.user_verification = policy;
    let world = settings.build().await;
    let begun = world.begin_with(change).await;
    let issued = world
        .provider
        .issue_challenge(&begun.request_id, begun.cookie());
    let challenge = issued.await.unwrap();
    let jws = UnverifiedJws::parse(&challenge, 4096).unwrap();
    let claims: serde_json::Value = jws.unverified_claims().unwrap();
    claims["uv"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_challenge_asks_for_the_policys_verification_or_the_clients_where_that_is_more() {
    use UserVerificationPolicy::{CardAlone, PinCached, PinNow};
    type Change = fn(&mut AuthorizationParameters);
    let plain: Change = |_| {};
    let login: Change = |p| p.prompt = Some("login".to_owned());
    let consent: Change = |p| p.prompt = Some("consent".to_owned());
    let aged: Change = |p| p.max_age = Some("3600".to_owned());
    let pin: Change = |p| p.acr_values = Some("urn:cardea:acr:card-pin".to_owned());
    let cached: Change = |p| {
        p.acr_values = Some("urn:cardea:acr:card-pin urn:cardea:acr:card-pin-cached".to_owned());
    };
    let foreign: Change = |p| p.acr_values = Some("eidas1".to_owned());
    let exactly_cached: Change = |p| {
        let level = "urn:cardea:acr:card-pin-cached";
        let claims = format!(r#"{{"id_token":{{"acr":{{"essential":true,"value":"{level}"}}}}}}"#);
        p.claims = Some(claims);
    };
    for (name, change, [strict, pharmacy, alone]) in [
        ("plain", plain, ["now", "cached", "none"]),
        ("prompt=login", login, ["now", "now", "now"]),
        ("prompt=consent", consent, ["now", "cached", "none"]),
        ("max_age", aged, ["now", "now", "now"]),
        ("acr card-pin", pin, ["now", "now", "now"]),
        ("acr card-pin-cached", cached, ["now", "cached", "cached"]),
        ("acr of others", foreign, ["now", "cached", "none"]),
        ("essential acr", exactly_cached, ["now", "cached", "cached"]),
    ] {
        assert_eq!(challenge_uv(PinNow, change).await, strict, "{name}");
        assert_eq!(challenge_uv(PinCached, change).await, pharmacy, "{name}");
        assert_eq!(challenge_uv(CardAlone, change).await, alone, "{name}");
    }
}

/// Attack D14: an agent that does less than its challenge asked for is not believed to have done
/// enough.
#[tokio::test]
async fn a_client_that_wants_the_person_now_never_gets_an_earlier_pin() {
    type Change = fn(&mut AuthorizationParameters);
    let changes: [(&str, Change); 2] = [
        ("login", |p| p.prompt = Some("login".to_owned())),
        ("max_age", |p| p.max_age = Some("3600".to_owned())),
    ];
    let mut settings = Settings::baseline();
    settings.config.user_verification = UserVerificationPolicy::CardAlone;
    let world = settings.build().await;
    for (name, change) in changes {
        for (uv, accepted) in [
            (UserVerification::Now, true),
            (UserVerification::Cached, false),
            (UserVerification::None, false),
        ] {
            let begun = world.begin_with(change).await;
            let mut answer = world.answer(&begun).await;
            answer.claims.uv = uv;
            let refusal = world.post(&begun, &answer).await.err();
            let code = "provider.user_verification_insufficient";
            let expected = (!accepted).then_some(code);
            assert_eq!(refusal.map(|e| e.code()), expected, "{name} {uv:?}");
        }
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
