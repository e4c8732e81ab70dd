//! Proofs of possession over HTTP (RFC 9449; attacks F9 and F10).

use cardea_jose::{Algorithm, SigningKey};
use reqwest::Response;
use serde_json::Value;

use crate::card::Card;
use crate::key_client::{KeyClient, Told, nonce, proof, refusal, success, told};
use crate::relying_party::{Request, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp, header};

const TOKEN: (&str, &str) = ("POST", "/token");
const PAR: (&str, &str) = ("POST", "/par");
const USERINFO: (&str, &str) = ("GET", "/userinfo");

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

async fn ask(app: &TestApp, service: &KeyClient, proof: &str) -> Response {
    let request = service.ask(app).header("DPoP", proof);
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_client_learns_the_nonce_from_its_first_answer() {
    let service = KeyClient::new();
    let app = TestApp::start_with(service.registered()).await;
    let key = key();
    let first = ask(&app, &service, &proof(&app, &key, TOKEN, None, None)).await;
    let nonce = header(&first, "dpop-nonce");
    let expected = refusal(400, "use_dpop_nonce", "provider.dpop_nonce_missing");
    assert_eq!(told(first).await, expected);
    let second = proof(&app, &key, TOKEN, None, Some(&nonce));
    let second = ask(&app, &service, &second).await;
    assert!(!header(&second, "dpop-nonce").is_empty());
    assert_eq!(second.status(), 200);
    let tokens: Value = second.json().await.unwrap();
    assert_eq!(tokens["token_type"], "DPoP");
    let discovery: Value = app
        .get("/.well-known/openid-configuration")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let algorithms = &discovery["dpop_signing_alg_values_supported"];
    assert!(algorithms.as_array().unwrap().contains(&"ES256".into()));
}

#[tokio::test]
async fn f9_each_wrong_proof_is_invalid_dpop_proof() {
    let service = KeyClient::new();
    let app = TestApp::start_with(service.registered()).await;
    let key = key();
    let n = nonce(&app).await;
    let n = Some(n.as_str());
    let invalid = |code: &str| refusal(400, "invalid_dpop_proof", code);
    let good = proof(&app, &key, TOKEN, None, n);
    for (name, sent, code) in [
        (
            "htu",
            proof(&app, &key, PAR, None, n),
            "jose.dpop_request_mismatch",
        ),
        (
            "htm",
            proof(&app, &key, ("GET", "/token"), None, n),
            "jose.dpop_request_mismatch",
        ),
        (
            "typ",
            key.sign_jwt_with_jwk("JWT", &service.claims(&app)).unwrap(),
            "jose.type_mismatch",
        ),
        (
            "jwk",
            key.sign_jwt("dpop+jwt", &service.claims(&app)).unwrap(),
            "jose.dpop_key_missing",
        ),
        ("form", "x.y.z".to_owned(), "jose.malformed"),
        ("empty", String::new(), "jose.malformed"),
        (
            "joined",
            format!("{good}, {good}"),
            "provider.dpop_proof_repeated",
        ),
    ] {
        let response = ask(&app, &service, &sent).await;
        assert!(!header(&response, "dpop-nonce").is_empty(), "{name}");
        assert_eq!(told(response).await, invalid(code), "{name}");
    }
    let stale = proof(
        &app,
        &key,
        TOKEN,
        None,
        Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    );
    let stale = ask(&app, &service, &stale).await;
    let expected = refusal(400, "use_dpop_nonce", "provider.dpop_nonce_invalid");
    assert_eq!(told(stale).await, expected);

    let two = service
        .ask(&app)
        .header("DPoP", &good)
        .header("DPoP", &good);
    let two = told(two.send().await.unwrap()).await;
    assert_eq!(two, invalid("provider.dpop_proof_repeated"));
    assert_eq!(told(ask(&app, &service, &good).await).await, success());
    let replayed = told(ask(&app, &service, &good).await).await;
    assert_eq!(replayed, invalid("provider.dpop_proof_replayed"));
}

/// The URL of a proof is compared with the configured issuer's, whatever `Host` says.
#[tokio::test]
async fn f9_the_host_header_decides_nothing() {
    let service = KeyClient::new();
    let mut changes = Changes::behind_proxy("https://id.example.test");
    changes.replace.extend(service.registered().replace);
    let app = TestApp::start_with(changes).await;
    let (key, n) = (key(), nonce(&app).await);
    let honest = proof(&app, &key, TOKEN, None, Some(&n));
    assert_eq!(told(ask(&app, &service, &honest).await).await, success());
    let target = cardea_jose::DpopTarget {
        method: "POST",
        url: "https://evil.test/token",
        access_token: None,
    };
    let now = crate::key_client::now();
    let relayed = cardea_jose::sign_dpop_proof(&key, &target, now, Some(&n)).unwrap();
    let request = service.ask(&app).header("DPoP", relayed);
    let response = request.header("Host", "evil.test").send().await.unwrap();
    let expected = refusal(400, "invalid_dpop_proof", "jose.dpop_request_mismatch");
    assert_eq!(told(response).await, expected);
}

async fn redeem(app: &TestApp, request: &Request, code: &str, proof: Option<String>) -> Response {
    let post = app
        .post("/token")
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
    let mut post = post.form(&request.token_form(code));
    if let Some(proof) = proof {
        post = post.header("DPoP", proof);
    }
    post.send().await.unwrap()
}

#[tokio::test]
async fn f10_a_code_is_bound_by_dpop_jkt_and_by_the_proof_of_a_pushed_request() {
    let app = TestApp::start().await;
    let (own, other) = (key(), key());
    let n = nonce(&app).await;
    let at_token = |key: &SigningKey| proof(&app, key, TOKEN, None, Some(&n));
    let mismatch = refusal(400, "invalid_grant", "provider.code_key_mismatch");
    let by_parameter = async || {
        let request = Request::new().with("dpop_jkt", own.kid());
        let signed_in = sign_in(&app, &request, &Card::pharmacist(&app)).await;
        (request, signed_in.code)
    };
    let by_push = async || {
        let pushed = Request::new();
        let post = app.post("/par").basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
        let post = post.header("DPoP", proof(&app, &own, PAR, None, Some(&n)));
        let response = post.form(&pushed.parameters).send().await.unwrap();
        assert_eq!(response.status(), 201);
        assert!(!header(&response, "dpop-nonce").is_empty());
        let body: Value = response.json().await.unwrap();
        let carried = Request {
            parameters: vec![
                ("client_id", CLIENT_ID.to_owned()),
                (
                    "request_uri",
                    body["request_uri"].as_str().unwrap().to_owned(),
                ),
            ],
            ..pushed
        };
        let signed_in = sign_in(&app, &carried, &Card::pharmacist(&app)).await;
        (carried, signed_in.code)
    };
    for wrong in [None, Some(at_token(&other))] {
        let (request, code) = by_parameter().await;
        let response = redeem(&app, &request, &code, wrong.clone()).await;
        assert_eq!(told(response).await, mismatch);
    }
    let (request, code) = by_push().await;
    let response = redeem(&app, &request, &code, Some(at_token(&other))).await;
    assert_eq!(told(response).await, mismatch);
    for (request, code) in [by_parameter().await, by_push().await] {
        let response = redeem(&app, &request, &code, Some(at_token(&own))).await;
        assert_eq!(told(response).await, success());
    }
    // The parameter and the pushed proof must name one key.
    let contradiction = Request::new().with("dpop_jkt", other.kid());
    let post = app.post("/par").basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
    let post = post.header("DPoP", proof(&app, &own, PAR, None, Some(&n)));
    let response = post.form(&contradiction.parameters).send().await.unwrap();
    let expected = refusal(400, "invalid_dpop_proof", "provider.dpop_jkt_mismatch");
    assert_eq!(told(response).await, expected);
}

/// Status and challenge of a userinfo request.
async fn at_userinfo(
    app: &TestApp,
    (scheme, token): (&str, &str),
    proof: Option<String>,
) -> (u16, String) {
    let value = format!("{scheme} {token}");
    let mut get = app.get("/userinfo").header("Authorization", value);
    if let Some(proof) = proof {
        get = get.header("DPoP", proof);
    }
    let response = get.send().await.unwrap();
    assert!(!header(&response, "dpop-nonce").is_empty());
    let challenge = header(&response, "www-authenticate");
    (response.status().as_u16(), challenge)
}

#[tokio::test]
async fn f10_a_bound_token_is_worth_nothing_without_its_key() {
    let app = TestApp::start().await;
    let (own, other) = (key(), key());
    let n = nonce(&app).await;
    let n = Some(n.as_str());
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &Card::pharmacist(&app)).await;
    let at_token = proof(&app, &own, TOKEN, None, n);
    let response = redeem(&app, &request, &signed_in.code, Some(at_token)).await;
    let tokens: Value = response.json().await.unwrap();
    assert_eq!(tokens["token_type"], "DPoP");
    let token = tokens["access_token"].as_str().unwrap();
    let make = |key: &SigningKey, ath: Option<&str>, n| proof(&app, key, USERINFO, ath, n);
    let good = make(&own, Some(token), n);
    let of_other = make(&other, Some(token), n);
    let (no_ath, wrong_ath) = (make(&own, None, n), make(&own, Some("x"), n));
    let no_nonce = make(&own, Some(token), None);
    let for_post = proof(&app, &own, ("POST", "/userinfo"), Some(token), n);
    for (name, scheme, sent, error) in [
        ("as a bearer", "Bearer", None, "invalid_token"),
        ("with the proof", "Bearer", Some(&good), "invalid_token"),
        ("without a proof", "DPoP", None, "invalid_dpop_proof"),
        ("another key", "DPoP", Some(&of_other), "invalid_token"),
        ("no ath", "DPoP", Some(&no_ath), "invalid_dpop_proof"),
        ("wrong ath", "DPoP", Some(&wrong_ath), "invalid_dpop_proof"),
        ("no nonce", "DPoP", Some(&no_nonce), "use_dpop_nonce"),
        ("for POST", "DPoP", Some(&for_post), "invalid_dpop_proof"),
    ] {
        let (status, challenge) = at_userinfo(&app, (scheme, token), sent.cloned()).await;
        assert_eq!(status, 401, "{name}");
        assert!(challenge.starts_with("DPoP "), "{name}: {challenge}");
        assert!(challenge.contains("algs=\"ES256"), "{name}: {challenge}");
        let error = format!("error=\"{error}\"");
        assert!(challenge.contains(&error), "{name}: {challenge}");
    }
    // RFC 9110 section 11.1: the name of a scheme has no case. Then the same proof again.
    for (scheme, expected) in [("dpop", 200), ("DPoP", 401)] {
        let (status, _) = at_userinfo(&app, (scheme, token), Some(good.clone())).await;
        assert_eq!(status, expected, "{scheme}");
    }
}

#[tokio::test]
async fn a_client_that_registered_bound_tokens_needs_a_proof() {
    let changes = Changes::replacing(
        "name = \"Portail d’essai <&>\"",
        "name = \"Portail\"\ndpop_bound_access_tokens = true",
    );
    let app = TestApp::start_with(changes).await;
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &Card::pharmacist(&app)).await;
    let response = redeem(&app, &request, &signed_in.code, None).await;
    let expected: Told = refusal(400, "invalid_dpop_proof", "provider.dpop_proof_missing");
    assert_eq!(told(response).await, expected);
    let n = nonce(&app).await;
    let proof = proof(&app, &key(), TOKEN, None, Some(&n));
    let response = redeem(&app, &request, &signed_in.code, Some(proof)).await;
    assert_eq!(told(response).await, success());
}

/// Each proof costs its sender a signature and us a look at it; none stops the server.
#[tokio::test]
async fn f9_hostile_headers_are_refused() {
    let service = KeyClient::new();
    let app = TestApp::start_with(service.registered()).await;
    let good = proof(&app, &key(), TOKEN, None, None);
    let (head, rest) = good.split_once('.').unwrap();
    let deep = cardea_jose::base64url("[".repeat(1_500).as_bytes());
    for sent in [
        "x".repeat(6_000),
        ".".repeat(4_000),
        format!("{deep}.{rest}"),
        format!("{head}.{deep}.AA"),
        format!("{head}.{head}.{head}"),
        "Bearer x".to_owned(),
        "=".to_owned(),
    ] {
        let (status, error, _) = told(ask(&app, &service, &sent).await).await;
        assert_eq!(
            (status, error.as_str()),
            (400, "invalid_dpop_proof"),
            "{sent}"
        );
    }
    let bytes = reqwest::header::HeaderValue::from_bytes(b"\xff\xfe").unwrap();
    let response = service.ask(&app).header("DPoP", bytes).send().await;
    let (status, error, _) = told(response.unwrap()).await;
    assert_eq!((status, error.as_str()), (400, "invalid_dpop_proof"));
}
