//! Pushed authorization requests (RFC 9126; attacks E13 and E14).

mod key_binding;
mod steps;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cardea_oauth2_types::{AuthorizationParameters, TokenParameters};
use cardea_provider::{
    AuthorizationError, BegunAuthorization, ClientCredentials, DpopRequest, PushedAuthorization,
    TokenError,
};
use time::Duration;

use super::super::world::{Begun, PORTAL, SECOND, Settings, World, parameters, query_value};

const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

fn portal(secret: &str) -> ClientCredentials {
    let header = format!("Basic {}", STANDARD.encode(format!("{PORTAL}:{secret}")));
    ClientCredentials::read(Some(&header), &TokenParameters::default()).unwrap()
}

async fn push_with(
    world: &World,
    change: impl FnOnce(&mut AuthorizationParameters),
) -> Result<PushedAuthorization, TokenError> {
    let mut asked = parameters(PORTAL);
    change(&mut asked);
    world
        .provider
        .push_authorization_request(&portal("portal+secret"), asked, DpopRequest::default())
        .await
}

async fn push(world: &World) -> String {
    push_with(world, |_| {}).await.unwrap().request_uri
}

async fn open(
    world: &World,
    client_id: &str,
    request_uri: &str,
) -> Result<BegunAuthorization, AuthorizationError> {
    let reference = AuthorizationParameters {
        client_id: Some(client_id.to_owned()),
        request_uri: Some(request_uri.to_owned()),
        ..AuthorizationParameters::default()
    };
    world.provider.begin_authorization(reference, None).await
}

async fn page(world: &World, client_id: &str, request_uri: &str) -> &'static str {
    match open(world, client_id, request_uri).await {
        Err(AuthorizationError::Page(error)) => {
            assert_eq!(error.oauth_error().as_str(), "invalid_request_uri");
            error.code()
        }
        other => panic!("no page: {other:?}"),
    }
}

async fn begin(world: &World, request_uri: &str) -> Begun {
    match open(world, PORTAL, request_uri).await.unwrap() {
        BegunAuthorization::Login {
            request_id,
            login_cookie,
            ..
        } => Begun {
            request_id,
            login_cookie,
        },
        other => panic!("no login: {other:?}"),
    }
}

/// Completes a login: the redirect, or the code of the refusal.
async fn complete(world: &World, begun: &Begun) -> String {
    let answer = world.answer(begun).await;
    world.post(begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let done = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None)
        .await;
    match done {
        Ok(done) => done.response.location(),
        Err(error) => error.code().to_owned(),
    }
}

#[tokio::test]
async fn client_and_reference_suffice_and_nothing_else_counts() {
    let world = World::new().await;
    let pushed = push_with(&world, |_| {}).await.unwrap();
    assert_eq!(pushed.lifetime, Duration::seconds(90));
    let secret = pushed.request_uri.strip_prefix(PREFIX).unwrap();
    assert_eq!(secret.len(), 43, "256 bits");
    let mut outside = parameters(PORTAL);
    outside.request_uri = Some(pushed.request_uri);
    outside.state = Some("outside".to_owned());
    outside.redirect_uri = Some("https://evil.test/cb".to_owned());
    outside.prompt = Some("none".to_owned());
    let begun = world.provider.begin_authorization(outside, None).await;
    let Ok(BegunAuthorization::Login {
        request_id,
        login_cookie,
        ..
    }) = begun
    else {
        panic!("{begun:?}")
    };
    let begun = Begun {
        request_id,
        login_cookie,
    };
    let location = complete(&world, &begun).await;
    assert!(location.starts_with("https://portal.example.fr/cb?code="));
    assert_eq!(
        query_value(&location, "state").as_deref(),
        Some("the state")
    );
    world.redeem(&location).await.unwrap();
    assert_eq!(
        world
            .event("authorization.pushed")
            .await
            .client_id
            .as_deref(),
        Some(PORTAL)
    );
}

/// Attack E13: reused, guessed, expired, or another client's.
#[tokio::test]
async fn a_reference_is_its_client_s_alone_and_spent_by_the_answer() {
    let world = World::new().await;
    let request_uri = push(&world).await;
    assert_eq!(
        page(&world, SECOND, &request_uri).await,
        "provider.request_uri_unknown"
    );
    let guessed = format!("{PREFIX}{}", "A".repeat(43));
    assert_eq!(
        page(&world, PORTAL, &guessed).await,
        "provider.request_uri_unknown"
    );

    // Before the answer, the page may be reloaded, or opened in a second browser.
    let first = begin(&world, &request_uri).await;
    let second = begin(&world, &request_uri).await;
    assert!(complete(&world, &second).await.contains("code="));
    assert_eq!(
        complete(&world, &first).await,
        "provider.request_uri_reused",
        "one answer goes out"
    );
    let event = world.event("authorization.refused").await;
    assert_eq!(event.code.as_deref(), Some("provider.request_uri_reused"));
    assert_eq!(event.authorization_request_id, Some(first.request_id));
    assert_eq!(
        page(&world, PORTAL, &request_uri).await,
        "provider.request_uri_reused"
    );

    let request_uri = push(&world).await;
    let begun = begin(&world, &request_uri).await;
    world.pass(Duration::seconds(90));
    assert_eq!(
        page(&world, PORTAL, &request_uri).await,
        "provider.request_uri_expired"
    );
    assert!(
        complete(&world, &begun).await.contains("code="),
        "a login that has begun goes on"
    );
}

#[tokio::test]
async fn an_error_that_goes_to_the_client_spends_the_reference_too() {
    let world = World::new().await;
    let pushed = push_with(&world, |asked| asked.prompt = Some("none".to_owned())).await;
    let request_uri = pushed.unwrap().request_uri;
    let refused = open(&world, PORTAL, &request_uri).await.unwrap_err();
    assert_eq!(refused.code(), "provider.login_required");
    assert_eq!(
        page(&world, PORTAL, &request_uri).await,
        "provider.request_uri_reused"
    );
}

#[tokio::test]
async fn a_page_may_be_reloaded_but_not_without_end() {
    let world = World::new().await;
    let request_uri = push(&world).await;
    for _ in 0..10 {
        begin(&world, &request_uri).await;
    }
    assert_eq!(
        page(&world, PORTAL, &request_uri).await,
        "provider.request_uri_reused"
    );
}

#[tokio::test]
async fn a_client_s_waiting_requests_are_bounded() {
    let mut settings = Settings::baseline();
    settings
        .config
        .authorization_rules
        .pushed_requests_of_client_max = 2;
    let world = settings.build().await;
    let spent = push(&world).await;
    push(&world).await;
    let refused = push_with(&world, |_| {}).await.unwrap_err();
    assert_eq!(refused.code(), "provider.pushed_request_limit_reached");
    // Places come free with an answer, and with time.
    complete(&world, &begin(&world, &spent).await).await;
    push(&world).await;
    assert!(push_with(&world, |_| {}).await.is_err());
    world.pass(Duration::seconds(90));
    push(&world).await;
}

#[tokio::test]
async fn pushed_requests_are_swept() {
    let world = World::new().await;
    push(&world).await;
    world.pass(Duration::seconds(90) + Duration::minutes(5));
    assert_eq!(world.provider.forget_ended().await.unwrap(), 0);
    world.pass(Duration::seconds(1));
    assert_eq!(world.provider.forget_ended().await.unwrap(), 1);
}

#[tokio::test]
async fn a_client_taken_out_of_service_leaves_no_usable_reference() {
    let world = World::new().await;
    let request_uri = push(&world).await;
    let mut settings = Settings::baseline();
    settings.config.clients[0].redirect_uris = vec!["https://portal.example.fr/new".to_owned()];
    let restarted = world.restarted_with(settings);
    let opened = open(&restarted, PORTAL, &request_uri).await;
    let Err(AuthorizationError::Page(error)) = opened else {
        panic!("{opened:?}")
    };
    assert_eq!(error.code(), "provider.redirect_uri_mismatch");
}
