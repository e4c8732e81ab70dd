//! The account page's way in: a client that nobody else can speak for.

use cardea_oauth2_types::{AuthorizationParameters, TokenParameters};
use cardea_provider::{ACCOUNT_CLIENT_ID, AuthorizationError, ClientCredentials, Secret};
use time::Duration;

use crate::decisions::world::{Begun, World, parameters, query_value};

/// A login to the account page, up to its code: code, state and verifier.
async fn arrive(world: &World) -> (String, String, Secret) {
    let login = world.provider.begin_account(Some("fr")).await.unwrap();
    let begun = Begun {
        request_id: login.request_id,
        login_cookie: login.login_cookie,
    };
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let completing = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None);
    let location = completing.await.unwrap().response.location();
    assert!(location.starts_with("https://id.example.fr/account/callback?"));
    let value = |name| query_value(&location, name).unwrap();
    (value("code"), value("state"), login.code_verifier)
}

#[tokio::test]
async fn the_card_opens_it_and_half_an_hour_closes_it() {
    let world = World::new().await;
    let (code, state, verifier) = arrive(&world).await;
    let opened = world
        .provider
        .open_account(&code, &state, verifier.expose());
    let cookie = opened.await.unwrap();
    let found = world.provider.find_account(cookie.expose()).await.unwrap();
    let account = found.unwrap();
    assert_eq!(world.event("account.opened").await.sub, Some(account.sub));
    assert!(!account.person_name.is_empty());
    assert_eq!(account.instance_jkt, world.instance.key.kid());
    let none = world.provider.find_account("another").await.unwrap();
    assert_eq!(none, None);
    world.provider.close_account(cookie.expose()).await.unwrap();
    assert_eq!(
        world.provider.find_account(cookie.expose()).await.unwrap(),
        None
    );
}

/// Attack H5: the cookie is worth nothing once the session is over.
#[tokio::test]
async fn h5_it_closes_with_its_session() {
    let world = World::new().await;
    let (code, state, verifier) = arrive(&world).await;
    let opened = world
        .provider
        .open_account(&code, &state, verifier.expose());
    let cookie = opened.await.unwrap();
    let session = world.event("session.activated").await.session_id.unwrap();
    world.provider.end_session(&session).await.unwrap();
    assert_eq!(
        world.provider.find_account(cookie.expose()).await.unwrap(),
        None
    );
}

/// Attacks M6, E17, F1 and F2: another browser's verifier, a code used twice, one that is too old.
#[tokio::test]
async fn e17_f1_f2_a_code_opens_it_once_in_the_browser_that_began() {
    let world = World::new().await;
    let (code, state, verifier) = arrive(&world).await;
    let (_, _, foreign) = arrive(&world).await;
    let planted = world
        .provider
        .open_account(&code, &state, foreign.expose())
        .await;
    assert_eq!(
        planted.unwrap_err().code(),
        "provider.login_cookie_mismatch"
    );
    let opened = world
        .provider
        .open_account(&code, &state, verifier.expose());
    let cookie = opened.await.unwrap();
    let again = world
        .provider
        .open_account(&code, &state, verifier.expose())
        .await;
    assert_eq!(again.unwrap_err().code(), "provider.code_reused");
    assert_eq!(
        world.event("account.refused").await.code.as_deref(),
        Some("provider.code_reused")
    );
    let closed = world.provider.find_account(cookie.expose()).await.unwrap();
    assert_eq!(closed, None, "what the first use has opened is closed");
    let (code, state, verifier) = arrive(&world).await;
    world.pass(Duration::seconds(60));
    let late = world
        .provider
        .open_account(&code, &state, verifier.expose())
        .await;
    assert_eq!(late.unwrap_err().code(), "provider.code_expired");
}

/// Attack M6: no request from outside begins its logins, and no endpoint knows it as a client.
#[tokio::test]
async fn nobody_else_speaks_for_its_client() {
    let world = World::new().await;
    let asked = AuthorizationParameters {
        client_id: Some(ACCOUNT_CLIENT_ID.to_owned()),
        redirect_uri: Some("https://id.example.fr/account/callback".to_owned()),
        ..parameters("portal")
    };
    let refused = world
        .provider
        .begin_authorization(asked, None)
        .await
        .unwrap_err();
    assert!(matches!(refused, AuthorizationError::Page(_)));
    assert_eq!(refused.code(), "provider.client_unknown");
    let (code, _, verifier) = arrive(&world).await;
    let parameters = TokenParameters {
        grant_type: Some("authorization_code".to_owned()),
        client_id: Some(ACCOUNT_CLIENT_ID.to_owned()),
        code: Some(code),
        redirect_uri: Some("https://id.example.fr/account/callback".to_owned()),
        code_verifier: Some(verifier.expose().to_owned()),
        ..TokenParameters::default()
    };
    let credentials = ClientCredentials::read(None, &parameters).unwrap();
    assert!(world.issue(&credentials, &parameters).await.is_err());
}
