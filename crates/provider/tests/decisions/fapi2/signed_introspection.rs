//! Introspection answers inside a signed JWT (RFC 9701), in every profile.

use cardea_jose::{Algorithm, UnverifiedJws, VerifyingKey};
use cardea_oauth2_types::GrantType;
use cardea_provider::{
    Client, ClientCredentials, IntrospectionAnswer, IntrospectionForm, TokenLookup,
};
use serde_json::{Value, json};

use super::super::world::{API, ISSUER, PORTAL, World, token_key};
use super::{Fapi, client, read_credentials};

const API_CLIENT: &str = "records-api";
const TYP: &str = "token-introspection+jwt";

/// A world with a resource server beside the clients; its key is the clinic's.
async fn with_resource_server(algorithm: Option<Algorithm>) -> Fapi {
    Fapi::with(|settings| {
        let clinic = settings.client(super::CLINIC).clone();
        settings.config.clients.push(Client {
            jwks: clinic.jwks,
            redirect_uris: Vec::new(),
            grant_types: vec![GrantType::ClientCredentials],
            resource_server_of: vec![API.to_owned()],
            resources: Vec::new(),
            scope: Default::default(),
            introspection_signed_response_alg: algorithm,
            ..client(API_CLIENT, &super::key())
        });
    })
    .await
}

fn api_credentials(fapi: &Fapi) -> ClientCredentials {
    let claims = fapi.assertion_claims(API_CLIENT);
    read_credentials(&fapi.other_key.sign_jwt("JWT", &claims).unwrap()).unwrap()
}

async fn ask(fapi: &Fapi, token: &str, form: IntrospectionForm) -> IntrospectionAnswer {
    let lookup = TokenLookup {
        credentials: &api_credentials(fapi),
        token: Some(token),
    };
    let provider = &fapi.world.provider;
    let told = provider.introspect(lookup).await.unwrap();
    provider.finish_introspection(told, form).unwrap()
}

fn read(answer: IntrospectionAnswer, algorithm: Algorithm) -> Value {
    let IntrospectionAnswer::Jwt(jwt) = answer else {
        panic!("not signed")
    };
    let unverified = UnverifiedJws::parse(&jwt, 8192).unwrap();
    assert_eq!(unverified.algorithm(), algorithm);
    let key = VerifyingKey::from_jwk(token_key(algorithm).public_jwk()).unwrap();
    unverified.verify(&key, TYP).unwrap().claims().unwrap()
}

async fn access_token(fapi: &Fapi) -> String {
    let location = fapi
        .log_in_with(|asked| asked.resource = vec![API.to_owned()])
        .await;
    fapi.redeem(&location).await.unwrap().access_token
}

#[tokio::test]
async fn a_resource_server_gets_the_same_answer_signed_when_it_asks_for_it() {
    let fapi = with_resource_server(None).await;
    let token = access_token(&fapi).await;
    let plain = ask(&fapi, &token, IntrospectionForm::AsRegistered).await;
    let IntrospectionAnswer::Json(plain) = plain else {
        panic!("nobody asked for a signature")
    };
    let plain = serde_json::to_value(plain).unwrap();
    let signed = ask(&fapi, &token, IntrospectionForm::Jwt).await;
    let claims = read(signed, Algorithm::Es256);
    let now = fapi.world.now().unix_timestamp();
    let expected = json!({
        "iss": ISSUER, "aud": API_CLIENT, "iat": now, "token_introspection": plain,
    });
    assert_eq!(claims, expected, "and neither sub nor exp beside");
    assert_eq!(plain["active"], true);
    assert_eq!(plain["token_type"], "DPoP");
    assert_eq!(plain["cnf"]["jkt"], fapi.dpop_key.kid());
}

/// What is not active is told so, signed, and nothing more.
#[tokio::test]
async fn a_registered_algorithm_signs_every_answer() {
    let fapi = with_resource_server(Some(Algorithm::Ps256)).await;
    let token = access_token(&fapi).await;
    let answer = ask(&fapi, &token, IntrospectionForm::AsRegistered).await;
    let claims = read(answer, Algorithm::Ps256);
    assert_eq!(claims["token_introspection"]["active"], true);
    let answer = ask(&fapi, "no token of ours", IntrospectionForm::AsRegistered).await;
    let claims = read(answer, Algorithm::Ps256);
    assert_eq!(claims["token_introspection"], json!({ "active": false }));
}

/// Attack G5: a signed answer about a token is no token.
#[tokio::test]
async fn g5_a_signed_answer_about_a_token_is_none() {
    let world = World::new().await;
    let tokens = world
        .redeem(&world.log_in_with(|_| {}).await)
        .await
        .unwrap();
    let credentials = || World::credentials(PORTAL, &mut Default::default());
    let told = world
        .provider
        .introspect(TokenLookup {
            credentials: &credentials(),
            token: Some(&tokens.access_token),
        })
        .await
        .unwrap();
    let signed = world
        .provider
        .finish_introspection(told, IntrospectionForm::Jwt)
        .unwrap();
    let IntrospectionAnswer::Jwt(jwt) = signed else {
        panic!("not signed")
    };
    let unverified = UnverifiedJws::parse(&jwt, 8192).unwrap();
    assert_eq!(
        unverified.algorithm(),
        Algorithm::Rs256,
        "RFC 9701's default"
    );
    let refused = world.userinfo(&jwt).await.unwrap_err();
    assert_eq!(refused.code(), "provider.access_token_invalid");
    let told = world
        .provider
        .introspect(TokenLookup {
            credentials: &credentials(),
            token: Some(&jwt),
        })
        .await
        .unwrap();
    assert!(!told.is_active());
}
