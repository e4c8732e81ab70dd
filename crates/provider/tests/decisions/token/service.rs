//! Tokens of services, which have no person behind them.

use cardea_oauth2_types::{ErrorCode, GrantType, Scope, TokenParameters};
use serde_json::json;

use super::super::world::{API, ISSUER, PORTAL, SECOND, Settings, World, claims_of};

fn settings() -> Settings {
    let mut settings = Settings::refreshing();
    let portal = settings.client(PORTAL);
    portal.grant_types.push(GrantType::ClientCredentials);
    portal.scope = Scope::parse("openid profile read write").unwrap();
    settings
}

fn request(client_id: &str) -> (cardea_provider::ClientCredentials, TokenParameters) {
    let mut parameters = TokenParameters {
        grant_type: Some("client_credentials".to_owned()),
        ..TokenParameters::default()
    };
    let credentials = World::credentials(client_id, &mut parameters);
    (credentials, parameters)
}

#[tokio::test]
async fn a_service_gets_a_token_of_its_own_and_nothing_of_a_person() {
    let world = settings().build().await;
    let (credentials, mut parameters) = request(PORTAL);
    parameters.scope = Some("read".to_owned());
    parameters.resource = vec![API.to_owned()];
    let tokens = world.issue(&credentials, &parameters).await.unwrap();
    assert_eq!((tokens.id_token, tokens.refresh_token), (None, None));
    assert_eq!((tokens.scope.as_str(), tokens.expires_in), ("read", 120));
    let claims = claims_of(&tokens.access_token);
    let now = world.now().unix_timestamp();
    let wanted = json!({
        "iss": ISSUER, "sub": PORTAL, "client_id": PORTAL, "aud": API, "scope": "read",
        "iat": now, "exp": now + 120, "jti": claims["jti"],
    });
    assert_eq!(claims, wanted);
    let event = world.event("tokens.issued").await;
    assert_eq!(event.client_id.as_deref(), Some(PORTAL));
    assert_eq!((event.session_id, event.sub), (None, None));
}

#[tokio::test]
async fn without_a_wish_it_gets_all_that_it_is_registered_for() {
    let world = settings().build().await;
    let (credentials, parameters) = request(PORTAL);
    let tokens = world.issue(&credentials, &parameters).await.unwrap();
    assert_eq!(tokens.scope, "read write");
    let claims = claims_of(&tokens.access_token);
    assert_eq!(claims["aud"], json!([API, "https://other.example.fr"]));
}

#[tokio::test]
async fn a_service_gets_no_scope_of_a_person_and_no_resource_of_another() {
    let world = settings().build().await;
    for scope in ["openid", "read profile", "delete", "offline_access"] {
        let (credentials, mut parameters) = request(PORTAL);
        parameters.scope = Some(scope.to_owned());
        let error = world.issue(&credentials, &parameters).await.unwrap_err();
        assert_eq!(error.error, ErrorCode::InvalidScope, "{scope}");
        assert_eq!(error.code(), "provider.scope_not_allowed");
    }
    for resource in ["https://foreign.example.fr", ISSUER] {
        let (credentials, mut parameters) = request(PORTAL);
        parameters.resource = vec![resource.to_owned()];
        let error = world.issue(&credentials, &parameters).await.unwrap_err();
        assert_eq!(error.error, ErrorCode::InvalidTarget, "{resource}");
        assert_eq!(error.code(), "provider.resource_not_granted");
    }
}

#[tokio::test]
async fn f7_a_client_that_is_not_registered_for_it_is_refused() {
    let mut settings = settings();
    settings.client(PORTAL).grant_types = vec![GrantType::AuthorizationCode];
    let world = settings.build().await;
    for client_id in [PORTAL, SECOND] {
        let (credentials, parameters) = request(client_id);
        let error = world.issue(&credentials, &parameters).await.unwrap_err();
        assert_eq!(error.error, ErrorCode::UnauthorizedClient, "{client_id}");
        assert_eq!(error.code(), "provider.grant_type_not_allowed");
    }
}

/// Attack G12: no `openid`, no person.
#[tokio::test]
async fn a_services_token_opens_no_userinfo() {
    let mut settings = settings();
    settings.client(PORTAL).resources.clear();
    let world = settings.build().await;
    let (credentials, parameters) = request(PORTAL);
    let tokens = world.issue(&credentials, &parameters).await.unwrap();
    assert_eq!(claims_of(&tokens.access_token)["aud"], ISSUER);
    let error = world.userinfo(&tokens.access_token).await.unwrap_err();
    assert_eq!(error.oauth_error(), ErrorCode::InsufficientScope);
    assert_eq!(error.code(), "provider.access_token_scope_insufficient");
}
