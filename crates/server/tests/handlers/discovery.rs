//! Public documents: metadata, keys, challenge keys, health, error pages.

use serde_json::{Value, json};

use crate::test_app::{TestApp, header};

#[tokio::test]
async fn metadata_names_the_configured_issuer_whatever_host_is_asked() {
    let app = TestApp::start().await;
    let response = app
        .get("/.well-known/openid-configuration")
        .header("Host", "evil.test")
        .header("X-Forwarded-Host", "evil.test")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "cache-control"), "public, max-age=300");
    let metadata: Value = response.json().await.unwrap();
    assert_eq!(metadata["issuer"], app.issuer.as_str());
    assert_eq!(metadata["token_endpoint"], app.url("/token"));
    // Only what a login can end in: a PIN typed earlier is not accepted by default.
    assert_eq!(
        metadata["acr_values_supported"],
        json!(["urn:cardea:acr:card-pin"])
    );
    assert_eq!(
        metadata["code_challenge_methods_supported"],
        serde_json::json!(["S256"])
    );
    assert_eq!(
        metadata["grant_types_supported"],
        serde_json::json!(["authorization_code"])
    );
    assert_eq!(
        metadata["authorization_response_iss_parameter_supported"],
        true
    );
}

#[tokio::test]
async fn keys_are_public_halves_with_ids() {
    let app = TestApp::start().await;
    let keys: Value = app.get("/jwks").send().await.unwrap().json().await.unwrap();
    let keys = keys["keys"].as_array().unwrap();
    let algorithms: Vec<_> = keys
        .iter()
        .map(|key| key["alg"].as_str().unwrap())
        .collect();
    assert_eq!(algorithms, ["RS256", "ES256", "PS256", "EdDSA"]);
    for key in keys {
        assert!(!key["kid"].as_str().unwrap().is_empty());
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "{private}");
        }
    }
}

#[tokio::test]
async fn challenge_keys_are_given_as_signed() {
    let app = TestApp::start().await;
    let response = app
        .get("/.well-known/cardea-challenge-keys")
        .send()
        .await
        .unwrap();
    assert_eq!(header(&response, "content-type"), "application/jose");
    assert_eq!(response.text().await.unwrap().split('.').count(), 3);
}

#[tokio::test]
async fn health_asks_the_database() {
    let app = TestApp::start().await;
    let health: Value = app
        .get("/healthz")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(health["status"], "ok");
}

#[tokio::test]
async fn each_code_has_a_page_in_the_readers_language() {
    let app = TestApp::start().await;
    let page = |path: &'static str, language: &'static str| {
        let request = app.get(path).header("Accept-Language", language);
        async move { request.send().await.unwrap() }
    };
    let french = page("/errors/login.card_revoked", "fr").await;
    assert_eq!(header(&french, "content-language"), "fr");
    assert!(
        french
            .text()
            .await
            .unwrap()
            .contains("La carte est révoquée")
    );
    let english = page("/errors/login.card_revoked", "en").await;
    assert!(
        english
            .text()
            .await
            .unwrap()
            .contains("The card is revoked")
    );
    let technical = page("/errors/provider.redirect_uri_mismatch", "en").await;
    assert_eq!(technical.status(), 200);
    let unknown = page("/errors/%3Cscript%3E", "en").await;
    assert_eq!(unknown.status(), 404);
    assert!(!unknown.text().await.unwrap().contains("<script>"));
}

#[tokio::test]
async fn odd_ways_of_writing_an_address_lead_nowhere() {
    let app = TestApp::start().await;
    for path in [
        "/.well-known/openid-configuration/",
        "//.well-known/openid-configuration",
        "/.WELL-KNOWN/openid-configuration",
        "/static/..%2fCargo.toml",
        "/static/login.css",
        "/",
    ] {
        assert_eq!(app.get(path).send().await.unwrap().status(), 404, "{path}");
    }
}
