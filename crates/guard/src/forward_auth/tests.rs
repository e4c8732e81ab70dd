//! What a proxy asks, and what it is answered.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{ForwardAuth, RequestHeaders, Rule, identity_headers, router};
use crate::TokenCheck;
use crate::peer::Peer;
use crate::test_issuer::{TestClient, TestIssuer};

const PROXY: &str = "127.0.0.1";

fn guard(check: TokenCheck, rules: Value) -> Arc<ForwardAuth> {
    let rules: Vec<Rule> = serde_json::from_value(rules).unwrap();
    assert!(rules.iter().all(|rule| rule.check().is_ok()));
    Arc::new(ForwardAuth {
        check,
        proxies: vec!["127.0.0.1".parse().unwrap()],
        headers: RequestHeaders::Forwarded,
        origins: vec!["https://api.example.fr".to_owned()]
            .try_into()
            .unwrap(),
        certificates: None,
        rules,
        look_ups: None,
        accounts: None,
        reports: None,
        is_stopping: AtomicBool::new(false),
    })
}

fn about(path: &str, mut headers: HeaderMap) -> HeaderMap {
    headers.insert("x-forwarded-method", "GET".parse().unwrap());
    headers.insert("x-forwarded-uri", path.parse().unwrap());
    headers.insert("x-forwarded-proto", "https".parse().unwrap());
    headers.insert("x-forwarded-host", "api.example.fr".parse().unwrap());
    headers
}

fn peer_at(address: &str) -> Peer {
    Peer::At(address.parse().unwrap())
}

async fn ask(guard: &Arc<ForwardAuth>, peer: &str, at: &str, headers: HeaderMap) -> Response<Body> {
    let mut request = Request::get(at).body(Body::empty()).unwrap();
    *request.headers_mut() = headers;
    request.extensions_mut().insert(peer_at(peer));
    router(Arc::clone(guard)).oneshot(request).await.unwrap()
}

fn code(response: &Response<Body>) -> &str {
    response.headers()["x-cardea-code"].to_str().unwrap()
}

async fn body(response: Response<Body>) -> Value {
    let bytes = to_bytes(response.into_body(), 65_536).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_proxy_is_told_who_it_is_and_nobody_else_is_answered() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let guard = guard(issuer.check(&json!({})).await, json!([]));
    let token = issuer.token(&issuer.claims(&client.key));
    let headers = || about("/records/1?a=b", client.headers(&token));
    let good = ask(&guard, PROXY, "/auth", headers()).await;
    assert_eq!(good.status(), StatusCode::OK);
    assert_eq!(good.headers()["x-cardea-sub"], "a-person");
    assert_eq!(good.headers()["x-cardea-amr"], "sc pin hwk mfa");
    assert_eq!(good.headers()["x-cardea-binding"], "dpop");
    // Also what there is nothing to say of, so that a proxy writes over a client's own.
    for name in identity_headers::NAMES {
        assert!(
            good.headers().contains_key(HeaderName::from_static(name)),
            "{name}"
        );
    }
    assert_eq!(good.headers()["x-cardea-profession"], "");
    let refused = ask(&guard, "192.0.2.1", "/auth", headers()).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(code(&refused), "guard.proxy_unknown");
    let refused = ask(&guard, PROXY, "/auth", client.headers(&token)).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(code(&refused), "guard.forwarded_header_malformed");
    // The proof is for another path than the one that is asked for.
    let refused = ask(
        &guard,
        PROXY,
        "/auth",
        about("/records/2", client.headers(&token)),
    )
    .await;
    assert_eq!(code(&refused), "guard.dpop_proof_invalid");
}

#[tokio::test]
async fn every_rule_that_matches_counts_and_no_path_slips_past() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let rules = json!([
        {"scope": ["records.read"]},
        {"path_prefix": "/records/", "acr_values": ["urn:cardea:acr:card-pin"]},
        {"path_prefix": "/records/1", "methods": ["GET"], "max_age_seconds": 10},
        {"path_prefix": "/records/1", "methods": ["POST"], "scope": ["nobody.has.it"]},
        {"path_prefix": "/admin", "scope": ["admin"]},
    ]);
    let guard = guard(issuer.check(&json!({})).await, rules);
    let token = issuer.token(&issuer.claims(&client.key));
    let say = async |path: &str| {
        let headers = about(path, client.headers(&token));
        let said = ask(&guard, PROXY, "/auth", headers).await;
        code(&said).to_owned()
    };
    // The proof is for /records/1, so that what gets past the rules is refused by it.
    assert_eq!(say("/records/1").await, "guard.authentication_too_old");
    for path in ["/adm", "/admins", "/records"] {
        assert_eq!(say(path).await, "guard.dpop_proof_invalid", "{path}");
    }
    for path in [
        "/records/../admin",
        "/records/%2e%2E/admin",
        "//admin",
        "/records%2f1",
        "/records\\1",
        "/./admin",
        "/admin;x",
        "/%2561dmin",
    ] {
        assert_eq!(say(path).await, "guard.path_ambiguous", "{path}");
    }
    for bad in [
        json!({"path_prefix": "records"}),
        json!({"path_prefix": "/a/../b"}),
        json!({"methods": ["get"]}),
        json!({"methods": [""]}),
    ] {
        let rule: Rule = serde_json::from_value(bad.clone()).unwrap();
        assert!(rule.check().is_err(), "{bad}");
    }
    assert!(serde_json::from_value::<Rule>(json!({"path": "/"})).is_err());
}

#[tokio::test]
async fn a_refusal_can_be_told_again_in_words() {
    let issuer = TestIssuer::start().await;
    let guard = guard(issuer.check(&json!({})).await, json!([]));
    let headers = |pairs: &[(&'static str, &str)]| {
        let pairs = pairs.iter();
        let pairs =
            pairs.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        pairs.collect::<HeaderMap>()
    };
    let said = headers(&[
        ("x-cardea-code", "guard.session_ended"),
        ("x-cardea-status", "403"),
        ("x-cardea-challenge", "DPoP error=\"invalid_token\""),
        ("x-cardea-nonce", "n"),
        ("accept-language", "en"),
    ]);
    let told = ask(&guard, PROXY, "/refusal", said.clone()).await;
    assert_eq!(told.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        told.headers()["www-authenticate"],
        "DPoP error=\"invalid_token\""
    );
    assert_eq!(told.headers()["dpop-nonce"], "n");
    let told = body(told).await;
    assert_eq!(told["code"], "guard.session_ended");
    assert!(told["detail"].as_str().unwrap().contains("card"), "{told}");
    // nginx passes this one on by itself.
    let mut unauthorized = said.clone();
    unauthorized.insert("x-cardea-status", "401".parse().unwrap());
    let told = ask(&guard, PROXY, "/refusal", unauthorized).await;
    assert_eq!(told.status(), StatusCode::UNAUTHORIZED);
    assert!(told.headers().get("www-authenticate").is_none());
    let refused = ask(&guard, "192.0.2.1", "/refusal", said).await;
    assert_eq!(code(&refused), "guard.proxy_unknown");
    for odd in [
        headers(&[]),
        headers(&[("x-cardea-code", "<script>"), ("x-cardea-status", "200")]),
    ] {
        let told = ask(&guard, PROXY, "/refusal", odd).await;
        assert_eq!(told.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(code(&told), "guard.not_ready");
    }
}

#[tokio::test]
async fn health_says_what_keeps_everybody_out() {
    let issuer = TestIssuer::start().await;
    issuer.say(|says| says.is_down = true);
    let check = TokenCheck::start_at(
        &issuer.config(&json!({"revocation": "event_stream"})),
        issuer.clock.clone(),
    );
    let guard = guard(check.unwrap(), json!([]));
    let ready = async || ask(&guard, "192.0.2.1", "/readyz", HeaderMap::new()).await;
    crate::test_issuer::until(|| guard.check.issuer_trouble().is_some()).await;
    let said = ready().await;
    assert_eq!(said.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said = body(said).await;
    assert_eq!(said["code"], "guard.not_ready");
    assert_eq!(said["issuer"], "guard.issuer_unreachable");
    assert_eq!(said["event_stream"], "silent");
    let alive = ask(&guard, "192.0.2.1", "/healthz", HeaderMap::new()).await;
    assert_eq!(alive.status(), StatusCode::OK);
    issuer.say(|says| says.is_down = false);
    crate::test_issuer::until(|| guard.check.check_stream().is_ok()).await;
    let said = ready().await;
    assert_eq!(said.status(), StatusCode::OK);
    assert_eq!(
        body(said).await,
        json!({"ready": true, "event_stream": "heard"})
    );
    guard
        .is_stopping
        .store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(ready().await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

/// What waits for the issuer, and that nobody is answered when no more may wait.
#[tokio::test]
async fn health_says_how_it_is_with_accounts_and_reports() {
    use crate::{Act, Decider, Decision, Patient, Report, ReportedToken, Reporter as _, Rules};

    let issuer = TestIssuer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut spool = crate::SpoolConfig::in_folder(folder.path());
    spool.bytes_max = 1;
    let mut state = guard(issuer.check(&json!({})).await, json!([]));
    let token = issuer.config(&json!({}));
    let reports = crate::Reports::start(&spool, &token, issuer.clock.clone()).unwrap();
    let inner = Arc::get_mut(&mut state).unwrap();
    inner.reports = Some(reports.clone());
    inner.accounts = Some(Arc::new(Decider::new(Rules::default())));
    let ready = async || ask(&state, PROXY, "/readyz", HeaderMap::new()).await;
    let nothing_waits = json!({"waiting": 0, "oldest_seconds": 0, "refused": 0});
    let said = ready().await;
    assert_eq!(said.status(), StatusCode::OK);
    let expected = json!({
        "ready": true, "event_stream": "off", "accounts": "good", "reports": nothing_waits,
    });
    assert_eq!(body(said).await, expected);
    issuer.say(|says| says.is_down = true);
    let act = Act::look_up("sub-1", "records", Patient::from_pseudonym("p-1"));
    let token = ReportedToken {
        client_id: "portal",
        sid: None,
        jti: "a-token",
    };
    let report = Report::new(&act, &Decision::allow(), &token, vec!["p-1".to_owned()]);
    reports.record(report.clone()).await.unwrap();
    let refused = reports.record(report).await.unwrap_err();
    assert_eq!(refused.code(), "guard.spool_failed");
    crate::test_issuer::until(|| reports.health().code.is_some()).await;
    let said = ready().await;
    assert_eq!(said.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said = body(said).await;
    assert_eq!(said["code"], "guard.spool_failed");
    assert_eq!(said["reports"]["waiting"], 1);
    assert_eq!(said["reports"]["code"], "guard.reports_not_delivered");
}

/// The whole way of a portal: the reference that the proxy got, and a statement about the answer.
#[tokio::test]
async fn a_portal_asks_before_it_answers_and_nobody_else_is_judged_for() {
    use crate::{Adapter, Guard, LookUpsConfig, Rules, Seen};

    let folder = tempfile::tempdir().unwrap();
    let (keys, pseudonyms) = crate::test_issuer::portal_keys(folder.path());
    let judge = Guard::new(Rules::default(), &LookUpsConfig::new("records", &keys)).unwrap();
    let adapter = Adapter::load(&keys, &pseudonyms).unwrap();
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let portals = vec!["127.0.0.1".parse().unwrap()];
    let mut state = guard(issuer.check(&json!({})).await, json!([]));
    Arc::get_mut(&mut state).unwrap().look_ups = Some((judge, portals));
    let token = issuer.token(&issuer.claims(&client.key));
    let headers = about("/records/1", client.headers(&token));
    let passed = ask(&state, PROXY, "/auth", headers).await;
    let access = passed.headers()["x-cardea-access"]
        .to_str()
        .unwrap()
        .to_owned();
    let question = async |peer: &str, body: String| {
        let mut request = Request::post("/look-ups").body(Body::from(body)).unwrap();
        request.extensions_mut().insert(peer_at(peer));
        let router = router(Arc::clone(&state));
        router.oneshot(request).await.unwrap()
    };
    let about = |numbers: &[&str]| {
        let seen = Seen {
            numbers,
            ..Seen::default()
        };
        let statement = adapter.sealed("a-session", &seen).unwrap();
        json!({"access": access, "statement": statement}).to_string()
    };
    let allowed = question(PROXY, about(&["1"])).await;
    assert_eq!(allowed.status(), StatusCode::OK);
    assert_eq!(body(allowed).await, json!({"answer": "allow"}));
    let refused = question("192.0.2.1", about(&["1"])).await;
    assert_eq!(code(&refused), "guard.portal_unknown");
    let refused = question(PROXY, "{}".to_owned()).await;
    assert_eq!(code(&refused), "guard.statement_malformed");
    let forged = json!({"access": access, "statement": access}).to_string();
    let refused = question(PROXY, forged).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(code(&refused), "guard.statement_forged");
    let too_long = "x".repeat(100_000);
    let refused = question(PROXY, too_long).await;
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    // Five hundred at once: asked for a signature, then slowly, then no more.
    let mut codes = Vec::new();
    for round in 0..20 {
        let numbers: Vec<_> = (0..30)
            .map(|it| (round * 1_000 + it * 31).to_string())
            .collect();
        let numbers: Vec<_> = numbers.iter().map(String::as_str).collect();
        let said = question(PROXY, about(&numbers)).await;
        if said.status() != StatusCode::OK {
            codes.push(refusal(said).await);
        }
    }
    codes.dedup();
    assert_eq!(
        codes,
        [
            "guard.step_up_required",
            "guard.slow_down",
            "guard.session_stopped"
        ]
    );
}

/// The code of an answer that holds something back, which has its status and its words.
async fn refusal(said: Response<Body>) -> String {
    let said_code = code(&said).to_owned();
    match said_code.as_str() {
        "guard.step_up_required" => assert_eq!(said.status(), StatusCode::UNAUTHORIZED),
        "guard.slow_down" => {
            assert_eq!(said.status(), StatusCode::TOO_MANY_REQUESTS);
            assert!(said.headers().contains_key("retry-after"));
        }
        _ => assert_eq!(said.status(), StatusCode::FORBIDDEN, "{said_code}"),
    }
    let said = body(said).await;
    assert!(!said["detail"].as_str().unwrap().is_empty(), "{said}");
    said_code
}
