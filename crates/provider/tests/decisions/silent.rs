//! Silent re-authentication: only for a client in the session, only within what it asked for.

use cardea_assertion::UserVerification;
use cardea_oauth2_types::AuthorizationParameters;
use cardea_pki::profile::Profession;
use cardea_provider::{
    AuthorizationError, BegunAuthorization, ProviderConfig, Secret, UserVerificationPolicy,
};
use cardea_storage::client::end_holdings;
use time::Duration;

use super::world::{PORTAL, SECOND, Settings, World, parameters, query_value};

/// Asks with a session cookie: the silent code's redirect, or the code of the refusal, or "card".
async fn ask(
    world: &World,
    cookie: &str,
    change: impl FnOnce(&mut AuthorizationParameters),
) -> String {
    let mut asked = parameters(PORTAL);
    change(&mut asked);
    match world
        .provider
        .begin_authorization(asked, Some(cookie))
        .await
    {
        Ok(BegunAuthorization::Completed { response }) => response.location(),
        Ok(BegunAuthorization::Login { .. }) => "card".to_owned(),
        Ok(BegunAuthorization::Consent { .. }) => "consent".to_owned(),
        Err(AuthorizationError::Page(error)) => error.code().to_owned(),
        Err(AuthorizationError::Redirect { source, .. }) => source.code().to_owned(),
    }
}

fn set(slot: &mut Option<String>, value: &str) {
    *slot = Some(value.to_owned());
}

#[tokio::test]
async fn a_client_in_the_session_gets_a_code_without_the_card() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let cookie = completed.session_cookie.expose();
    for prompt in [None, Some("none")] {
        let location = ask(&world, cookie, |p| p.prompt = prompt.map(str::to_owned)).await;
        assert_eq!(
            query_value(&location, "state").as_deref(),
            Some("the state")
        );
        assert!(query_value(&location, "code").is_some());
        let event = world.event("code.issued").await;
        assert!(event.details.contains(r#""silent":true"#));
    }
}

#[tokio::test]
async fn each_further_portal_asks_for_the_card() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let cookie = completed.session_cookie.expose();
    assert_eq!(
        ask(&world, cookie, |p| *p = parameters(SECOND)).await,
        "card"
    );
    let refused = ask(&world, cookie, |p| {
        *p = parameters(SECOND);
        set(&mut p.prompt, "none");
    })
    .await;
    assert_eq!(refused, "provider.login_required");
}

/// Attacks E15 and E16: no page where none may be shown, and the card where its age is too high.
#[tokio::test]
async fn what_the_client_asks_for_can_demand_the_card() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let cookie = completed.session_cookie.expose();
    world.pass(Duration::seconds(10));
    type Change = fn(&mut AuthorizationParameters);
    let cases: [(Change, bool); 7] = [
        (|p| set(&mut p.prompt, "login"), false),
        (|p| set(&mut p.prompt, "select_account consent"), false),
        (|p| set(&mut p.max_age, "0"), false),
        (|p| set(&mut p.max_age, "10"), false),
        (|p| set(&mut p.max_age, "11"), true),
        (|p| set(&mut p.acr_values, "urn:cardea:acr:card-pin"), true),
        (|p| set(&mut p.acr_values, "0"), true),
    ];
    for (index, (change, silent)) in cases.into_iter().enumerate() {
        assert_eq!(
            ask(&world, cookie, change).await != "card",
            silent,
            "case {index}"
        );
    }
}

#[tokio::test]
async fn a_wrong_cookie_or_an_ended_session_serves_nobody() {
    let world = World::new().await;
    let (completed, key) = world.log_in(PORTAL, None).await;
    let cookie = completed.session_cookie.expose();
    assert_eq!(ask(&world, "another", |_| {}).await, "card");
    world.pass(Duration::minutes(30));
    assert_eq!(
        ask(&world, cookie, |_| {}).await,
        "card",
        "idle, though not swept yet"
    );
    world.pass(Duration::minutes(-30));
    world.depart(&key).await;
    assert_eq!(
        ask(&world, cookie, |p| set(&mut p.prompt, "none")).await,
        "provider.login_required"
    );
}

/// Attack E16.
#[tokio::test]
async fn a_hint_at_another_person_is_answered_with_login_required() {
    let mut world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let cookie = completed.session_cookie.expose().to_owned();
    let own_hint = world
        .redeem(&completed.location)
        .await
        .unwrap()
        .id_token
        .unwrap();
    let doctor = cardea_test_pki::CardProfile::doctor().with_key(cardea_test_pki::KeyKind::P256);
    world.card = world.pki.issue_card(&doctor).unwrap().authentication;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let other_hint = world
        .redeem(&completed.location)
        .await
        .unwrap()
        .id_token
        .unwrap();

    assert!(
        ask(&world, &cookie, |p| set(&mut p.id_token_hint, &own_hint))
            .await
            .contains("code=")
    );
    let refused = ask(&world, &cookie, |p| {
        set(&mut p.id_token_hint, &other_hint);
        set(&mut p.prompt, "none");
    })
    .await;
    assert_eq!(refused, "provider.login_required");

    // With the card, it must be the card of the person that the hint names.
    let begun = world
        .begin_with(|p| set(&mut p.id_token_hint, &own_hint))
        .await;
    let answer = world.answer(&begun).await;
    let error = world.post(&begun, &answer).await.unwrap_err();
    assert_eq!(error.code(), "provider.subject_not_expected");
    assert_eq!(error.public.code(), "login.card_not_accepted");
}

/// A session that began as the agent says, where the operator allows it.
async fn session_of(
    policy: UserVerificationPolicy,
    verification: UserVerification,
) -> (World, Secret) {
    let mut settings = Settings::baseline();
    settings.config.user_verification = policy;
    let world = settings.build().await;
    let begun = world.begin(PORTAL).await;
    let mut answer = world.answer(&begun).await;
    answer.claims.uv = verification;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let provider = &world.provider;
    let done = provider
        .complete_authorization(&begun.request_id, begun.cookie(), None)
        .await;
    (world, done.unwrap().session_cookie)
}

/// Attack E16: a session is not young because a kept PIN, or none, opened it a moment ago.
#[tokio::test]
async fn max_age_is_met_silently_only_by_a_pin_that_was_typed() {
    let cases = [
        (
            UserVerificationPolicy::PinCached,
            UserVerification::Now,
            true,
        ),
        (
            UserVerificationPolicy::PinCached,
            UserVerification::Cached,
            false,
        ),
        (
            UserVerificationPolicy::CardAlone,
            UserVerification::None,
            false,
        ),
    ];
    for (policy, verification, silent) in cases {
        let (world, cookie) = session_of(policy, verification).await;
        let told = ask(&world, cookie.expose(), |p| set(&mut p.max_age, "300")).await;
        assert_eq!(told != "card", silent, "{verification:?}: {told}");
        let told = ask(&world, cookie.expose(), |p| {
            set(&mut p.max_age, "300");
            set(&mut p.prompt, "none");
        })
        .await;
        assert_eq!(
            told != "provider.login_required",
            silent,
            "{verification:?}: {told}"
        );
        // Who does not ask for it gets on as before.
        let told = ask(&world, cookie.expose(), |_| {}).await;
        assert!(told.contains("code="), "{verification:?}: {told}");
    }
}

#[tokio::test]
async fn a_session_below_the_level_asked_for_demands_the_card() {
    let (world, cookie) =
        session_of(UserVerificationPolicy::PinCached, UserVerification::Cached).await;
    for (asked, silent) in [
        ("urn:cardea:acr:card-pin", false),
        ("urn:cardea:acr:card-pin-cached", true),
    ] {
        let told = ask(&world, cookie.expose(), |p| set(&mut p.acr_values, asked)).await;
        assert_eq!(told != "card", silent, "{asked}");
    }
}

#[tokio::test]
async fn a_session_that_the_operator_would_not_let_in_today_demands_the_card() {
    let (world, cookie) =
        session_of(UserVerificationPolicy::PinCached, UserVerification::Cached).await;

    type Change = fn(&mut ProviderConfig);
    let cases: [(Change, bool); 4] = [
        (|_| {}, true),
        (
            |config| config.user_verification = UserVerificationPolicy::PinNow,
            false,
        ),
        (
            |config| config.clients[0].cards.families = vec!["cpe".to_owned()],
            false,
        ),
        (
            |config| {
                config.clients[0].cards.professions = vec![Profession {
                    code: "10".to_owned(),
                    system: "TRE_G15".to_owned(),
                }];
            },
            false,
        ),
    ];
    for (index, (change, silent)) in cases.into_iter().enumerate() {
        let mut settings = Settings::baseline();
        settings.config.user_verification = UserVerificationPolicy::PinCached;
        change(&mut settings.config);
        let restarted = world.restarted_with(settings);
        let told = ask(&restarted, cookie.expose(), |_| {}).await;
        assert_eq!(told != "card", silent, "case {index}");
    }
}

#[tokio::test]
async fn a_session_whose_agent_is_silent_demands_the_card_before_the_sweep_comes_by() {
    let world = World::new().await;
    let (completed, key) = world.log_in(PORTAL, None).await;
    let cookie = completed.session_cookie.expose();
    assert!(world.pass_sweeping(Duration::seconds(30)).await.is_empty());
    assert_ne!(
        ask(&world, cookie, |_| {}).await,
        "card",
        "within its grace"
    );
    world.pass(Duration::seconds(1));
    assert_eq!(ask(&world, cookie, |_| {}).await, "card");
    world.present(&key).await;
    assert_ne!(ask(&world, cookie, |_| {}).await, "card", "it came back");
}

/// Attack F3: the id is registered anew, for a client that nobody has shown a card for.
#[tokio::test]
async fn who_gets_a_removed_clients_id_is_not_in_the_sessions_that_it_was_in() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let cookie = completed.session_cookie.expose();
    let mut transaction = world.store.begin().await.unwrap();
    let ended = end_holdings(&mut transaction, PORTAL, world.now()).await;
    assert_eq!(ended.unwrap().client_sessions, 1);
    transaction.commit().await.unwrap();
    assert_eq!(ask(&world, cookie, |_| {}).await, "card");
    // Its code was for the one before.
    let refused = world.redeem(&completed.location).await.unwrap_err();
    assert_eq!(refused.code(), "provider.code_unknown");
    // With the card it is in the session like any other.
    let (again, _) = world.log_in(PORTAL, Some(cookie)).await;
    world.redeem(&again.location).await.unwrap();
    let location = ask(&world, again.session_cookie.expose(), |_| {}).await;
    assert!(query_value(&location, "code").is_some());
}

#[tokio::test]
async fn a_client_that_the_operator_dropped_leaves_the_sessions_at_the_next_start() {
    let world = World::new().await;
    let (first, _) = world.log_in(PORTAL, None).await;
    let cookie = first.session_cookie.expose();
    let (second, _) = world.log_in(SECOND, Some(cookie)).await;
    let cookie = second.session_cookie.expose();
    let mut settings = Settings::baseline();
    settings.config.clients.remove(0);
    let without = world.restarted_with(settings);
    let start = async |world: &World| {
        let reload = world.provider.reload_clients(|_| panic!("none is stored"));
        reload.await.unwrap();
    };
    start(&without).await;
    let ended = world.event("client.holdings_ended").await;
    assert_eq!(ended.client_id.as_deref(), Some(PORTAL));
    let world = world.restarted();
    start(&world).await;
    assert_eq!(ask(&world, cookie, |_| {}).await, "card");
    let location = ask(&world, cookie, |p| *p = parameters(SECOND)).await;
    assert!(query_value(&location, "code").is_some(), "{location}");
    let events = world.events().await.into_iter();
    let count = events
        .filter(|it| it.kind == "client.holdings_ended")
        .count();
    assert_eq!(count, 1, "what has ended is not ended again");
}
