//! Clients that prove themselves at the token endpoint (attacks F3, F4 and F5).

use serde_json::{Value, json};

use crate::key_client::{KeyClient, SERVICE, Told, now, refusal, success, told};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp, header};

const INVALID: &str = "provider.client_assertion_invalid";
const TIME: &str = "provider.client_assertion_time_invalid";
const AUDIENCE: &str = "provider.client_assertion_audience_mismatch";

#[tokio::test]
async fn a_client_proves_itself_by_its_key_at_every_endpoint() {
    let service = KeyClient::new();
    let app = TestApp::start_with(service.registered()).await;
    let answer: Value = service
        .ask(&app)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(answer["token_type"], "Bearer");
    let token = answer["access_token"].as_str().unwrap();
    for path in ["/introspect", "/revoke"] {
        let (typ, assertion) = (
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            service.assertion(&app),
        );
        let form = [
            ("token", token),
            ("client_assertion_type", typ),
            ("client_assertion", &assertion),
        ];
        for expected in [200, 401] {
            let response = app.post(path).form(&form).send().await.unwrap();
            assert_eq!(response.status(), expected, "{path}");
        }
    }
}

/// Asks with an assertion of which one claim was changed.
async fn with_claim(app: &TestApp, service: &KeyClient, name: &str, value: &Value) -> Told {
    let mut claims = service.claims(app);
    claims[name] = value.clone();
    let assertion = service.key.sign_jwt("JWT", &claims).unwrap();
    told(service.ask_with(app, &assertion).send().await.unwrap()).await
}

#[tokio::test]
async fn f4_claims_of_an_assertion_are_for_us_and_of_this_moment() {
    let service = KeyClient::new();
    let app = TestApp::start_with(service.registered()).await;
    let now = now();
    let other_method = "provider.client_authentication_method_mismatch";
    for (name, value, code) in [
        ("aud", json!("https://other.example.test/token"), AUDIENCE),
        ("aud", json!([app.issuer]), AUDIENCE),
        ("sub", json!(CLIENT_ID), other_method),
        ("iss", json!(CLIENT_ID), INVALID),
        ("exp", json!(now - 1), TIME),
        ("exp", json!(now + 7200), TIME),
        ("iat", json!(now + 3600), TIME),
        ("nbf", json!(now + 120), TIME),
        ("jti", json!(null), INVALID),
    ] {
        let expected = refusal(401, "invalid_client", code);
        let outcome = with_claim(&app, &service, name, &value).await;
        assert_eq!(outcome, expected, "{name} {value}");
    }
    let metadata = app.get("/.well-known/openid-configuration").send().await;
    let metadata: Value = metadata.unwrap().json().await.unwrap();
    let endpoint = |name: &str| ("aud", metadata[name].clone());
    for (name, value) in [
        ("nbf", json!(now + 8)),
        endpoint("token_endpoint"),
        endpoint("pushed_authorization_request_endpoint"),
        endpoint("introspection_endpoint"),
        endpoint("revocation_endpoint"),
    ] {
        let outcome = with_claim(&app, &service, name, &value).await;
        assert_eq!(outcome, success(), "{name} {value}");
    }
}

#[tokio::test]
async fn f4_an_assertion_is_signed_by_a_registered_key_and_serves_once() {
    let (service, stranger) = (KeyClient::new(), KeyClient::new());
    let app = TestApp::start_with(service.registered()).await;
    let own = service.assertion(&app);
    let by_stranger = stranger.key.sign_jwt("JWT", &service.claims(&app)).unwrap();
    let (head, rest) = own.split_once('.').unwrap();
    let part = |value: Value| cardea_jose::base64url(value.to_string().as_bytes());
    let with_header = |header: Value| format!("{}.{rest}", part(header));
    let kid = service.key.kid();
    for assertion in [
        by_stranger,
        with_header(json!({ "alg": "none" })),
        with_header(json!({ "alg": "HS256", "kid": kid })),
        with_header(json!({ "alg": "ES256", "kid": stranger.key.kid() })),
        with_header(json!({ "alg": "ES256", "jku": "https://evil.test/jwks" })),
        format!("{head}.{rest}x"),
        "x".to_owned(),
    ] {
        let response = service.ask_with(&app, &assertion).send().await.unwrap();
        let expected = refusal(401, "invalid_client", INVALID);
        assert_eq!(told(response).await, expected, "{assertion}");
    }
    let replayed = refusal(401, "invalid_client", "provider.client_assertion_replayed");
    for expected in [success(), replayed] {
        let response = service.ask_with(&app, &own).send().await.unwrap();
        assert_eq!(told(response).await, expected);
    }
}

#[tokio::test]
async fn f3_one_method_the_registered_one_and_never_in_the_query() {
    let service = KeyClient::new();
    let app = TestApp::start_with(service.registered()).await;
    let repeated = refusal(
        400,
        "invalid_request",
        "provider.client_authentication_repeated",
    );
    let two = service.ask(&app).basic_auth(SERVICE, Some("secret"));
    assert_eq!(told(two.send().await.unwrap()).await, repeated);
    let mismatch = "provider.client_authentication_method_mismatch";
    let mismatch = refusal(401, "invalid_client", mismatch);
    let form = [("grant_type", "client_credentials")];
    let secret = app.post("/token").basic_auth(SERVICE, Some("secret"));
    let response = secret.form(&form).send().await.unwrap();
    assert_eq!(told(response).await, mismatch);
    let malformed = refusal(400, "invalid_request", "server.request_malformed");
    for path in ["/token", "/introspect", "/revoke", "/par"] {
        let query = app.post(&format!("{path}?client_id={CLIENT_ID}&client_secret=x"));
        let query = query.basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
        let response = query.form(&form).send().await.unwrap();
        assert_eq!(told(response).await, malformed, "{path}");
    }
}

#[tokio::test]
async fn f5_guesses_at_a_secret_are_bounded_for_each_client() {
    let limits = "refusals_per_address_and_minute = 1000\nclient_address = \"x_forwarded_for\"";
    let app = TestApp::start_with(Changes::limiting(limits)).await;
    let form = [("grant_type", "authorization_code"), ("code", "x")];
    let attempt = async |secret: &str, path: &str, from: &str| {
        let request = app.post(path).basic_auth(CLIENT_ID, Some(secret));
        let request = request.header("x-forwarded-for", from).form(&form);
        let response = request.send().await.unwrap();
        let retry_after = header(&response, "retry-after");
        let (status, _, code) = told(response).await;
        assert_eq!(retry_after, if status == 429 { "60" } else { "" });
        (status, code)
    };
    let known = "provider.code_unknown".to_owned();
    let failed = "provider.client_authentication_failed".to_owned();
    let throttled = "provider.client_authentication_throttled".to_owned();
    let right = attempt(CLIENT_SECRET, "/token", "192.0.2.1").await;
    assert_eq!(right, (400, known.clone()));
    // The endpoints share one count.
    let paths = ["/token", "/par", "/introspect", "/revoke"];
    for number in 0..20 {
        let outcome = attempt("guess", paths[number % 4], "192.0.2.2").await;
        assert_eq!(outcome, (401, failed.clone()), "{number}");
    }
    let outcome = attempt("guess", "/token", "192.0.2.2").await;
    assert_eq!(outcome, (429, throttled));
    for network in 3..100 {
        for _ in 0..3 {
            attempt("guess", "/token", &format!("192.0.2.{network}")).await;
        }
    }
    // Guessed at from everywhere, the client goes on: from where it was before, from elsewhere,
    // and from the very address that guesses.
    for from in ["192.0.2.1", "198.51.100.1", "192.0.2.2"] {
        for _ in 0..30 {
            let outcome = attempt(CLIENT_SECRET, "/token", from).await;
            assert_eq!(outcome, (400, known.clone()), "{from}");
        }
    }
    // Another client is not concerned.
    let unknown = app.post("/token").basic_auth("nobody", Some("guess"));
    let unknown = unknown.header("x-forwarded-for", "192.0.2.2").form(&form);
    let (status, _, code) = told(unknown.send().await.unwrap()).await;
    assert_eq!((status, code), (401, failed));
}
