//! What may be pushed, by whom, and who must (attacks E13 and E14).

use cardea_oauth2_types::{AuthorizationParameters, TokenParameters};
use cardea_provider::{AuthorizationError, ClientCredentials, Demand, DpopRequest};

use super::super::super::world::{PORTAL, SECOND, Settings, World, parameters};
use super::{PREFIX, begin, portal, push, push_with};

#[tokio::test]
async fn a_push_passes_the_steps_of_the_authorization_endpoint() {
    let world = World::new().await;
    type Change = fn(&mut AuthorizationParameters);
    let cases: [(&str, Change, &str, &str); 8] = [
        (
            "a reference inside (E13)",
            |p| p.request_uri = Some(format!("{PREFIX}abc")),
            "invalid_request",
            "provider.request_uri_pushed",
        ),
        (
            "another address",
            |p| p.redirect_uri = Some("https://portal.example.fr/evil".to_owned()),
            "invalid_request",
            "provider.redirect_uri_mismatch",
        ),
        (
            "no address",
            |p| p.redirect_uri = None,
            "invalid_request",
            "provider.redirect_uri_missing",
        ),
        (
            "another client",
            |p| p.client_id = Some(SECOND.to_owned()),
            "invalid_request",
            "provider.client_unknown",
        ),
        (
            "no PKCE",
            |p| p.code_challenge = None,
            "invalid_request",
            "provider.pkce_missing",
        ),
        (
            "plain PKCE",
            |p| p.code_challenge_method = Some("plain".to_owned()),
            "invalid_request",
            "provider.pkce_method_unsupported",
        ),
        (
            "a token in the front channel",
            |p| p.response_type = Some("token".to_owned()),
            "unsupported_response_type",
            "provider.response_type_unsupported",
        ),
        (
            "an unsigned object",
            |p| p.request = Some("e30.e30.".to_owned()),
            "request_not_supported",
            "provider.request_object_unsupported",
        ),
    ];
    for (name, change, error, code) in cases {
        let refused = push_with(&world, change).await.unwrap_err();
        assert_eq!(
            (refused.error.as_str(), refused.code()),
            (error, code),
            "{name}"
        );
        let event = world.event("authorization.refused").await;
        assert_eq!(event.code.as_deref(), Some(code), "{name}");
    }
}

#[tokio::test]
async fn nobody_pushes_in_a_client_s_name() {
    let world = World::new().await;
    let asked = parameters(PORTAL);
    let refused = world
        .provider
        .push_authorization_request(&portal("guess"), asked, DpopRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refused.error.as_str(), "invalid_client");
    let named = TokenParameters {
        client_id: Some(SECOND.to_owned()),
        ..TokenParameters::default()
    };
    let public = ClientCredentials::read(None, &named).unwrap();
    let pushed = world
        .provider
        .push_authorization_request(&public, parameters(SECOND), DpopRequest::default())
        .await
        .unwrap();
    assert!(!pushed.from_confidential_client);
}

/// Attack E14.
#[tokio::test]
async fn who_must_push_is_refused_without() {
    for everybody in [false, true] {
        let mut settings = Settings::baseline();
        if everybody {
            let rules = &mut settings.config.authorization_rules;
            rules.pushed_authorization_requests = Demand::Required;
        } else {
            settings.config.clients[0].pushed_authorization_requests = Demand::Required;
        }
        let world = settings.build().await;
        let refused = world.authorize(|_| {}).await;
        let Err(AuthorizationError::Redirect { error, source, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(error.as_str(), "invalid_request");
        assert_eq!(source.code(), "provider.pushed_request_missing");
        let second = world.authorize(|asked| *asked = parameters(SECOND)).await;
        assert_eq!(second.is_err(), everybody);
        begin(&world, &push(&world).await).await;
    }
}
