//! PKCE where a client may go without it (attacks E6 and E7).

use cardea_provider::{AuthorizationError, Demand};

use super::super::world::{PORTAL, Settings, World, query_value};

async fn world_without_demand() -> World {
    let mut settings = Settings::baseline();
    settings.config.clients[0].pkce = Demand::Optional;
    settings.build().await
}

#[tokio::test]
async fn a_confidential_client_may_be_registered_to_go_without() {
    let world = world_without_demand().await;
    let begun = world
        .begin_with(|asked| {
            asked.code_challenge = None;
            asked.code_challenge_method = None;
        })
        .await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let done = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None)
        .await
        .unwrap();
    let location = done.response.location();
    assert!(query_value(&location, "code").is_some());
    // E7: a verifier shows that a challenge was sent, and lost on the way.
    let error = world.redeem(&location).await.unwrap_err();
    assert_eq!(error.code(), "provider.code_verifier_mismatch");
}

#[tokio::test]
async fn a_challenge_that_is_sent_is_checked_all_the_same() {
    let world = world_without_demand().await;
    for (challenge, method, code) in [
        (None, Some("S256"), "provider.pkce_missing"),
        (Some("abc"), Some("S256"), "oauth2.parameter_malformed"),
        (
            Some("correct-horse-battery-staple-correct-horse-battery"),
            Some("plain"),
            "provider.pkce_method_unsupported",
        ),
        (
            Some("correct-horse-battery-staple-correct-horse-battery"),
            None,
            "provider.pkce_method_unsupported",
        ),
    ] {
        let refused = world
            .authorize(|asked| {
                asked.code_challenge = challenge.map(str::to_owned);
                asked.code_challenge_method = method.map(str::to_owned);
            })
            .await;
        let Err(AuthorizationError::Redirect { source, .. }) = refused else {
            panic!("{challenge:?} {method:?}")
        };
        assert_eq!(source.code(), code);
    }
    let (logged_in, _) = world.log_in(PORTAL, None).await;
    world.redeem(&logged_in.location).await.unwrap();
}

#[tokio::test]
async fn a_public_client_cannot_be_registered_to_go_without() {
    let mut settings = Settings::baseline();
    settings.config.clients[1].pkce = Demand::Optional;
    let refused = settings.try_build().await;
    assert_eq!(refused.err().unwrap().code(), "provider.client_invalid");
}
