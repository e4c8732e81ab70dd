//! The end of a login: the code, the new session cookie, and the clients that carry on.

use cardea_oauth2_types::Scope;
use cardea_provider::BegunAuthorization;
use time::Duration;

use super::world::{API, Begun, ISSUER, PORTAL, SECOND, Settings, World, parameters, query_value};

async fn complete(world: &World, begun: &Begun, cookie: Option<&str>) -> Result<String, String> {
    let done = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), cookie)
        .await;
    done.map(|done| done.response.location())
        .map_err(|error| error.code().to_owned())
}

#[tokio::test]
async fn the_code_goes_to_the_redirect_uri_with_state_and_issuer() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    assert!(
        completed
            .location
            .starts_with("https://portal.example.fr/cb?code=")
    );
    assert_eq!(
        query_value(&completed.location, "state").as_deref(),
        Some("the state")
    );
    assert_eq!(
        query_value(&completed.location, "iss").as_deref(),
        Some(ISSUER)
    );
    assert_eq!(query_value(&completed.location, "code").unwrap().len(), 43);
    assert_eq!(
        world.event("code.issued").await.client_id.as_deref(),
        Some(PORTAL)
    );
}

#[tokio::test]
async fn no_code_is_given_before_the_presence_key_has_answered() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    assert_eq!(
        complete(&world, &begun, None).await.unwrap_err(),
        "provider.presence_pending"
    );
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    assert_eq!(
        complete(&world, &begun, None).await.unwrap_err(),
        "provider.presence_pending"
    );
    world.present(&answer.presence_key).await;
    complete(&world, &begun, None).await.unwrap();
}

#[tokio::test]
async fn no_code_is_given_when_the_card_left_meanwhile() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    world.depart(&answer.presence_key).await;
    assert_eq!(
        complete(&world, &begun, None).await.unwrap_err(),
        "provider.session_ended"
    );
}

#[tokio::test]
async fn a_login_is_completed_once_and_by_its_own_browser() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let other = world.begin(PORTAL).await;
    let stolen = Begun {
        request_id: begun.request_id.clone(),
        login_cookie: other.login_cookie,
    };
    assert_eq!(
        complete(&world, &stolen, None).await.unwrap_err(),
        "provider.login_cookie_mismatch"
    );
    complete(&world, &begun, None).await.unwrap();
    let again = complete(&world, &begun, None).await.unwrap_err();
    assert_eq!(again, "provider.authorization_request_completed");
}

#[tokio::test]
async fn an_expired_login_page_gives_no_code() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    world.pass(Duration::minutes(10));
    let late = complete(&world, &begun, None).await.unwrap_err();
    assert_eq!(late, "provider.authorization_request_expired");
}

/// Attack E18.
#[tokio::test]
async fn the_session_cookie_is_new_at_every_login() {
    let world = World::new().await;
    let (first, _) = world.log_in(PORTAL, Some("planted by somebody")).await;
    let (second, _) = world
        .log_in(PORTAL, Some(first.session_cookie.expose()))
        .await;
    assert_ne!(first.session_cookie, second.session_cookie);
    assert_ne!(first.session_cookie.expose(), "planted by somebody");
    for (cookie, silent) in [
        ("planted by somebody", false),
        (first.session_cookie.expose(), false),
        (second.session_cookie.expose(), true),
    ] {
        let begun = world
            .provider
            .begin_authorization(parameters(PORTAL), Some(cookie))
            .await;
        let served = matches!(begun, Ok(BegunAuthorization::Completed { .. }));
        assert_eq!(served, silent, "only the newest is good for anything");
    }
}

#[tokio::test]
async fn a_second_portal_with_the_same_card_joins_the_session_under_the_new_presence_key() {
    let world = World::new().await;
    let (first, first_key) = world.log_in(PORTAL, None).await;
    let (second, second_key) = world
        .log_in(SECOND, Some(first.session_cookie.expose()))
        .await;
    let continued = world.event("session.continued").await;
    assert_eq!(continued.details, r#"{"clients":1}"#);
    // The older session is over without anybody being logged out.
    let outcome = world.present(&first_key).await;
    assert!(
        matches!(
            outcome,
            cardea_provider::PresenceOutcome::Ended { ended: None, .. }
        ),
        "{outcome:?}"
    );
    let cardea_provider::PresenceOutcome::Ended { ended, .. } = world.depart(&second_key).await
    else {
        panic!("the session ends")
    };
    assert!(ended.is_some());
    assert_eq!(world.told().await, [PORTAL, SECOND]);
    drop(second);
}

#[tokio::test]
async fn another_persons_card_ends_the_browsers_session_and_its_portals_are_told() {
    let mut world = World::new().await;
    let (first, first_key) = world.log_in(PORTAL, None).await;
    let doctor = cardea_test_pki::CardProfile::doctor().with_key(cardea_test_pki::KeyKind::P256);
    world.card = world.pki.issue_card(&doctor).unwrap().authentication;
    world
        .log_in(SECOND, Some(first.session_cookie.expose()))
        .await;
    assert!(
        world
            .events()
            .await
            .iter()
            .all(|event| event.kind != "session.continued")
    );
    // The card of the first is still in a reader, and does not help.
    let outcome = world.present(&first_key).await;
    assert!(
        matches!(
            outcome,
            cardea_provider::PresenceOutcome::Ended { ended: None, .. }
        ),
        "{outcome:?}"
    );
    let ended = world.event("session.ended").await;
    assert_eq!(ended.code.as_deref(), Some("browser_taken_over"));
    assert_eq!(world.told().await, [PORTAL]);
}

/// A login of the portal whose card has answered, before the operator changes the registration.
async fn answered(world: &World) -> Begun {
    let begun = world
        .begin_with(|asked| asked.resource = vec![API.to_owned()])
        .await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    begun
}

/// Attack E3: the address was good when the login began.
#[tokio::test]
async fn e3_a_code_does_not_go_to_an_address_that_was_taken_away_meanwhile() {
    let world = Settings::refreshing().build().await;
    let begun = answered(&world).await;
    let mut settings = Settings::refreshing();
    settings.client(PORTAL).redirect_uris.remove(0);
    let refused = complete(&world.restarted_with(settings), &begun, None).await;
    assert_eq!(refused.unwrap_err(), "provider.redirect_uri_mismatch");
    // The request itself was left as it was.
    complete(&world, &begun, None).await.unwrap();
}

#[tokio::test]
async fn a_login_gives_no_more_than_the_client_may_have_when_it_ends() {
    let world = Settings::refreshing().build().await;
    let begun = answered(&world).await;
    let mut settings = Settings::refreshing();
    settings.client(PORTAL).scope = Scope::parse("openid profile").unwrap();
    let world = world.restarted_with(settings);
    let location = complete(&world, &begun, None).await.unwrap();
    let mut settings = Settings::refreshing();
    settings.client(PORTAL).scope = Scope::parse("openid").unwrap();
    let tokens = world.restarted_with(settings).redeem(&location).await;
    assert_eq!(
        tokens.unwrap().scope,
        "openid",
        "and as the code is redeemed"
    );
}

#[tokio::test]
async fn a_login_for_an_api_that_the_client_may_not_ask_for_any_more_is_refused() {
    let world = Settings::refreshing().build().await;
    let begun = answered(&world).await;
    // Without this a token for an API would become one for userinfo.
    let mut settings = Settings::refreshing();
    settings.client(PORTAL).resources = vec!["https://other.example.fr".to_owned()];
    let refused = complete(&world.restarted_with(settings), &begun, None).await;
    assert_eq!(refused.unwrap_err(), "provider.resource_not_allowed");
}
