//! Authorization responses as one signed JWT (JARM), in every profile.

use cardea_jose::{Algorithm, UnverifiedJws, VerifyingKey};
use cardea_oauth2_types::{AuthorizationParameters, ResponseMode};
use cardea_provider::{AuthorizationError, AuthorizationResponse};
use serde_json::{Value, json};

use super::super::world::{ISSUER, PORTAL, Settings, World, parameters, query_value, token_key};
use super::{CLINIC, Fapi, INSURER, client};

/// What the JWT of an answer says, with its signature checked; the answer is nothing else.
fn read(answer: &AuthorizationResponse, algorithm: Algorithm) -> Value {
    let [(name, jwt)] = answer.parameters.as_slice() else {
        panic!("more than one parameter")
    };
    assert_eq!(*name, "response");
    let unverified = UnverifiedJws::parse(jwt, 8192).unwrap();
    assert_eq!(unverified.algorithm(), algorithm);
    let key = VerifyingKey::from_jwk(token_key(algorithm).public_jwk()).unwrap();
    unverified.verify(&key, "JWT").unwrap().claims().unwrap()
}

async fn answer_with(fapi: &Fapi, mode: Option<&str>) -> AuthorizationResponse {
    let request_uri = fapi
        .push(|asked| asked.response_mode = mode.map(str::to_owned))
        .await
        .unwrap();
    let begun = fapi.begin(&request_uri).await;
    fapi.complete(&begun).await.unwrap()
}

#[tokio::test]
async fn an_answer_goes_out_as_one_jwt_in_the_mode_that_was_asked_for() {
    let fapi = Fapi::new().await;
    for (asked, mode) in [
        ("jwt", ResponseMode::QueryJwt),
        ("query.jwt", ResponseMode::QueryJwt),
        ("form_post.jwt", ResponseMode::FormPostJwt),
    ] {
        let answer = answer_with(&fapi, Some(asked)).await;
        assert_eq!(answer.mode, mode, "{asked}");
        let claims = read(&answer, Algorithm::Es256);
        let mut names: Vec<_> = claims.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["aud", "code", "exp", "iss", "state"], "{asked}");
        assert_eq!(claims["iss"], ISSUER);
        assert_eq!(claims["aud"], INSURER);
        assert_eq!(claims["state"], "the state");
        let now = fapi.world.now().unix_timestamp();
        assert_eq!(claims["exp"], now + 120, "JARM: ten minutes at most");
        // Nothing of it stands beside it.
        let location = answer.location();
        assert_eq!(query_value(&location, "code"), None);
        assert_eq!(query_value(&location, "state"), None);
        // The code is as good as any other.
        let code = claims["code"].as_str().unwrap();
        let plain = format!("{}?code={code}", answer.redirect_uri);
        fapi.redeem(&plain).await.unwrap();
    }
}

#[tokio::test]
async fn refusals_are_signed_as_well() {
    let fapi = Fapi::new().await;
    let request_uri = fapi
        .push(|asked| {
            asked.response_mode = Some("jwt".to_owned());
            asked.prompt = Some("none".to_owned());
        })
        .await
        .unwrap();
    let refused = fapi.open_with(&request_uri, |_| {}).await;
    let Err(AuthorizationError::Redirect { response, .. }) = refused else {
        panic!("{refused:?}")
    };
    let claims = read(&response, Algorithm::Es256);
    assert_eq!(claims["error"], "login_required");
    assert_eq!(claims["state"], "the state");
    assert_eq!(claims["iss"], ISSUER);

    let request_uri = fapi
        .push(|asked| asked.response_mode = Some("form_post.jwt".to_owned()))
        .await
        .unwrap();
    let begun = fapi.begin(&request_uri).await;
    let provider = &fapi.world.provider;
    let cancelled = provider.cancel_login(&begun.request_id, begun.cookie());
    let response = cancelled.await.unwrap().response;
    assert_eq!(response.mode, ResponseMode::FormPostJwt);
    assert!(response.is_refusal(), "signed as it is");
    let claims = read(&response, Algorithm::Es256);
    assert_eq!(claims["error"], "access_denied");
}

/// Whoever changes the request on its way through the browser gets no answer in clear.
#[tokio::test]
async fn a_client_that_registered_an_algorithm_gets_signed_answers_alone() {
    let fapi = Fapi::with(|settings| {
        settings.client(INSURER).authorization_signed_response_alg = Some(Algorithm::Ps256);
    })
    .await;
    for asked in [None, Some("jwt"), Some("form_post.jwt")] {
        let answer = answer_with(&fapi, asked).await;
        assert_eq!(read(&answer, Algorithm::Ps256)["aud"], INSURER);
    }
    for asked in ["query", "form_post"] {
        let refused = fapi
            .push_refusal(|it| it.response_mode = Some(asked.to_owned()))
            .await;
        let expected = ("invalid_request", "provider.response_mode_unsupported");
        assert_eq!(refused, expected, "{asked}");
    }
}

/// The operator's change holds for logins that had begun before it.
#[tokio::test]
async fn a_client_that_has_just_registered_an_algorithm_gets_no_answer_in_clear_any_more() {
    for (asked, mode) in [
        ("query", ResponseMode::QueryJwt),
        ("form_post", ResponseMode::FormPostJwt),
    ] {
        let fapi = Fapi::new().await;
        let request_uri = fapi
            .push(|it| it.response_mode = Some(asked.to_owned()))
            .await
            .unwrap();
        let begun = fapi.begin(&request_uri).await;
        let mut changed = client(INSURER, &fapi.key);
        changed.authorization_signed_response_alg = Some(Algorithm::Es256);
        let clients = vec![changed, client(CLINIC, &fapi.other_key)];
        let provider = &fapi.world.provider;
        let plan = provider.plan_configured_clients(clients).await.unwrap();
        provider.install_configured_clients(plan);
        let none = |_: &_| unreachable!("the database holds no client");
        provider.reload_clients(none).await.unwrap();
        let answer = fapi.complete(&begun).await.unwrap();
        assert_eq!(answer.mode, mode);
        assert!(!answer.is_refusal());
        let claims = read(&answer, Algorithm::Es256);
        assert_eq!(claims["aud"], INSURER);
        assert!(claims["code"].is_string(), "{claims}");
    }
}

async fn refused_by_redirect(
    world: &World,
    change: impl FnOnce(&mut AuthorizationParameters),
) -> (AuthorizationResponse, &'static str) {
    match world.authorize(change).await {
        Err(AuthorizationError::Redirect {
            response, source, ..
        }) => (response, source.code()),
        other => panic!("{other:?}"),
    }
}

/// Where nothing is pushed the browser carries the request, and the refusal is signed all the same.
#[tokio::test]
async fn signed_answers_are_there_in_every_profile() {
    let world = World::new().await;
    let location = world
        .log_in_with(|asked| asked.response_mode = Some("jwt".to_owned()))
        .await;
    let jwt = query_value(&location, "response").unwrap();
    let unverified = UnverifiedJws::parse(&jwt, 8192).unwrap();
    assert_eq!(unverified.algorithm(), Algorithm::Rs256, "JARM's default");
    let claims: Value = unverified.unverified_claims().unwrap();
    assert_eq!(claims["aud"], json!(PORTAL));

    let mut settings = Settings::baseline();
    settings.client(PORTAL).authorization_signed_response_alg = Some(Algorithm::EdDsa);
    let world = settings.build().await;
    let (response, code) = refused_by_redirect(&world, |asked| {
        asked.response_mode = Some("query".to_owned());
    })
    .await;
    assert_eq!(code, "provider.response_mode_unsupported");
    let claims = read(&response, Algorithm::EdDsa);
    assert_eq!(claims["error"], "invalid_request");
    assert_eq!(claims["state"], "the state");
}

/// Attack G5: a signed answer is no ID token, and no access token.
#[tokio::test]
async fn g5_a_signed_answer_passes_for_no_token() {
    let world = World::new().await;
    let location = world
        .log_in_with(|asked| asked.response_mode = Some("jwt".to_owned()))
        .await;
    let jwt = query_value(&location, "response").unwrap();
    let mut hinting = parameters(PORTAL);
    hinting.id_token_hint = Some(jwt.clone());
    let refused = world.provider.begin_authorization(hinting, None).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), "provider.id_token_hint_invalid");
    let refused = world.userinfo(&jwt).await.unwrap_err();
    assert_eq!(refused.code(), "provider.access_token_invalid");
}
