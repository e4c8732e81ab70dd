//! The authorization endpoint: what is refused on a page, what at the redirect URI, what begins.

mod answers;
mod claims;
mod page_errors;
mod pkce;
mod pushed;
mod redirect_errors;
mod request_object;
mod resource;

use cardea_provider::BegunAuthorization;
use time::Duration;

use super::world::{PORTAL, World};

#[tokio::test]
async fn a_valid_request_begins_a_login_for_one_browser() {
    let world = World::new().await;
    let begun = world
        .authorize(|asked| asked.ui_locales = Some("en fr".to_owned()))
        .await
        .unwrap();
    let BegunAuthorization::Login {
        request_id,
        login_cookie,
        lifetime,
        ui_locales,
    } = begun
    else {
        panic!("no session exists yet")
    };
    assert_eq!(lifetime, Duration::minutes(10));
    assert_eq!(ui_locales.as_deref(), Some("en fr"));
    assert_eq!((request_id.len(), login_cookie.expose().len()), (43, 43));
    assert_eq!(format!("{login_cookie:?}"), "Secret(redacted)");

    let page = world
        .provider
        .describe_login(&request_id, login_cookie.expose())
        .await
        .unwrap();
    assert_eq!(
        (page.client_id.as_str(), page.ui_locales.as_deref()),
        (PORTAL, Some("en fr"))
    );
    assert_eq!(page.client_name, "Portail de démonstration");
    let error = world
        .provider
        .describe_login(&request_id, "another")
        .await
        .unwrap_err();
    assert_eq!(error.code(), "provider.login_cookie_mismatch");

    let event = world.event("authorization.begun").await;
    assert_eq!(event.authorization_request_id, Some(request_id));
}

#[tokio::test]
async fn scope_values_that_the_client_may_not_have_are_left_out() {
    let world = World::new().await;
    for scope in ["openid", "profile openid unheard-of"] {
        let begun = world
            .authorize(|asked| asked.scope = Some(scope.to_owned()))
            .await;
        assert!(begun.is_ok(), "{scope}");
    }
}
