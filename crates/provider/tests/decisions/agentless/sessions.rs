//! Sessions without an agent: short, absolute, and for the clients alone that want them.

use cardea_oauth2_types::AuthorizationParameters;
use cardea_provider::{
    AgentlessLogin, AuthorizationError, BegunAuthorization, EndReason, LogoutDecision,
    LogoutParameters,
};
use time::Duration;

use super::super::world::{HeldEvidence, PORTAL, SECOND, World, parameters};
use super::{another_card, bring_back, log_in, log_in_with, say_yes, settings, world};

/// Asks with a session cookie: "silent", the code of the refusal, or "card".
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
        Ok(BegunAuthorization::Completed { .. }) => "silent".to_owned(),
        Ok(_) => "card".to_owned(),
        Err(AuthorizationError::Page(error)) => error.code().to_owned(),
        Err(AuthorizationError::Redirect { source, .. }) => source.code().to_owned(),
    }
}

#[tokio::test]
async fn a_session_ends_after_its_minutes_whatever_happens_in_it() {
    let world = world().await;
    let (location, cookie) = log_in(&world).await;
    let tokens = world.redeem(&location).await.unwrap();
    let mut refresh = tokens.refresh_token.unwrap();
    let mut bearer = tokens.access_token;
    for _ in 0..14 {
        world.pass(Duration::minutes(1));
        assert!(world.provider.sweep().await.unwrap().is_empty());
        let refreshed = world.refresh(PORTAL, &refresh).await.unwrap();
        refresh = refreshed.refresh_token.unwrap();
        bearer = refreshed.access_token;
        assert_eq!(ask(&world, cookie.expose(), |_| {}).await, "silent");
    }
    world.pass(Duration::seconds(60));
    // On the second, before any sweep has come by.
    let refused = world.refresh(PORTAL, &refresh).await.unwrap_err();
    assert!(
        [
            "provider.refresh_token_expired",
            "provider.refresh_token_session_ended"
        ]
        .contains(&refused.code()),
        "{}",
        refused.code()
    );
    assert!(world.userinfo(&bearer).await.is_err());
    assert_eq!(ask(&world, cookie.expose(), |_| {}).await, "card");
    world.pass(Duration::seconds(1));
    let ended = world.provider.sweep().await.unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].reason, EndReason::AbsoluteLimit);
    assert_eq!(world.told().await, [PORTAL]);
}

#[tokio::test]
async fn only_clients_that_allow_it_come_back_silently_and_never_to_a_fresh_proof() {
    let world = world().await;
    let (_, cookie) = log_in(&world).await;
    let cookie = cookie.expose();
    let set = |slot: &mut Option<String>, value: &str| *slot = Some(value.to_owned());
    assert_eq!(ask(&world, cookie, |_| {}).await, "silent");
    assert_eq!(
        ask(&world, cookie, |p| set(&mut p.max_age, "3600")).await,
        "card"
    );
    let strong = |p: &mut AuthorizationParameters| {
        set(&mut p.acr_values, "urn:cardea:acr:card");
        set(&mut p.prompt, "none");
    };
    assert_eq!(ask(&world, cookie, strong).await, "provider.login_required");
    let second = |p: &mut AuthorizationParameters| *p = parameters(SECOND);
    assert_eq!(ask(&world, cookie, second).await, "card");
    for turned_off in [true, false] {
        let mut settings = settings();
        match turned_off {
            true => settings.config.agentless = AgentlessLogin::Refused,
            false => settings.client(PORTAL).agentless = AgentlessLogin::Refused,
        }
        let restarted = world.restarted_with(settings);
        assert_eq!(ask(&restarted, cookie, |_| {}).await, "card");
    }
}

#[tokio::test]
async fn a_refresh_is_refused_once_the_client_does_not_allow_it_any_more() {
    let world = world().await;
    let (location, _) = log_in(&world).await;
    let tokens = world.redeem(&location).await.unwrap();
    let mut settings = settings();
    settings.client(PORTAL).agentless = AgentlessLogin::Refused;
    let restarted = world.restarted_with(settings);
    let refresh = tokens.refresh_token.unwrap();
    let error = restarted.refresh(PORTAL, &refresh).await.unwrap_err();
    assert_eq!(error.code(), "provider.refresh_token_not_admitted");
}

/// Nobody can speak for such a session: its presence key is none.
#[tokio::test]
async fn silence_ends_no_session_that_nobody_watches() {
    let world = world().await;
    log_in(&world).await;
    let ended = world.pass_sweeping(Duration::minutes(5)).await;
    assert!(ended.is_empty(), "{ended:?}");
}

#[tokio::test]
async fn a_card_revoked_meanwhile_ends_the_session() {
    let mut settings = settings();
    settings.config.lifetimes.session_recheck = Duration::minutes(5);
    let mut world = settings.build().await;
    log_in(&world).await;
    world.evidence = HeldEvidence::revoking(&world.card);
    world.pass(Duration::minutes(5));
    let due = world.provider.take_due_cards(10).await.unwrap();
    assert_eq!(due.len(), 1);
    let ended = world.provider.recheck_card(&due[0], &world.evidence).await;
    assert_eq!(ended.unwrap().unwrap().reason, EndReason::CardRevoked);
    assert_eq!(world.told().await, [PORTAL]);
}

#[tokio::test]
async fn the_portal_s_logout_ends_it_and_tells_the_portal() {
    let world = world().await;
    let (location, cookie) = log_in(&world).await;
    let tokens = world.redeem(&location).await.unwrap();
    let parameters = LogoutParameters {
        id_token_hint: tokens.id_token,
        ..LogoutParameters::default()
    };
    let decision = world
        .provider
        .logout(&parameters, Some(cookie.expose()))
        .await
        .unwrap();
    assert!(matches!(decision, LogoutDecision::Ended { .. }));
    assert_eq!(world.told().await, [PORTAL]);
    assert_eq!(ask(&world, cookie.expose(), |_| {}).await, "card");
}

/// A card is in one reader at a time.
#[tokio::test]
async fn the_same_card_elsewhere_ends_the_older_session_either_way() {
    let world = world().await;
    // Without, then with an agent.
    log_in(&world).await;
    world.log_in(PORTAL, None).await;
    let ended = world.event("session.ended").await;
    assert_eq!(ended.code.as_deref(), Some("card_elsewhere"));
    // And without again, in another browser.
    let begun = world.begin(PORTAL).await;
    let code = say_yes(&world, &begun).await;
    let ended = bring_back(&world, &begun, None, &code).await.unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].reason, EndReason::CardElsewhere);
    // Two browsers without an agent.
    let begun = world.begin(PORTAL).await;
    let code = say_yes(&world, &begun).await;
    let ended = bring_back(&world, &begun, None, &code).await.unwrap();
    assert_eq!(ended.len(), 1);
}

#[tokio::test]
async fn the_same_card_in_the_same_browser_continues_and_another_takes_over() {
    let mut settings = settings();
    settings.client(SECOND).agentless = AgentlessLogin::Allowed;
    let mut world = settings.build().await;
    let (_, cookie) = log_in(&world).await;
    let second = |p: &mut AuthorizationParameters| *p = parameters(SECOND);
    let (_, newer) = log_in_with(&world, Some(cookie.expose()), second).await;
    assert_eq!(
        world.event("session.ended").await.code.as_deref(),
        Some("continued")
    );
    assert_eq!(ask(&world, newer.expose(), |_| {}).await, "silent");
    assert_eq!(ask(&world, newer.expose(), second).await, "silent");
    assert!(world.told().await.is_empty());
    world.card = another_card(&world);
    log_in_with(&world, Some(newer.expose()), second).await;
    let ended = world.event("session.ended").await;
    assert_eq!(ended.code.as_deref(), Some("browser_taken_over"));
    let mut told = world.told().await;
    told.sort();
    assert_eq!(told, [PORTAL, SECOND]);
}
