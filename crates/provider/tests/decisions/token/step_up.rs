//! A resource server asks for a stronger or fresher login (RFC 9470).

use cardea_assertion::UserVerification;
use cardea_oauth2_types::{Acr, ErrorCode, GrantType, TokenParameters};
use cardea_provider::{
    BegunAuthorization, Client, ClientAuthentication, TokenLookup, UserVerificationPolicy,
};
use cardea_storage::SecretDigest;
use serde_json::Value;
use time::Duration;

use super::super::world::{API, Begun, PORTAL, Settings, World, claims_of, parameters};

/// What a resource server of ours demands for a dangerous look-up.
const AGE_MAX_SECONDS: i64 = 60;
const DEMANDED: Acr = Acr::CardPin;

async fn world() -> World {
    let mut settings = Settings::refreshing();
    settings.config.user_verification = UserVerificationPolicy::PinCached;
    let secret = ClientAuthentication::SecretPost(SecretDigest::of("api secret").into());
    settings.config.clients.push(Client {
        grant_types: vec![GrantType::ClientCredentials],
        resource_server_of: vec![API.to_owned()],
        ..Client::new("api", "API", secret)
    });
    settings.build().await
}

/// What the resource server answers: 200, or the challenge of RFC 9470 section 3.
async fn look_up(world: &World, access_token: &str) -> Result<(), String> {
    let mut parameters = TokenParameters {
        client_secret: Some("api secret".to_owned()),
        ..TokenParameters::default()
    };
    let lookup = TokenLookup {
        credentials: &World::credentials("api", &mut parameters),
        token: Some(access_token),
    };
    let answer = world.provider.introspect(lookup).await.unwrap();
    let told: Value = serde_json::to_value(answer).unwrap();
    assert_eq!(told["active"], true);
    let acr = Acr::find(told["acr"].as_str().unwrap()).unwrap();
    let age = world.now().unix_timestamp() - told["auth_time"].as_i64().unwrap();
    if acr.satisfies(DEMANDED) && age < AGE_MAX_SECONDS {
        return Ok(());
    }
    Err(format!(
        "Bearer error=\"{}\", acr_values=\"{}\", max_age=\"{AGE_MAX_SECONDS}\"",
        ErrorCode::InsufficientUserAuthentication,
        DEMANDED.as_str()
    ))
}

/// A parameter of a challenge, as a client's library reads it.
fn parameter(challenge: &str, name: &str) -> String {
    let (_, rest) = challenge.split_once(&format!("{name}=\"")).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn a_challenge_leads_to_the_card_and_to_a_token_that_satisfies_it() {
    let world = world().await;
    let begun = world
        .begin_with(|asked| asked.resource = vec![API.to_owned()])
        .await;
    let mut answer = world.answer(&begun).await;
    answer.claims.uv = UserVerification::Cached;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let completing = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None);
    let weak = completing.await.unwrap();
    let tokens = world.redeem(&weak.response.location()).await.unwrap();
    let old = claims_of(&tokens.access_token);
    assert_eq!(old["acr"], Acr::CardPinCached.as_str());

    let challenge = look_up(&world, &tokens.access_token).await.unwrap_err();
    assert_eq!(
        parameter(&challenge, "error"),
        "insufficient_user_authentication"
    );
    // A refresh is no login: it cannot satisfy the challenge.
    let token = tokens.refresh_token.as_deref().unwrap();
    let refreshed = world.refresh(PORTAL, token).await.unwrap();
    look_up(&world, &refreshed.access_token).await.unwrap_err();

    // RFC 9470 section 4: the client takes both values to the authorization endpoint. The browser
    // still has its session, which does not satisfy them.
    world.pass(Duration::seconds(20));
    let mut asked = parameters(PORTAL);
    asked.acr_values = Some(parameter(&challenge, "acr_values"));
    asked.max_age = Some(parameter(&challenge, "max_age"));
    asked.resource = vec![API.to_owned()];
    let cookie = Some(weak.session_cookie.expose());
    let begun = world.provider.begin_authorization(asked, cookie).await;
    let BegunAuthorization::Login {
        request_id,
        login_cookie,
        ..
    } = begun.unwrap()
    else {
        panic!("the card is asked")
    };
    let begun = Begun {
        request_id,
        login_cookie,
    };
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let completing =
        world
            .provider
            .complete_authorization(&begun.request_id, begun.cookie(), cookie);
    let strong = completing.await.unwrap().response.location();
    let tokens = world.redeem(&strong).await.unwrap();
    let new = claims_of(&tokens.access_token);
    assert_eq!(new["acr"], Acr::CardPin.as_str());
    assert!(new["auth_time"].as_i64() > old["auth_time"].as_i64());
    assert_eq!(new["sid"], old["sid"], "the portal's session goes on");
    look_up(&world, &tokens.access_token).await.unwrap();

    world.pass(Duration::seconds(AGE_MAX_SECONDS));
    look_up(&world, &tokens.access_token).await.unwrap_err();
}
