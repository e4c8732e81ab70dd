//! Userinfo: the claims of each scope, and every token that is not good enough (attack G12).

use cardea_jose::{Algorithm, UnverifiedJws, VerifyingKey};
use cardea_oauth2_types::ErrorCode;
use cardea_test_pki::{CardProfile, KeyKind};
use serde_json::{Value, json};
use time::Duration;

use super::world::{PORTAL, SECOND, Settings, World, claims_of};

async fn userinfo(world: &World, access_token: &str) -> Value {
    Value::Object(world.userinfo(access_token).await.unwrap())
}

#[tokio::test]
async fn the_card_speaks_by_scope() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let claims = userinfo(&world, &tokens.access_token).await;
    let profile = CardProfile::pharmacist();
    assert_eq!(claims["given_name"], profile.given_name.as_str());
    assert_eq!(claims["family_name"], profile.family_name.as_str());
    assert_eq!(
        claims["name"],
        format!("{} {}", profile.given_name, profile.family_name)
    );
    assert_eq!(claims["subject_id"], profile.identifier.common_name());
    assert_eq!(claims["subject_id_type"], "rpps");
    assert_eq!(
        claims["profession"],
        json!({"code": "21", "system": "TRE_G15"})
    );
    assert_eq!(claims["card"]["family"], "cps");
    assert_eq!(claims["test"], true);
    let id_token: Value = UnverifiedJws::parse(tokens.id_token.as_deref().unwrap(), 8192)
        .unwrap()
        .unverified_claims()
        .unwrap();
    assert_eq!(claims["sub"], id_token["sub"]);

    let (completed, _) = world.log_in(SECOND, None).await;
    let tokens = world.redeem_as(SECOND, &completed.location).await.unwrap();
    let claims = userinfo(&world, &tokens.access_token).await;
    assert_eq!(
        claims,
        json!({ "sub": id_token["sub"] }),
        "openid alone names nobody"
    );
}

#[tokio::test]
async fn an_establishment_card_speaks_of_its_structure() {
    let mut world = World::new().await;
    let card = world
        .pki
        .issue_card(&CardProfile::secretary().with_key(KeyKind::P256))
        .unwrap();
    world.card = card.authentication;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let claims = userinfo(&world, &tokens.access_token).await;
    assert_eq!(claims["structure"]["id_type"], "finess");
    assert_eq!(claims.get("profession"), None);
}

#[tokio::test]
async fn a_token_is_refused_from_its_last_second_on() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    world.pass(Duration::seconds(119));
    userinfo(&world, &tokens.access_token).await;
    world.pass(Duration::seconds(1));
    let error = world.userinfo(&tokens.access_token).await.unwrap_err();
    assert_eq!(error.code(), "provider.access_token_expired");
    assert_eq!(error.oauth_error(), ErrorCode::InvalidToken);
    let event = world.event("userinfo.refused").await;
    assert_eq!(event.code.as_deref(), Some("provider.access_token_expired"));
}

#[tokio::test]
async fn a_token_dies_with_its_session() {
    let world = World::new().await;
    let (completed, key) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    world.depart(&key).await;
    let error = world.userinfo(&tokens.access_token).await.unwrap_err();
    assert_eq!(error.code(), "provider.access_token_revoked");
    let ended = world.event("session.ended").await;
    assert_eq!(ended.details, r#"{"codes_revoked":0,"grants_revoked":1}"#);
}

#[tokio::test]
async fn a_token_is_refused_once_its_session_reached_a_limit() {
    let mut settings = Settings::baseline();
    settings.config.lifetimes.session_idle = Duration::seconds(30);
    let world = settings.build().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    // The sweep has not come by yet.
    world.pass(Duration::seconds(30));
    let error = world.userinfo(&tokens.access_token).await.unwrap_err();
    assert_eq!(error.code(), "provider.access_token_revoked");
}

#[tokio::test]
async fn a_token_of_another_issuer_with_our_key_is_refused() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let mut settings = Settings::baseline();
    settings.config.issuer = cardea_provider::Issuer::parse("https://new.example.fr").unwrap();
    let renamed = world.restarted_with(settings);
    let error = renamed.userinfo(&tokens.access_token).await.unwrap_err();
    assert_eq!(error.code(), "provider.access_token_invalid");
}

#[tokio::test]
async fn other_tokens_and_forgeries_are_no_access_tokens() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let [_, payload, signature] = tokens.access_token.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    let header = |json: &str| cardea_jose::base64url(json.as_bytes());
    let none = format!("{}.{payload}.", header(r#"{"alg":"none","typ":"at+jwt"}"#));
    let unknown = header(r#"{"alg":"RS256","typ":"at+jwt","kid":"../../etc/passwd"}"#);
    let unknown = format!("{unknown}.{payload}.{signature}");
    let own_key = cardea_jose::SigningKey::generate(Algorithm::Es256).unwrap();
    let claims: Value = UnverifiedJws::parse(&tokens.access_token, 8192)
        .unwrap()
        .unverified_claims()
        .unwrap();
    let foreign = own_key.sign_jwt("at+jwt", &claims).unwrap();
    let embedded = own_key.sign_jwt_with_jwk("at+jwt", &claims).unwrap();
    for token in [
        tokens.id_token.as_deref().unwrap(),
        &none,
        &unknown,
        &foreign,
        &embedded,
        "",
        "x",
    ] {
        let rows = world.events().await.len();
        let error = world.userinfo(token).await.unwrap_err();
        assert_eq!(error.code(), "provider.access_token_invalid", "{token}");
        let noted = world.take_note(rows).await.kind;
        assert_eq!(noted.name(), "userinfo.refused");
        assert_eq!(noted.code(), Some("provider.access_token_invalid"));
    }
}

#[tokio::test]
async fn claims_are_given_by_name_too_within_the_clients_registration() {
    let world = World::new().await;
    let claims = r#"{"userinfo":{"family_name":{"essential":true},"acr":null,"email":null},
                     "id_token":{"given_name":null,"auth_time":{"essential":true}}}"#;
    let location = world
        .log_in_with(|asked| {
            asked.scope = Some("openid".to_owned());
            asked.claims = Some(claims.to_owned());
        })
        .await;
    let tokens = world.redeem(&location).await.unwrap();
    let profile = CardProfile::pharmacist();
    let id_token = claims_of(tokens.id_token.as_deref().unwrap());
    assert_eq!(id_token["given_name"], profile.given_name.as_str());
    assert_eq!(id_token.get("family_name"), None);
    let answer = userinfo(&world, &tokens.access_token).await;
    let wanted = json!({
        "sub": id_token["sub"], "family_name": profile.family_name, "acr": id_token["acr"],
    });
    assert_eq!(answer, wanted);

    // The second client may have `openid` alone.
    let begun = world
        .begin_with(|asked| {
            *asked = super::world::parameters(SECOND);
            asked.claims = Some(claims.to_owned());
        })
        .await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let completing = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None);
    let location = completing.await.unwrap().response.location();
    let tokens = world.redeem_as(SECOND, &location).await.unwrap();
    let id_token = claims_of(tokens.id_token.as_deref().unwrap());
    assert_eq!(id_token.get("given_name"), None);
    let answer = userinfo(&world, &tokens.access_token).await;
    assert_eq!(answer.get("family_name"), None);
    assert_eq!(answer["acr"], id_token["acr"]);
}

#[tokio::test]
async fn a_client_that_registered_an_algorithm_gets_a_signed_answer() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        let mut settings = Settings::baseline();
        settings.client(PORTAL).userinfo_signed_response_alg = Some(algorithm);
        let world = settings.build().await;
        let (completed, _) = world.log_in(PORTAL, None).await;
        let tokens = world.redeem(&completed.location).await.unwrap();
        let answer = world.signed_userinfo(&tokens.access_token).await;
        let jws = UnverifiedJws::parse(&answer, 8192).unwrap();
        assert_eq!(jws.algorithm(), algorithm);
        let jwks = world.provider.jwks();
        let key = jwks.find(jws.kid().unwrap()).unwrap();
        let key = VerifyingKey::from_jwk(key).unwrap();
        let claims: Value = jws.verify(&key, "userinfo+jwt").unwrap().claims().unwrap();
        // OIDC Core section 5.3.2.
        assert_eq!(claims["iss"], super::world::ISSUER);
        assert_eq!(claims["aud"], PORTAL);
        let id_token = claims_of(tokens.id_token.as_deref().unwrap());
        assert_eq!(claims["sub"], id_token["sub"]);
        assert_eq!(claims["subject_id_type"], "rpps");
    }
}

#[tokio::test]
async fn every_token_of_a_sandbox_says_test_and_no_other_does() {
    for sandbox in [true, false] {
        let mut settings = Settings::baseline();
        settings.config.sandbox = sandbox;
        let world = settings.build().await;
        let location = world
            .log_in_with(|asked| asked.scope = Some("openid profile".to_owned()))
            .await;
        let tokens = world.redeem(&location).await.unwrap();
        let told = [
            claims_of(tokens.id_token.as_deref().unwrap()),
            claims_of(&tokens.access_token),
            userinfo(&world, &tokens.access_token).await,
        ];
        for claims in told {
            assert_eq!(claims.get("test").is_some(), sandbox);
            assert_eq!(claims["test"] == true, sandbox);
        }
    }
}

/// A strict client takes claims of our own making that it did not ask for as a fault; the access
/// token and userinfo say them all the same.
#[tokio::test]
async fn an_id_token_for_openid_alone_has_claims_of_our_own_only_by_name() {
    for (claims, given) in [
        (None, vec![]),
        (Some(r#"{"id_token":{"test":null}}"#), vec!["test"]),
        (
            Some(r#"{"id_token":{"revocation_age":null}}"#),
            vec!["revocation_age"],
        ),
    ] {
        let mut settings = Settings::baseline();
        settings.config.sandbox = true;
        let world = settings.build().await;
        let location = world
            .log_in_with(|asked| {
                asked.scope = Some("openid".to_owned());
                asked.claims = claims.map(str::to_owned);
            })
            .await;
        let tokens = world.redeem(&location).await.unwrap();
        let id_token = claims_of(tokens.id_token.as_deref().unwrap());
        let own = ["revocation_age", "test"].into_iter();
        let own: Vec<_> = own.filter(|name| id_token.get(name).is_some()).collect();
        assert_eq!(own, given);
        let access_token = claims_of(&tokens.access_token);
        assert_eq!(access_token["revocation_age"], json!(3600));
        assert_eq!(access_token["test"], true);
        assert_eq!(userinfo(&world, &tokens.access_token).await["test"], true);
    }
}
