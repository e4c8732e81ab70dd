//! A login that the person gives up: answered once, to its own browser alone.

use cardea_oauth2_types::{AuthorizationParameters, ResponseMode};
use cardea_provider::{
    AuthorizationError, BegunAuthorization, CancelledLogin, ConsentPolicy, DpopRequest, EndReason,
    PresenceOutcome,
};
use time::Duration;

use super::world::{Begun, ISSUER, PORTAL, Settings, World, parameters, query_value};

async fn cancel(world: &World, begun: &Begun) -> Result<CancelledLogin, &'static str> {
    world
        .provider
        .cancel_login(&begun.request_id, begun.cookie())
        .await
        .map_err(|error| error.code())
}

async fn complete(world: &World, begun: &Begun) -> Result<String, &'static str> {
    world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None)
        .await
        .map(|completed| completed.session_cookie.expose().to_owned())
        .map_err(|error| error.code())
}

#[tokio::test]
async fn the_portal_learns_it_and_the_login_is_over() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let cancelled = cancel(&world, &begun).await.unwrap();
    assert!(cancelled.ended.is_none());
    let location = cancelled.response.location();
    assert!(location.starts_with("https://portal.example.fr/cb?error=access_denied&"));
    let description = query_value(&location, "error_description").unwrap();
    assert!(description.starts_with("provider.login_cancelled: "));
    assert_eq!(query_value(&location, "state").unwrap(), "the state");
    assert_eq!(query_value(&location, "iss").unwrap(), ISSUER);
    let event = world.event("login.cancelled").await;
    assert_eq!(event.client_id.as_deref(), Some(PORTAL));
    assert_eq!(
        event.authorization_request_id.as_deref(),
        Some(begun.request_id.as_str())
    );

    const COMPLETED: &str = "provider.authorization_request_completed";
    assert_eq!(cancel(&world, &begun).await.unwrap_err(), COMPLETED, "once");
    assert_eq!(complete(&world, &begun).await.unwrap_err(), COMPLETED);
    let provider = &world.provider;
    let challenge = provider.issue_challenge(&begun.request_id, begun.cookie());
    assert_eq!(challenge.await.unwrap_err().code(), COMPLETED);
}

#[tokio::test]
async fn the_answer_keeps_the_mode_that_the_portal_asked_for() {
    let world = World::new().await;
    let begun = world
        .begin_with(|asked| asked.response_mode = Some("form_post".to_owned()))
        .await;
    let cancelled = cancel(&world, &begun).await.unwrap();
    assert_eq!(cancelled.response.mode, ResponseMode::FormPost);
}

/// Attack E17: a login that somebody else began is not one's own to give up.
#[tokio::test]
async fn e17_another_browser_gives_up_nothing() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let foreign = Begun {
        request_id: begun.request_id.clone(),
        login_cookie: world.begin(PORTAL).await.login_cookie,
    };
    let refused = cancel(&world, &foreign).await.unwrap_err();
    assert_eq!(refused, "provider.login_cookie_mismatch");
    let unknown = Begun {
        request_id: "unknown".to_owned(),
        login_cookie: foreign.login_cookie,
    };
    let refused = cancel(&world, &unknown).await.unwrap_err();
    assert_eq!(refused, "provider.authorization_request_unknown");
    cancel(&world, &begun).await.unwrap();
}

#[tokio::test]
async fn after_its_time_or_its_code_there_is_nothing_to_give_up() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    complete(&world, &begun).await.unwrap();
    let late = cancel(&world, &begun).await.unwrap_err();
    assert_eq!(late, "provider.authorization_request_completed");

    let begun = world.begin(PORTAL).await;
    world.pass(Duration::minutes(10));
    let late = cancel(&world, &begun).await.unwrap_err();
    assert_eq!(late, "provider.authorization_request_expired");
}

/// Attack E3: the address was good when the login began.
#[tokio::test]
async fn e3_nothing_goes_to_an_address_that_was_taken_away_meanwhile() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let mut settings = Settings::baseline();
    settings.config.clients[0].redirect_uris.remove(0);
    let refused = cancel(&world.restarted_with(settings), &begun).await;
    assert_eq!(refused.unwrap_err(), "provider.redirect_uri_mismatch");
    cancel(&world, &begun).await.unwrap();
}

#[tokio::test]
async fn a_session_that_waits_for_its_presence_key_ends_with_the_login() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    let pending = world.post(&begun, &answer).await.unwrap();
    let ended = cancel(&world, &begun).await.unwrap().ended.unwrap();
    assert_eq!(ended.session_id, pending.session_id);
    assert_eq!(ended.reason, EndReason::Logout);
    let outcome = world.present(&answer.presence_key).await;
    assert!(
        matches!(outcome, PresenceOutcome::Ended { .. }),
        "{outcome:?}"
    );
    assert!(world.told().await.is_empty(), "no portal was in it");
}

/// The card of a login that is over already opens nothing.
#[tokio::test]
async fn a_card_that_answers_afterwards_opens_no_session() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    cancel(&world, &begun).await.unwrap();
    world.post(&begun, &answer).await.unwrap_err();
    let events = world.events().await;
    assert!(events.iter().all(|event| event.kind != "login.accepted"));
}

/// Whom the portal does not let in goes back there.
#[tokio::test]
async fn a_person_whose_card_the_portal_does_not_take_goes_back() {
    let mut settings = Settings::baseline();
    settings.config.clients[0].cards.families = vec!["cpe".to_owned()];
    let world = settings.build().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap_err();
    let refused = world.event("login.refused").await;
    assert_eq!(
        refused.code.as_deref(),
        Some("provider.card_family_not_accepted")
    );
    let cancelled = cancel(&world, &begun).await.unwrap();
    assert!(cancelled.ended.is_none());
    let location = cancelled.response.location();
    assert_eq!(query_value(&location, "error").unwrap(), "access_denied");
}

/// A portal that only wanted to ask for consent loses nothing else.
#[tokio::test]
async fn a_session_with_portals_in_it_stays() {
    let world = World::new().await;
    let (completed, key) = world.log_in(PORTAL, None).await;
    let mut settings = Settings::baseline();
    settings.config.clients[0].consent = ConsentPolicy::Explicit;
    let world = world.restarted_with(settings);
    let asked = parameters(PORTAL);
    let cookie = Some(completed.session_cookie.expose());
    let begun = match world.provider.begin_authorization(asked, cookie).await {
        Ok(BegunAuthorization::Consent {
            request_id,
            login_cookie,
            ..
        }) => Begun {
            request_id,
            login_cookie,
        },
        other => panic!("no question: {other:?}"),
    };
    assert!(cancel(&world, &begun).await.unwrap().ended.is_none());
    let outcome = world.present(&key).await;
    assert!(
        !matches!(outcome, PresenceOutcome::Ended { .. }),
        "{outcome:?}"
    );
}

/// RFC 9126 section 7.3: the pushed request has had its one answer.
#[tokio::test]
async fn the_pushed_request_is_spent_and_of_two_browsers_one_is_answered() {
    let world = World::new().await;
    let (credentials, _) = World::token_request(PORTAL, "https://portal.example.fr/cb?code=x");
    let provider = &world.provider;
    let pushed = provider
        .push_authorization_request(&credentials, parameters(PORTAL), DpopRequest::default())
        .await
        .unwrap();
    let open = || {
        let reference = AuthorizationParameters {
            client_id: Some(PORTAL.to_owned()),
            request_uri: Some(pushed.request_uri.clone()),
            ..AuthorizationParameters::default()
        };
        provider.begin_authorization(reference, None)
    };
    let mut logins = Vec::new();
    for _ in 0..2 {
        match open().await.unwrap() {
            BegunAuthorization::Login {
                request_id,
                login_cookie,
                ..
            } => logins.push(Begun {
                request_id,
                login_cookie,
            }),
            other => panic!("no login: {other:?}"),
        }
    }
    cancel(&world, &logins[0]).await.unwrap();
    let second = cancel(&world, &logins[1]).await.unwrap_err();
    assert_eq!(second, "provider.request_uri_reused");
    let third = open().await;
    assert!(
        matches!(&third, Err(AuthorizationError::Page(error))
            if error.code() == "provider.request_uri_reused"),
        "{third:?}"
    );
}
