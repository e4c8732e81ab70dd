//! For whom an access token is made (RFC 8707).

use cardea_oauth2_types::{ErrorCode, GrantType};
use cardea_provider::{Client, ClientAuthentication};
use cardea_storage::SecretDigest;
use serde_json::json;

use super::super::world::{API, ISSUER, PORTAL, Settings, World, claims_of};

const OTHER: &str = "https://other.example.fr";

async fn log_in_for(world: &World, resources: &[&str]) -> String {
    let resources: Vec<String> = resources.iter().map(|it| (*it).to_owned()).collect();
    world.log_in_with(|asked| asked.resource = resources).await
}

#[tokio::test]
async fn a_token_is_for_the_resources_asked_for_and_else_for_userinfo() {
    let world = Settings::refreshing().build().await;
    for (resources, audience) in [
        (vec![], json!(ISSUER)),
        (vec![API], json!(API)),
        (vec![API, OTHER], json!([API, OTHER])),
    ] {
        let location = log_in_for(&world, &resources).await;
        let tokens = world.redeem(&location).await.unwrap();
        assert_eq!(claims_of(&tokens.access_token)["aud"], audience);
    }
}

#[tokio::test]
async fn a_token_request_narrows_the_resources_and_a_refresh_has_all_of_them_again() {
    let world = Settings::refreshing().build().await;
    let location = log_in_for(&world, &[API, OTHER]).await;
    let (credentials, mut parameters) = World::token_request(PORTAL, &location);
    parameters.resource = vec![OTHER.to_owned()];
    let tokens = world.issue(&credentials, &parameters).await.unwrap();
    assert_eq!(claims_of(&tokens.access_token)["aud"], OTHER);

    let token = tokens.refresh_token.unwrap();
    let whole = world.refresh(PORTAL, &token).await.unwrap();
    assert_eq!(claims_of(&whole.access_token)["aud"], json!([API, OTHER]));
    let token = whole.refresh_token.unwrap();
    let (credentials, mut parameters) = World::refresh_request(PORTAL, &token);
    parameters.resource = vec![ISSUER.to_owned()];
    let own = world.issue(&credentials, &parameters).await.unwrap();
    world.userinfo(&own.access_token).await.unwrap();
}

/// A profession is told where the operator said so, and never beside one who is not to hear of it.
#[tokio::test]
async fn a_token_says_a_profession_to_resource_servers_that_are_told_alone() {
    let mut settings = Settings::refreshing();
    for (client_id, resource, is_told) in [("api", API, true), ("other", OTHER, false)] {
        let secret = SecretDigest::of("its secret");
        let authentication = ClientAuthentication::SecretPost(secret.into());
        settings.config.clients.push(Client {
            grant_types: vec![GrantType::ClientCredentials],
            resource_server_of: vec![resource.to_owned()],
            profession_in_access_tokens: is_told,
            ..Client::new(client_id, "API", authentication)
        });
    }
    let world = settings.build().await;
    let profession = json!({"code": "21", "system": "TRE_G15"});
    for (resources, told) in [
        (vec![API], Some(&profession)),
        (vec![OTHER], None),
        (vec![API, OTHER], None),
        (vec![], None),
    ] {
        let location = log_in_for(&world, &resources).await;
        let tokens = world.redeem(&location).await.unwrap();
        let claims = claims_of(&tokens.access_token);
        assert_eq!(claims.get("profession"), told, "{resources:?}");
    }
}

#[tokio::test]
async fn a_resource_that_was_not_granted_is_an_invalid_target() {
    let world = Settings::refreshing().build().await;
    let location = log_in_for(&world, &[API]).await;
    let tokens = world.redeem(&location).await.unwrap();
    let token = tokens.refresh_token.unwrap();
    let (credentials, mut parameters) = World::refresh_request(PORTAL, &token);
    parameters.resource = vec![OTHER.to_owned()];
    let error = world.issue(&credentials, &parameters).await.unwrap_err();
    assert_eq!(error.error, ErrorCode::InvalidTarget);
    assert_eq!(error.code(), "provider.resource_not_granted");
    world
        .refresh(PORTAL, &token)
        .await
        .expect("the token was not used");

    let location = log_in_for(&world, &[API]).await;
    let (credentials, mut parameters) = World::token_request(PORTAL, &location);
    parameters.resource = vec![OTHER.to_owned()];
    let error = world.issue(&credentials, &parameters).await.unwrap_err();
    assert_eq!(error.error, ErrorCode::InvalidTarget);
    let error = world.redeem(&location).await.unwrap_err();
    assert_eq!(
        error.code(),
        "provider.code_reused",
        "a wrong attempt burns the code"
    );
}

#[tokio::test]
async fn g12_userinfo_takes_no_token_that_was_made_for_others() {
    let world = Settings::refreshing().build().await;
    let location = log_in_for(&world, &[API]).await;
    let tokens = world.redeem(&location).await.unwrap();
    let error = world.userinfo(&tokens.access_token).await.unwrap_err();
    assert_eq!(error.oauth_error(), ErrorCode::InvalidToken);
    assert_eq!(error.code(), "provider.access_token_audience_mismatch");
    let event = world.event("userinfo.refused").await;
    assert_eq!(event.code.as_deref(), Some(error.code()));
}
