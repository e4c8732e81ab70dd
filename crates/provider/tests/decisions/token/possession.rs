//! Tokens bound to a client's key (RFC 9449, attacks F9 and F10).

use cardea_jose::{Algorithm, SigningKey};
use cardea_oauth2_types::ErrorCode;
use cardea_provider::UserinfoAnswer;
use serde_json::json;

use super::super::world::{PORTAL, SECOND, Settings, World, claims_of};

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

#[tokio::test]
async fn a_proof_binds_the_access_token_and_userinfo_asks_for_one() {
    let world = Settings::refreshing().build().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let (credentials, parameters) = World::token_request(PORTAL, &completed.location);
    let own = key();
    let tokens = world
        .issue_with(&own, &credentials, &parameters)
        .await
        .unwrap();
    assert_eq!(tokens.token_type, "DPoP");
    let claims = claims_of(&tokens.access_token);
    assert_eq!(claims["cnf"], json!({ "jkt": own.kid() }));

    let answer = world
        .userinfo_with(&own, &tokens.access_token)
        .await
        .unwrap();
    assert!(matches!(answer, UserinfoAnswer::Claims(_)));
    let error = world.userinfo(&tokens.access_token).await.unwrap_err();
    assert_eq!(error.oauth_error(), ErrorCode::InvalidToken);
    assert_eq!(error.code(), "provider.access_token_scheme_mismatch");
    let other = world.userinfo_with(&key(), &tokens.access_token).await;
    let error = other.unwrap_err();
    assert_eq!(error.oauth_error(), ErrorCode::InvalidToken);
    assert_eq!(error.code(), "provider.access_token_key_mismatch");
}

#[tokio::test]
async fn a_bearer_token_does_not_pass_for_a_bound_one() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let error = world
        .userinfo_with(&key(), &tokens.access_token)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "provider.access_token_scheme_mismatch");
}

#[tokio::test]
async fn f10_a_code_bound_by_dpop_jkt_needs_that_key() {
    let world = World::new().await;
    let own = key();
    let wrong: [Option<SigningKey>; 2] = [Some(key()), None];
    for wrong in wrong {
        let location = world
            .log_in_with(|asked| asked.dpop_jkt = Some(own.kid().to_owned()))
            .await;
        let (credentials, parameters) = World::token_request(PORTAL, &location);
        let outcome = match &wrong {
            Some(wrong) => world.issue_with(wrong, &credentials, &parameters).await,
            None => world.issue(&credentials, &parameters).await,
        };
        let error = outcome.unwrap_err();
        assert_eq!(error.error, ErrorCode::InvalidGrant);
        assert_eq!(error.code(), "provider.code_key_mismatch");
    }
    let location = world
        .log_in_with(|asked| asked.dpop_jkt = Some(own.kid().to_owned()))
        .await;
    let (credentials, parameters) = World::token_request(PORTAL, &location);
    world
        .issue_with(&own, &credentials, &parameters)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_wrong_proof_leaves_the_code_as_it_was() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let (credentials, parameters) = World::token_request(PORTAL, &completed.location);
    let request = cardea_provider::TokenRequest {
        credentials: &credentials,
        parameters: &parameters,
        dpop: cardea_provider::DpopRequest {
            proof: Some("not a proof"),
            method: "POST",
            url: "https://id.example.fr/token",
        },
    };
    let error = world.provider.issue_tokens(request).await.unwrap_err();
    assert_eq!(error.error, ErrorCode::InvalidDpopProof);
    world.redeem(&completed.location).await.unwrap();
}

/// Attack F6: a stolen refresh token without the key that it was given to.
#[tokio::test]
async fn a_public_client_refreshes_with_the_key_of_its_login_alone() {
    let world = Settings::refreshing().build().await;
    for other in [Some(key()), None] {
        let own = key();
        let (completed, _) = world.log_in(SECOND, None).await;
        let (credentials, parameters) = World::token_request(SECOND, &completed.location);
        let tokens = world.issue_with(&own, &credentials, &parameters).await;
        let token = tokens.unwrap().refresh_token.unwrap();
        let (credentials, parameters) = World::refresh_request(SECOND, &token);
        let next = world.issue_with(&own, &credentials, &parameters).await;
        let next = next.unwrap();
        assert_eq!(next.token_type, "DPoP");

        let newest = next.refresh_token.unwrap();
        let (credentials, parameters) = World::refresh_request(SECOND, &newest);
        let outcome = match &other {
            Some(other) => world.issue_with(other, &credentials, &parameters).await,
            None => world.issue(&credentials, &parameters).await,
        };
        let error = outcome.unwrap_err();
        assert_eq!(error.error, ErrorCode::InvalidGrant);
        assert_eq!(error.code(), "provider.refresh_token_key_mismatch");
        // The token was in other hands: it is of no use to its owner any more.
        let outcome = world.issue_with(&own, &credentials, &parameters).await;
        assert_eq!(outcome.unwrap_err().code(), "provider.refresh_token_reused");
    }
}

/// RFC 9449 section 5: it proves itself by its secret, and may replace its key.
#[tokio::test]
async fn a_confidential_client_may_come_with_another_key() {
    let world = Settings::refreshing().build().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let (credentials, parameters) = World::token_request(PORTAL, &completed.location);
    let tokens = world.issue_with(&key(), &credentials, &parameters).await;
    let token = tokens.unwrap().refresh_token.unwrap();
    let (credentials, parameters) = World::refresh_request(PORTAL, &token);
    let new = key();
    let next = world.issue_with(&new, &credentials, &parameters).await;
    let claims = claims_of(&next.unwrap().access_token);
    assert_eq!(claims["cnf"]["jkt"], new.kid());
}
