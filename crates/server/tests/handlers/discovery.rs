//! Public documents: metadata, keys, challenge keys, health, error pages.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::test_app::{Changes, TestApp, header};

/// Every address that the document names answers in its own way, and none of them by chance.
#[tokio::test]
async fn each_endpoint_of_the_document_is_one_that_answers() {
    let app = TestApp::start().await;
    let metadata = app.get("/.well-known/openid-configuration").send().await;
    let metadata: Value = metadata.unwrap().json().await.unwrap();
    let members = metadata.as_object().unwrap();
    let named: BTreeSet<_> = members
        .keys()
        .filter(|name| name.ends_with("_endpoint") || name.ends_with("_uri"))
        .map(String::as_str)
        .collect();
    let known = [
        ("authorization_endpoint", "GET", 400),
        ("device_authorization_endpoint", "POST", 401),
        ("end_session_endpoint", "GET", 200),
        ("introspection_endpoint", "POST", 401),
        ("jwks_uri", "GET", 200),
        ("pushed_authorization_request_endpoint", "POST", 401),
        ("revocation_endpoint", "POST", 401),
        ("token_endpoint", "POST", 401),
        ("userinfo_endpoint", "GET", 401),
    ];
    assert_eq!(named, known.map(|(name, _, _)| name).into());
    for (name, method, status) in known {
        let url = members[name].as_str().unwrap();
        assert!(url.starts_with(&app.issuer), "{name}");
        let path = url.strip_prefix(&app.issuer).unwrap();
        let request = match method {
            "GET" => app.get(path),
            _ => app.post(path).form(&[("grant_type", "authorization_code")]),
        };
        assert_eq!(request.send().await.unwrap().status(), status, "{name}");
    }
}

#[tokio::test]
async fn oauth_metadata_is_the_same_document() {
    let app = TestApp::start().await;
    let read = async |path: &str| {
        let response = app.get(path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json::<Value>().await.unwrap()
    };
    let openid = read("/.well-known/openid-configuration").await;
    assert_eq!(
        read("/.well-known/oauth-authorization-server").await,
        openid
    );
}

/// What is signed is what there is a key for; what clients sign has no HMAC and no `none`.
#[tokio::test]
async fn algorithms_and_methods_are_those_that_work() {
    let app = TestApp::start().await;
    let metadata = app.get("/.well-known/openid-configuration").send().await;
    let metadata: Value = metadata.unwrap().json().await.unwrap();
    let keys: Value = app.get("/jwks").send().await.unwrap().json().await.unwrap();
    let keys = keys["keys"].as_array().unwrap().iter();
    let signed: Vec<_> = keys.map(|key| key["alg"].clone()).collect();
    for name in [
        "id_token_signing_alg_values_supported",
        "userinfo_signing_alg_values_supported",
        "authorization_signing_alg_values_supported",
        "introspection_signing_alg_values_supported",
    ] {
        assert_eq!(metadata[name], json!(signed), "{name}");
    }
    for name in [
        "token_endpoint_auth_signing_alg_values_supported",
        "introspection_endpoint_auth_signing_alg_values_supported",
        "revocation_endpoint_auth_signing_alg_values_supported",
        "request_object_signing_alg_values_supported",
        "dpop_signing_alg_values_supported",
    ] {
        let all = json!(["RS256", "PS256", "ES256", "ES384", "EdDSA"]);
        assert_eq!(metadata[name], all, "{name}");
    }
    let confidential = json!([
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt"
    ]);
    let methods = "introspection_endpoint_auth_methods_supported";
    assert_eq!(metadata[methods], confidential);
    for (name, expected) in [
        ("subject_types_supported", json!(["public", "pairwise"])),
        ("response_types_supported", json!(["code"])),
        (
            "response_modes_supported",
            json!(["query", "form_post", "jwt", "query.jwt", "form_post.jwt"]),
        ),
        ("require_signed_request_object", json!(false)),
        ("request_uri_parameter_supported", json!(false)),
    ] {
        assert_eq!(metadata[name], expected, "{name}");
    }
}

/// Attack G10.
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
        json!([
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "urn:ietf:params:oauth:grant-type:device_code"
        ])
    );
    assert_eq!(
        metadata["authorization_response_iss_parameter_supported"],
        true
    );
}

/// The document promises what the operator's `pin_policy` lets a login end in.
#[tokio::test]
async fn levels_in_metadata_follow_the_pin_policy() {
    let pin = "urn:cardea:acr:card-pin";
    let cached = "urn:cardea:acr:card-pin-cached";
    for (policy, levels) in [
        ("strict", json!([pin])),
        ("pharmacy", json!([pin, cached])),
        ("card_alone", json!([pin, cached, "urn:cardea:acr:card"])),
    ] {
        let section = format!("[card]\npin_policy = \"{policy}\"\n\n[presence]");
        let app = TestApp::start_with(Changes::replacing("[presence]", &section)).await;
        let metadata = app.get("/.well-known/openid-configuration").send().await;
        let metadata: Value = metadata.unwrap().json().await.unwrap();
        assert_eq!(metadata["acr_values_supported"], levels, "{policy}");
    }
}

/// Attack G8.
#[tokio::test]
async fn keys_are_public_halves_with_ids() {
    let app = TestApp::start().await;
    let response = app.get("/jwks").send().await.unwrap();
    assert_eq!(header(&response, "cache-control"), "public, max-age=300");
    let keys: Value = response.json().await.unwrap();
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
async fn there_is_no_enrolment_document_until_an_operator_has_one_signed() {
    let app = TestApp::start().await;
    let path = "/.well-known/cardea-enrolment";
    assert_eq!(app.get(path).send().await.unwrap().status(), 404);
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

/// Attack G11.
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

/// Attack G11: what a library would tidy up before it is sent.
#[tokio::test]
async fn dots_and_doubled_slashes_are_no_other_way_to_the_document() {
    let app = TestApp::start().await;
    let address = app.issuer.trim_start_matches("http://").to_owned();
    for path in [
        "/.well-known/openid-configuration/..",
        "/.well-known/openid-configuration/../openid-configuration",
        "/x/../.well-known/openid-configuration",
        "/.well-known/%6fpenid-configuration",
        "/.well-known//openid-configuration",
        "/.well-known/openid-configuration%00",
        "/.well-known/openid-configuration;x=1",
        "/%2e%2e/.well-known/openid-configuration",
        "/.well-known\\openid-configuration",
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap();
        assert!(["400", "404"].contains(&status), "{path}: {status}");
        assert!(!answer.contains("jwks_uri"), "{path}");
    }
}

/// What the conformance suite's module of this name asks of the document and its keys.
#[tokio::test]
async fn oidcc_discovery_endpoint_verification() {
    let issuer = "https://id.example.test";
    let app = TestApp::start_with(Changes::behind_proxy(issuer)).await;
    let read = async |path: &str| {
        let response = app.get(path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "content-type"), "application/json");
        response.json::<Value>().await.unwrap()
    };
    let metadata = read("/.well-known/openid-configuration").await;
    assert_eq!(metadata["issuer"], issuer);
    for (name, value) in metadata.as_object().unwrap() {
        if name.ends_with("_endpoint") || name.ends_with("_uri") {
            let url = value.as_str().unwrap();
            assert!(url.starts_with("https://id.example.test/"), "{name}");
        }
    }
    for (name, required) in [
        ("response_types_supported", "code"),
        ("subject_types_supported", "public"),
        ("id_token_signing_alg_values_supported", "RS256"),
        ("scopes_supported", "openid"),
        ("claims_supported", "sub"),
        ("grant_types_supported", "authorization_code"),
        (
            "token_endpoint_auth_methods_supported",
            "client_secret_basic",
        ),
    ] {
        let values = metadata[name].as_array().unwrap();
        assert!(values.contains(&json!(required)), "{name}");
        let distinct: BTreeSet<_> = values.iter().map(Value::to_string).collect();
        assert_eq!(distinct.len(), values.len(), "{name}");
    }
    let jwks = read("/jwks").await;
    let set: cardea_jose::JwkSet = serde_json::from_value(jwks.clone()).unwrap();
    let mut ids = BTreeSet::new();
    for key in &set.keys {
        assert!(cardea_jose::VerifyingKey::from_jwk(key).is_ok());
        assert_eq!(key.intended_use.as_deref(), Some("sig"));
        assert!(ids.insert(key.kid.clone().unwrap()), "one kid twice");
    }
}
