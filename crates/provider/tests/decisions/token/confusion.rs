//! One kind of token in the place of another, and claims that are not what they should be (attacks
//! G5 and G6), signed with our own key so that nothing but the rule refuses them.

use cardea_jose::Algorithm;
use cardea_oauth2_types::ErrorCode;
use serde_json::{Value, json};

use super::super::world::{PORTAL, Settings, World, claims_of, parameters, token_key};

/// An access token whose claims were changed.
fn access_token(claims: &Value) -> String {
    token_key(Algorithm::Rs256)
        .sign_jwt("at+jwt", claims)
        .unwrap()
}

#[tokio::test]
async fn g5_no_kind_of_token_passes_for_another() {
    let mut settings = Settings::refreshing();
    settings.client(PORTAL).userinfo_signed_response_alg = Some(Algorithm::Rs256);
    let world = settings.build().await;
    let (completed, key) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let id_token = tokens.id_token.as_deref().unwrap();
    let userinfo = world.signed_userinfo(&tokens.access_token).await;
    world.depart(&key).await;
    let logout_token = world.deliveries().await.remove(0).logout_token;

    for other in [id_token, &userinfo, &logout_token] {
        let error = world.userinfo(other).await.unwrap_err();
        assert_eq!(error.oauth_error(), ErrorCode::InvalidToken);
        assert_eq!(error.code(), "provider.access_token_invalid");
    }
    for other in [&tokens.access_token, &userinfo, &logout_token] {
        let mut asked = parameters(PORTAL);
        asked.id_token_hint = Some(other.clone());
        let error = world.provider.begin_authorization(asked, None).await;
        let code = error.err().unwrap().code();
        assert_eq!(code, "provider.id_token_hint_invalid");
    }
}

#[tokio::test]
async fn g6_claims_of_another_kind_or_value_are_refused() {
    let world = World::new().await;
    let (completed, _) = world.log_in(PORTAL, None).await;
    let tokens = world.redeem(&completed.location).await.unwrap();
    let baseline = claims_of(&tokens.access_token);
    world.userinfo(&access_token(&baseline)).await.unwrap();

    let invalid = "provider.access_token_invalid";
    let audience = "provider.access_token_audience_mismatch";
    let cases = [
        ("iss", json!("https://id.example.fr/"), invalid),
        ("iss", json!(["https://id.example.fr"]), invalid),
        ("iss", Value::Null, invalid),
        ("aud", json!("https://id.example.fr/"), audience),
        ("aud", json!([]), audience),
        ("aud", json!([1]), invalid),
        ("aud", Value::Null, invalid),
        ("exp", json!("4102444800"), invalid),
        ("exp", json!(4_102_444_800.5), invalid),
        ("exp", json!(1e300), invalid),
        ("exp", json!(u64::MAX), invalid),
        ("exp", Value::Null, invalid),
        ("exp", json!(-1), "provider.access_token_expired"),
        ("jti", json!("another"), "provider.access_token_revoked"),
        ("jti", Value::Null, invalid),
    ];
    for (name, value, code) in cases {
        let mut claims = baseline.clone();
        claims[name] = value.clone();
        let error = world.userinfo(&access_token(&claims)).await.unwrap_err();
        assert_eq!(error.code(), code, "{name} {value}");
        claims.as_object_mut().unwrap().remove(name);
        world.userinfo(&access_token(&claims)).await.unwrap_err();
    }
}

#[tokio::test]
async fn g15_an_access_token_says_nothing_of_the_person() {
    let world = Settings::refreshing().build().await;
    let location = world
        .log_in_with(|asked| {
            let claims = r#"{"userinfo":{"name":null},"id_token":{"family_name":null}}"#;
            asked.claims = Some(claims.to_owned());
        })
        .await;
    let tokens = world.redeem(&location).await.unwrap();
    let told = world.userinfo(&tokens.access_token).await.unwrap();
    let claims = claims_of(&tokens.access_token);
    let events = world.events().await;
    let details: Vec<&str> = events.iter().map(|it| it.details.as_str()).collect();
    let seen = format!("{claims} {}", details.join(" "));
    for name in ["name", "given_name", "family_name", "subject_id"] {
        let value = told[name].as_str().unwrap();
        assert!(!seen.contains(value), "{name}");
        assert_eq!(claims.get(name), None);
    }
}
