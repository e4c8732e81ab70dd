//! Who redeems: by the one method that the client registered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cardea_oauth2_types::{ErrorCode, TokenParameters};
use cardea_provider::{ClientAuthentication, ClientCredentials};
use cardea_storage::SecretDigest;

use super::super::world::{PORTAL, SECOND, Settings, World};

async fn refusal(
    world: &World,
    authorization: Option<&str>,
    change: impl FnOnce(&mut TokenParameters),
) -> (ErrorCode, &'static str) {
    let (completed, _) = world.log_in(PORTAL, None).await;
    let (_, mut parameters) = World::token_request(PORTAL, &completed.location);
    change(&mut parameters);
    let error = match ClientCredentials::read(authorization, &parameters) {
        Ok(credentials) => world.issue(&credentials, &parameters).await.unwrap_err(),
        Err(error) => world.provider.refuse_token_request(error).await,
    };
    let told = (error.error, error.code());
    world
        .redeem(&completed.location)
        .await
        .expect("a stranger does not burn the code");
    told
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_client_are_one_refusal() {
    let world = World::new().await;
    let failed = (
        ErrorCode::InvalidClient,
        "provider.client_authentication_failed",
    );
    for (id, secret) in [
        (PORTAL, "wrong"),
        (PORTAL, ""),
        ("unheard-of", "portal+secret"),
    ] {
        assert_eq!(
            refusal(&world, Some(&basic(id, secret)), |_| {}).await,
            failed,
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_confidential_client_cannot_come_without_its_secret_or_by_another_method() {
    let world = World::new().await;
    let told = refusal(&world, None, |p| p.client_id = Some(PORTAL.to_owned())).await;
    assert_eq!(
        told,
        (
            ErrorCode::InvalidClient,
            "provider.client_authentication_missing"
        )
    );
    let told = refusal(&world, None, |p| {
        p.client_id = Some(PORTAL.to_owned());
        p.client_secret = Some("portal secret".to_owned());
    })
    .await;
    assert_eq!(
        told,
        (
            ErrorCode::InvalidClient,
            "provider.client_authentication_method_mismatch"
        )
    );
    let told = refusal(&world, Some(&basic(SECOND, "any")), |_| {}).await;
    assert_eq!(
        told,
        (
            ErrorCode::InvalidClient,
            "provider.client_authentication_method_mismatch"
        )
    );
}

#[tokio::test]
async fn two_methods_at_once_are_refused_even_when_both_are_right() {
    let world = World::new().await;
    let header = basic(PORTAL, "portal+secret");
    let told = refusal(&world, Some(&header), |p| {
        p.client_secret = Some("portal secret".to_owned());
    })
    .await;
    assert_eq!(
        told,
        (
            ErrorCode::InvalidRequest,
            "provider.client_authentication_repeated"
        )
    );
}

#[tokio::test]
async fn a_client_that_registered_the_body_uses_the_body() {
    let mut settings = Settings::baseline();
    settings.config.clients[0].authentication =
        ClientAuthentication::SecretPost(SecretDigest::of("portal secret").into());
    let world = settings.build().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let (basic, mut parameters) = World::token_request(PORTAL, &completed.location);
    let error = world.issue(&basic, &parameters).await.unwrap_err();
    assert_eq!(
        error.code(),
        "provider.client_authentication_method_mismatch"
    );

    parameters.client_id = Some(PORTAL.to_owned());
    parameters.client_secret = Some("portal secret".to_owned());
    let credentials = ClientCredentials::read(None, &parameters).unwrap();
    world.issue(&credentials, &parameters).await.unwrap();
}

#[tokio::test]
async fn a_public_client_needs_its_verifier_alone() {
    let world = World::new().await;
    let (completed, _) = world.log_in(SECOND, None).await;
    world.redeem_as(SECOND, &completed.location).await.unwrap();
}

#[tokio::test]
async fn refused_clients_are_on_record() {
    let world = World::new().await;
    refusal(&world, Some(&basic(PORTAL, "wrong")), |_| {}).await;
    let events = world.events().await;
    let refused = events
        .iter()
        .find(|event| event.kind == "token.refused")
        .unwrap();
    assert_eq!(
        refused.code.as_deref(),
        Some("provider.client_authentication_failed")
    );
}
