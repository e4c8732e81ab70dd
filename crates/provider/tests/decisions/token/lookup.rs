//! Introspection (RFC 7662) and revocation (RFC 7009): for those whom a token concerns.

use cardea_oauth2_types::{ErrorCode, GrantType, TokenParameters, TokenResponse};
use cardea_provider::{Client, ClientAuthentication, TokenError, TokenLookup};
use cardea_storage::SecretDigest;
use serde_json::{Value, json};
use time::Duration;

use super::super::world::{API, ISSUER, PORTAL, SECOND, Settings, World, claims_of};

/// A resource server, which asks about tokens and logs nobody in.
const RESOURCE_SERVER: &str = "resource-server";
/// Another one, for which no token is made.
const STRANGER: &str = "stranger";

async fn world() -> World {
    let mut settings = Settings::refreshing();
    for (client_id, resource) in [(RESOURCE_SERVER, API), (STRANGER, "https://x.example.fr")] {
        let secret = SecretDigest::of("its secret");
        let authentication = ClientAuthentication::SecretPost(secret.into());
        settings.config.clients.push(Client {
            grant_types: vec![GrantType::ClientCredentials],
            resource_server_of: vec![resource.to_owned()],
            ..Client::new(client_id, "API", authentication)
        });
    }
    settings.build().await
}

fn credentials(client_id: &str) -> cardea_provider::ClientCredentials {
    let mut parameters = TokenParameters::default();
    if [RESOURCE_SERVER, STRANGER].contains(&client_id) {
        parameters.client_secret = Some("its secret".to_owned());
    }
    World::credentials(client_id, &mut parameters)
}

async fn introspect(world: &World, client_id: &str, token: &str) -> Result<Value, TokenError> {
    let lookup = TokenLookup {
        credentials: &credentials(client_id),
        token: Some(token),
    };
    let answer = world.provider.introspect(lookup).await?;
    Ok(serde_json::to_value(answer).unwrap())
}

async fn is_active(world: &World, client_id: &str, token: &str) -> bool {
    let answer = introspect(world, client_id, token).await.unwrap();
    if answer["active"] == false {
        assert_eq!(answer, json!({ "active": false }), "nothing more is told");
    }
    answer["active"] == true
}

async fn revoke(world: &World, client_id: &str, token: &str) {
    let lookup = TokenLookup {
        credentials: &credentials(client_id),
        token: Some(token),
    };
    world.provider.revoke_token(lookup).await.unwrap();
}

/// Tokens for the resource server.
async fn tokens(world: &World) -> TokenResponse {
    let for_api = world.log_in_with(|asked| asked.resource = vec![API.to_owned()]);
    world.redeem(&for_api.await).await.unwrap()
}

#[tokio::test]
async fn a_resource_server_learns_what_a_token_made_for_it_says() {
    let world = world().await;
    let tokens = tokens(&world).await;
    let answer = introspect(&world, RESOURCE_SERVER, &tokens.access_token).await;
    let mut wanted = claims_of(&tokens.access_token);
    wanted["active"] = json!(true);
    wanted["token_type"] = json!("Bearer");
    assert_eq!(answer.unwrap(), wanted);
    for known in [
        "sub",
        "acr",
        "auth_time",
        "scope",
        "client_id",
        "exp",
        "aud",
    ] {
        assert!(!wanted[known].is_null(), "{known}");
    }
}

#[tokio::test]
async fn g13_a_token_is_active_for_those_whom_it_concerns_alone() {
    let world = world().await;
    let tokens = tokens(&world).await;
    let refresh_token = tokens.refresh_token.as_deref().unwrap();
    assert!(is_active(&world, PORTAL, &tokens.access_token).await);
    assert!(!is_active(&world, STRANGER, &tokens.access_token).await);
    assert!(is_active(&world, PORTAL, refresh_token).await);
    for other in [RESOURCE_SERVER, STRANGER] {
        assert!(!is_active(&world, other, refresh_token).await, "{other}");
    }
    let id_token = tokens.id_token.as_deref().unwrap();
    for nonsense in [id_token, "a.b.c", "guess", ""] {
        assert!(!is_active(&world, PORTAL, nonsense).await, "{nonsense}");
    }
}

#[tokio::test]
async fn a_refresh_token_is_told_to_its_client_by_the_clients_own_name_of_the_person() {
    let world = world().await;
    let tokens = tokens(&world).await;
    let id_token = claims_of(tokens.id_token.as_deref().unwrap());
    let token = tokens.refresh_token.unwrap();
    let answer = introspect(&world, PORTAL, &token).await.unwrap();
    let now = world.now().unix_timestamp();
    let wanted = json!({
        "active": true, "token_type": "refresh_token",
        "iss": ISSUER, "client_id": PORTAL, "sub": id_token["sub"],
        "scope": "openid professional profile", "iat": now, "exp": now + 4 * 3600,
        "auth_time": id_token["auth_time"], "acr": id_token["acr"],
    });
    assert_eq!(answer, wanted);
    world.refresh(PORTAL, &token).await.unwrap();
    assert!(!is_active(&world, PORTAL, &token).await, "it was used");
}

#[tokio::test]
async fn an_expired_token_is_inactive() {
    let world = world().await;
    let tokens = tokens(&world).await;
    world.pass(Duration::seconds(119));
    assert!(is_active(&world, RESOURCE_SERVER, &tokens.access_token).await);
    world.pass(Duration::seconds(1));
    assert!(!is_active(&world, RESOURCE_SERVER, &tokens.access_token).await);
}

#[tokio::test]
async fn tokens_are_inactive_while_the_agent_is_silent_past_the_grace_period() {
    let world = world().await;
    let tokens = tokens(&world).await;
    let refresh_token = tokens.refresh_token.as_deref().unwrap();
    world.pass_sweeping(Duration::seconds(30)).await;
    assert!(is_active(&world, RESOURCE_SERVER, &tokens.access_token).await);
    world.pass(Duration::seconds(1));
    assert!(!is_active(&world, RESOURCE_SERVER, &tokens.access_token).await);
    assert!(!is_active(&world, PORTAL, refresh_token).await);
}

#[tokio::test]
async fn a_pulled_card_makes_every_token_inactive() {
    let world = world().await;
    let (completed, key) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let refresh_token = tokens.refresh_token.as_deref().unwrap();
    assert!(is_active(&world, PORTAL, &tokens.access_token).await);
    world.depart(&key).await;
    assert!(!is_active(&world, PORTAL, &tokens.access_token).await);
    assert!(!is_active(&world, PORTAL, refresh_token).await);
}

#[tokio::test]
async fn g13_nobody_asks_without_proving_who_they_are() {
    let world = world().await;
    let tokens = tokens(&world).await;
    let error = introspect(&world, SECOND, &tokens.access_token).await;
    let error = error.unwrap_err();
    assert_eq!(error.error, ErrorCode::InvalidClient, "a public client");
    assert_eq!(error.code(), "provider.client_authentication_missing");
    let event = world.event("token_lookup.refused").await;
    assert_eq!(event.code.as_deref(), Some(error.code()));

    let nobody = credentials("nobody");
    for token in [Some(tokens.access_token.as_str()), None] {
        let lookup = || TokenLookup {
            credentials: &nobody,
            token,
        };
        let asked = world.provider.introspect(lookup()).await.unwrap_err();
        let given_back = world.provider.revoke_token(lookup()).await.unwrap_err();
        for error in [asked, given_back] {
            assert_eq!(error.error, ErrorCode::InvalidClient);
            assert_eq!(error.code(), "provider.client_authentication_failed");
        }
    }
}

#[tokio::test]
async fn a_request_without_a_token_is_told_so() {
    let world = world().await;
    let credentials = credentials(PORTAL);
    let lookup = || TokenLookup {
        credentials: &credentials,
        token: None,
    };
    let asked = world.provider.introspect(lookup()).await.unwrap_err();
    let given_back = world.provider.revoke_token(lookup()).await.unwrap_err();
    for error in [asked, given_back] {
        assert_eq!(error.error, ErrorCode::InvalidRequest);
        assert_eq!(error.code(), "provider.token_missing");
    }
}

#[tokio::test]
async fn a_client_gives_back_an_access_token_and_keeps_the_rest() {
    let world = world().await;
    let tokens = tokens(&world).await;
    revoke(&world, PORTAL, &tokens.access_token).await;
    assert!(!is_active(&world, PORTAL, &tokens.access_token).await);
    let event = world.event("token.revoked").await;
    assert_eq!(event.client_id.as_deref(), Some(PORTAL));
    let token = tokens.refresh_token.unwrap();
    world.refresh(PORTAL, &token).await.unwrap();
}

/// Attack F6: after revocation.
#[tokio::test]
async fn a_client_gives_back_a_refresh_token_and_with_it_all_that_came_of_it() {
    let world = world().await;
    let tokens = tokens(&world).await;
    let token = tokens.refresh_token.unwrap();
    let next = world.refresh(PORTAL, &token).await.unwrap();
    // One that was used stands for its family too.
    revoke(&world, PORTAL, &token).await;
    let event = world.event("token.revoked").await;
    let details = r#"{"token":"refresh_token","grants_revoked":2,"families_revoked":1}"#;
    assert_eq!(event.details, details);
    for gone in [&tokens.access_token, &next.access_token] {
        assert!(!is_active(&world, PORTAL, gone).await);
    }
    let newest = next.refresh_token.unwrap();
    let error = world.refresh(PORTAL, &newest).await.unwrap_err();
    assert_eq!(error.code(), "provider.refresh_token_revoked");
}

#[tokio::test]
async fn g13_giving_back_what_is_not_ones_own_changes_nothing_and_tells_nothing() {
    let world = world().await;
    let tokens = tokens(&world).await;
    let refresh_token = tokens.refresh_token.as_deref().unwrap();
    let rows = world.events().await.len();
    for token in [&tokens.access_token, refresh_token, "guess", "a.b.c"] {
        revoke(&world, SECOND, token).await;
    }
    assert_eq!(world.events().await.len(), rows);
    assert!(is_active(&world, PORTAL, &tokens.access_token).await);
    world.refresh(PORTAL, refresh_token).await.unwrap();
}

#[tokio::test]
async fn a_public_client_gives_back_its_own() {
    let world = world().await;
    let (completed, _) = world.log_in(SECOND, None).await;
    let tokens = world.redeem_as(SECOND, &completed.location).await.unwrap();
    revoke(&world, SECOND, tokens.refresh_token.as_deref().unwrap()).await;
    let error = world.userinfo(&tokens.access_token).await.unwrap_err();
    assert_eq!(error.code(), "provider.access_token_revoked");
}
