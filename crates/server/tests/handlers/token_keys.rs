//! Which key a token names, and what becomes of tokens when a key is replaced.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::card::Card;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{TestApp, header};

/// A login that has an access token.
async fn access_token(app: &TestApp, card: &Card) -> String {
    let request = Request::new();
    let signed_in = sign_in(app, &request, card).await;
    let tokens: Value = request
        .redeem(app, &signed_in.code)
        .await
        .json()
        .await
        .unwrap();
    tokens["access_token"].as_str().unwrap().to_owned()
}

async fn userinfo(app: &TestApp, token: &str) -> u16 {
    let response = app
        .get("/userinfo")
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    if response.status() == 401 {
        let challenge = header(&response, "www-authenticate");
        assert!(challenge.contains("invalid_token"), "{challenge}");
    }
    response.status().as_u16()
}

/// Attack G3: a `kid` is compared with those in memory, whatever it says.
#[tokio::test]
async fn g3_a_key_id_leads_nowhere() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let token = access_token(&app, &card).await;
    assert_eq!(userinfo(&app, &token).await, 200);
    let mut parts = token.split('.');
    let genuine = URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
    let genuine: Value = serde_json::from_slice(&genuine).unwrap();
    let rest: Vec<_> = parts.collect();
    let not_ours = SigningKey::generate(Algorithm::Rs256).unwrap();
    let long = "x".repeat(10 * 1024);
    for kid in [
        "../../../../etc/passwd",
        "keys/token-es256.pem",
        "' OR '1'='1",
        "https://evil.test/jwks",
        "\r\nX-Injected: 1",
        "",
        long.as_str(),
        not_ours.kid(),
    ] {
        let mut head = genuine.clone();
        head["kid"] = json!(kid);
        let head = URL_SAFE_NO_PAD.encode(head.to_string());
        let forged = format!("{head}.{}", rest.join("."));
        assert_eq!(userinfo(&app, &forged).await, 401, "{kid}");
    }
}

/// Attack G9: a token of the replaced key within the overlap, and after its retirement.
#[tokio::test]
async fn g9_tokens_of_a_replaced_key_live_as_long_as_it_is_published() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let token = access_token(&app, &card).await;
    let keys = app.folder().join("keys");
    let retired = keys.join("retired-token-rs256.pem");
    fs::rename(keys.join("token-rs256.pem"), &retired).unwrap();
    let app = app.restart().await;
    assert_eq!(userinfo(&app, &token).await, 200, "within the overlap");
    let published: Value = app.get("/jwks").send().await.unwrap().json().await.unwrap();
    assert_eq!(published["keys"].as_array().unwrap().len(), 5);
    fs::remove_file(retired).unwrap();
    let app = app.restart().await;
    assert_eq!(userinfo(&app, &token).await, 401, "after its retirement");
}
