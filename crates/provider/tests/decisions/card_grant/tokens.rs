//! What a card grant gives, and until when.

use cardea_provider::PresenceOutcome;
use cardea_provider::SessionState;
use time::Duration;

use super::super::world::{PORTAL, claims_of};
use super::*;

#[tokio::test]
async fn a_card_grant_gives_tokens_bound_to_the_presence_key() {
    let world = world().await;
    let grant = world.grant(SOFTWARE).await;
    let tokens = world.redeem_grant(&grant).await.unwrap();
    assert_eq!(tokens.token_type, "DPoP");
    assert_eq!(tokens.scope, "openid professional profile");
    let access = claims_of(&tokens.access_token);
    assert_eq!(access["cnf"]["jkt"], grant.presence_key.kid());
    assert_eq!(access["client_id"], SOFTWARE);
    assert_eq!(access["acr"], "urn:cardea:acr:card-pin");
    let id_token = claims_of(tokens.id_token.as_deref().unwrap());
    assert_eq!(id_token["aud"], SOFTWARE);
    assert_eq!(id_token["sub"], access["sub"]);
    assert_eq!(id_token["sid"], access["sid"]);

    let accepted = world.event("card_grant.accepted").await;
    assert_eq!(accepted.client_id.as_deref(), Some(SOFTWARE));
    let issued = world.event("tokens.issued").await;
    assert_eq!(issued.session_id, accepted.session_id);
}

/// Attack F10: the token of another key's owner, and the same token as a bearer token.
#[tokio::test]
async fn userinfo_answers_the_presence_key_alone() {
    let world = world().await;
    let grant = world.grant(SOFTWARE).await;
    let token = world.redeem_grant(&grant).await.unwrap().access_token;
    world
        .userinfo_with(&grant.presence_key, &token)
        .await
        .unwrap();
    let thief = SigningKey::generate(Algorithm::Es256).unwrap();
    let error = world.userinfo_with(&thief, &token).await.unwrap_err();
    assert_eq!(error.code(), "provider.access_token_key_mismatch");
    let error = world.userinfo(&token).await.unwrap_err();
    assert_eq!(error.code(), "provider.access_token_scheme_mismatch");
}

#[tokio::test]
async fn the_tokens_die_when_the_card_leaves() {
    let world = world().await;
    let grant = world.grant(SOFTWARE).await;
    let tokens = world.redeem_grant(&grant).await.unwrap();
    let refresh_token = tokens.refresh_token.unwrap();
    let (credentials, parameters) = World::refresh_request(SOFTWARE, &refresh_token);
    let refreshed = world
        .issue_with(&grant.presence_key, &credentials, &parameters)
        .await
        .unwrap();
    world.depart(&grant.presence_key).await;
    let token = &refreshed.access_token;
    let error = world
        .userinfo_with(&grant.presence_key, token)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "provider.access_token_revoked");
    let refresh_token = refreshed.refresh_token.unwrap();
    let (credentials, parameters) = World::refresh_request(SOFTWARE, &refresh_token);
    let refused = world
        .issue_with(&grant.presence_key, &credentials, &parameters)
        .await
        .unwrap_err();
    assert_eq!(refused.error.as_str(), "invalid_grant");
}

/// Attack F9: a refresh token in the hands of somebody without the key.
#[tokio::test]
async fn a_refresh_needs_the_presence_key() {
    let world = world().await;
    let grant = world.grant(SOFTWARE).await;
    let tokens = world.redeem_grant(&grant).await.unwrap();
    let (credentials, parameters) =
        World::refresh_request(SOFTWARE, &tokens.refresh_token.unwrap());
    let thief = SigningKey::generate(Algorithm::Es256).unwrap();
    let error = world
        .issue_with(&thief, &credentials, &parameters)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "provider.refresh_token_key_mismatch");
}

/// Attack F9: the same of a client with a secret. The secret alone is no card, and the tokens must
/// stay with the process that knows when the card leaves.
#[tokio::test]
async fn a_refresh_by_a_client_with_a_secret_needs_the_presence_key_too() {
    let mut settings = settings();
    let portal = settings.client(PORTAL);
    portal.grant_types = vec![GrantType::CardGrant, GrantType::RefreshToken];
    portal.redirect_uris.clear();
    let world = settings.build().await;
    let grant = world.grant(PORTAL).await;
    let tokens = world.redeem_grant_as(PORTAL, &grant).await.unwrap();
    let (credentials, parameters) = World::refresh_request(PORTAL, &tokens.refresh_token.unwrap());
    let refreshed = world
        .issue_with(&grant.presence_key, &credentials, &parameters)
        .await
        .unwrap();
    assert_eq!(refreshed.token_type, "DPoP");
    let jkt = &claims_of(&refreshed.access_token)["cnf"]["jkt"];
    assert_eq!(jkt, grant.presence_key.kid());

    let (credentials, parameters) =
        World::refresh_request(PORTAL, &refreshed.refresh_token.unwrap());
    let error = world.issue(&credentials, &parameters).await.unwrap_err();
    assert_eq!(error.code(), "provider.refresh_token_key_mismatch");
}

#[tokio::test]
async fn without_the_presence_key_there_are_no_tokens_and_the_session_is_over() {
    let world = world().await;
    let grant = world.grant(SOFTWARE).await;
    let pending = world.accept_as(SOFTWARE, &grant).await.unwrap();
    let session_id = pending.session().session_id.clone();
    let error = world
        .provider
        .complete_card_grant(pending)
        .await
        .unwrap_err();
    let code = "provider.card_grant_presence_missing";
    assert_eq!(named(&error), ("invalid_grant", code, code));
    let state = world
        .provider
        .find_session_state(&session_id)
        .await
        .unwrap();
    assert_eq!(state, Some(SessionState::Ended));
    // The key comes too late.
    let late = world.present(&grant.presence_key).await;
    assert!(matches!(late, PresenceOutcome::Ended { .. }), "{late:?}");
}

#[tokio::test]
async fn a_card_that_leaves_before_the_tokens_gets_none() {
    let world = world().await;
    let grant = world.grant(SOFTWARE).await;
    let pending = world.accept_as(SOFTWARE, &grant).await.unwrap();
    world.present(&grant.presence_key).await;
    world.depart(&grant.presence_key).await;
    let error = world
        .provider
        .complete_card_grant(pending)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "provider.card_grant_presence_missing");
}

#[tokio::test]
async fn an_agent_that_falls_silent_takes_the_tokens_along() {
    let world = world().await;
    let grant = world.grant(SOFTWARE).await;
    let token = world.redeem_grant(&grant).await.unwrap().access_token;
    let ended = world.pass_sweeping(Duration::seconds(70)).await;
    assert_eq!(ended.len(), 1);
    let error = world
        .userinfo_with(&grant.presence_key, &token)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "provider.access_token_revoked");
}

#[tokio::test]
async fn the_tokens_are_for_what_was_asked_and_never_for_more() {
    let world = world().await;
    let asked = TokenParameters {
        scope: Some("openid profile".to_owned()),
        resource: vec![API.to_owned()],
        ..TokenParameters::default()
    };
    let challenge = world.grant_challenge_for(SOFTWARE, asked).await.unwrap();
    let mut grant = world.grant_for(&challenge);
    grant.parameters.scope = Some("openid".to_owned());
    let tokens = world.redeem_grant(&grant).await.unwrap();
    assert_eq!(tokens.scope, "openid");
    assert_eq!(claims_of(&tokens.access_token)["aud"], API);

    let narrow = TokenParameters {
        scope: Some("openid".to_owned()),
        ..TokenParameters::default()
    };
    let challenge = world.grant_challenge_for(SOFTWARE, narrow).await.unwrap();
    let mut grant = world.grant_for(&challenge);
    grant.parameters.scope = Some("openid profile".to_owned());
    let error = world.accept_as(SOFTWARE, &grant).await.unwrap_err();
    let code = "provider.scope_not_granted";
    assert_eq!(named(&error), ("invalid_scope", code, code));

    let mut grant = world.grant(SOFTWARE).await;
    grant.parameters.resource = vec!["https://other.example.fr".to_owned()];
    let error = world.accept_as(SOFTWARE, &grant).await.unwrap_err();
    let code = "provider.resource_not_granted";
    assert_eq!(named(&error), ("invalid_target", code, code));
}
