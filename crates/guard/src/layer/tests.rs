//! An API in Rust behind the layer.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::TokenLayer;
use crate::test_issuer::{TestClient, TestIssuer};
use crate::{Demand, VerifiedAccess};

fn api() -> Router {
    Router::new().route(
        "/records/{id}",
        get(async |access: VerifiedAccess| access.sub().to_owned()),
    )
}

async fn call(api: Router, headers: HeaderMap) -> Response<Body> {
    let mut request = Request::get("/records/1?x=2").body(Body::empty()).unwrap();
    *request.headers_mut() = headers;
    api.oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    let bytes = to_bytes(response.into_body(), 65_536).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_handler_learns_who_it_is_and_a_refusal_says_why_in_two_languages() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer.check(&json!({})).await;
    let layer = TokenLayer::new(check, "https://api.example.fr/");
    let token = issuer.token(&issuer.claims(&client.key));
    let good = call(api().layer(layer.clone()), client.headers(&token)).await;
    assert_eq!(good.status(), StatusCode::OK);
    assert!(good.headers().get("dpop-nonce").is_none());
    assert_eq!(text(good).await, "a-person");

    let refused = call(api().layer(layer.clone()), HeaderMap::new()).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let algorithms = "DPoP algs=\"RS256 PS256 ES256 ES384 EdDSA\"";
    assert_eq!(refused.headers()[header::WWW_AUTHENTICATE], algorithms);
    assert_eq!(
        refused.headers()[header::CONTENT_TYPE],
        "application/problem+json"
    );
    assert_eq!(refused.headers()[header::CONTENT_LANGUAGE], "fr");
    let body: Value = serde_json::from_str(&text(refused).await).unwrap();
    assert_eq!(body["code"], "guard.token_missing");
    assert_eq!(body["title"], "la requête n’a pas de jeton d’accès");
    assert_eq!(
        body["type"],
        format!("{}/errors/guard.token_missing", issuer.url)
    );

    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_LANGUAGE, "en".parse().unwrap());
    headers.insert(
        header::AUTHORIZATION,
        format!("Bearer {token}").parse().unwrap(),
    );
    let refused = call(api().layer(layer), headers).await;
    let challenge = refused.headers()[header::WWW_AUTHENTICATE]
        .to_str()
        .unwrap();
    let begin = format!(
        "{algorithms}, error=\"invalid_token\", \
         error_description=\"guard.token_scheme_mismatch: "
    );
    assert!(challenge.starts_with(&begin), "{challenge}");
    let body: Value = serde_json::from_str(&text(refused).await).unwrap();
    assert_eq!(body["status"], 401);
    assert!(
        body["title"].as_str().unwrap().starts_with("a token bound"),
        "{body}"
    );
}

/// RFC 9470 section 3, RFC 6750 section 3.1.
#[tokio::test]
async fn a_login_that_is_not_enough_is_told_what_would_be() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer.check(&json!({})).await;
    let token = issuer.token(&issuer.claims(&client.key));
    let cases = [
        (
            json!({"acr_values": ["urn:x"], "max_age_seconds": 30}),
            401,
            "insufficient_user_authentication",
            ", acr_values=\"urn:x\", max_age=\"30\"",
        ),
        (
            json!({"max_age_seconds": 30}),
            401,
            "insufficient_user_authentication",
            ", max_age=\"30\"",
        ),
        (
            json!({"scope": ["a", "b"]}),
            403,
            "insufficient_scope",
            ", scope=\"a b\"",
        ),
    ];
    for (demand, status, error, end) in cases {
        let demand: Demand = serde_json::from_value(demand).unwrap();
        let layer = TokenLayer::new(check.clone(), "https://api.example.fr").with_demand(demand);
        let refused = call(api().layer(layer), client.headers(&token)).await;
        assert_eq!(refused.status().as_u16(), status);
        let challenge = refused.headers()[header::WWW_AUTHENTICATE]
            .to_str()
            .unwrap();
        assert!(
            challenge.contains(&format!(", error=\"{error}\"")),
            "{challenge}"
        );
        assert!(challenge.ends_with(end), "{challenge}");
    }
}

#[tokio::test]
async fn where_nonces_are_required_each_answer_brings_one() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer.check(&json!({"dpop_nonce": "required"})).await;
    let layer = TokenLayer::new(check, "https://api.example.fr");
    let token = issuer.token(&issuer.claims(&client.key));
    let refused = call(api().layer(layer.clone()), client.headers(&token)).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let challenge = refused.headers()[header::WWW_AUTHENTICATE]
        .to_str()
        .unwrap();
    assert!(
        challenge.contains("error=\"use_dpop_nonce\""),
        "{challenge}"
    );
    let nonce = refused.headers()["dpop-nonce"].to_str().unwrap().to_owned();
    let mut headers = client.headers(&token);
    headers.insert("dpop", client.proof(&token, Some(&nonce)).parse().unwrap());
    let good = call(api().layer(layer), headers).await;
    assert_eq!(good.status(), StatusCode::OK);
    assert_eq!(good.headers()["dpop-nonce"], nonce.as_str());
}

#[tokio::test]
async fn without_the_layer_nobody_is_somebody() {
    let refused = call(api(), HeaderMap::new()).await;
    assert_eq!(refused.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(text(refused).await.contains("guard.not_checked"));
}

/// What a layer outside has put there is not this layer's word.
#[tokio::test]
async fn an_access_from_elsewhere_does_not_pass() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer.check(&json!({})).await;
    let token = issuer.token(&issuer.claims(&client.key));
    let (headers, demand) = (client.headers(&token), Demand::default());
    let access = crate::test_issuer::ask(&check, &headers, &demand).await;
    let planted = Extension(access.unwrap());
    let layer = TokenLayer::new(check, "https://api.example.fr");
    let refused = call(api().layer(layer).layer(planted), HeaderMap::new()).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

/// Attack F11: a header about a certificate counts from a proxy alone.
#[tokio::test]
async fn f11_a_certificate_header_of_anybody_is_not_read() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer
        .check(&json!({"certificate_header": "rfc9440"}))
        .await;
    let mut claims = issuer.claims(&client.key);
    claims["cnf"] = json!({"x5t#S256": crate::test_issuer::some_digest()});
    let token = issuer.token(&claims);
    let layer = TokenLayer::new(check, "https://api.example.fr").with_certificates(
        crate::CertificateHeader::Rfc9440,
        vec!["127.0.0.1".parse().unwrap()],
    );
    for (peer, code) in [
        (None, "guard.certificate_missing"),
        (Some("192.0.2.1:1"), "guard.certificate_missing"),
        (Some("127.0.0.1:1"), "guard.certificate_header_malformed"),
    ] {
        let mut request = Request::get("/records/1").body(Body::empty()).unwrap();
        let headers = request.headers_mut();
        headers.insert(
            header::AUTHORIZATION,
            format!("Bearer {token}").parse().unwrap(),
        );
        headers.insert("client-cert", ":AAAA:".parse().unwrap());
        if let Some(peer) = peer {
            let peer: std::net::SocketAddr = peer.parse().unwrap();
            request
                .extensions_mut()
                .insert(axum::extract::ConnectInfo(peer));
        }
        let refused = api().layer(layer.clone()).oneshot(request).await.unwrap();
        assert_eq!(refused.headers()["x-cardea-code"], code, "{peer:?}");
    }
}

mod look_ups {
    use super::*;
    use crate::{Adapter, Answer, Guard, LookUps, LookUpsConfig, Rules, Seen, Withheld};

    async fn record(
        axum::extract::RawQuery(patient): axum::extract::RawQuery,
        look_ups: LookUps,
    ) -> Result<String, Withheld> {
        let numbers = [patient.as_deref().unwrap_or("1")];
        look_ups
            .ask(&Seen {
                numbers: &numbers,
                ..Seen::default()
            })
            .await?;
        Ok("a record".to_owned())
    }

    /// The answer of a handler goes out when the guard has allowed it, and never unasked.
    #[tokio::test]
    async fn an_answer_is_withheld_unless_the_guard_allows_it() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, pseudonyms) = crate::test_issuer::portal_keys(folder.path());
        let decider = std::sync::Arc::new(crate::Decider::new(Rules::default()));
        let guard = Guard::assemble(
            decider.clone(),
            &LookUpsConfig::new("records", &keys),
            std::sync::Arc::new(crate::NoReporter),
            std::sync::Arc::new(crate::SystemClock::default()),
        )
        .unwrap();
        let adapter = Adapter::load(&keys, &pseudonyms).unwrap();
        let (issuer, client) = (TestIssuer::start().await, TestClient::new());
        let layer = TokenLayer::new(issuer.check(&json!({})).await, "https://api.example.fr");
        let token = issuer.token(&issuer.claims(&client.key));
        let silent = api().layer(layer.clone().with_look_ups(guard.clone(), adapter.clone()));
        let withheld = call(silent, client.headers(&token)).await;
        assert_eq!(withheld.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(
            withheld.headers()["x-cardea-code"],
            "guard.statement_missing"
        );
        assert!(!text(withheld).await.contains("a-person"));

        let said = || {
            let router = Router::new().route("/records/{id}", get(record));
            router.layer(layer.clone().with_look_ups(guard.clone(), adapter.clone()))
        };
        let good = call(said(), client.headers(&token)).await;
        assert_eq!(good.status(), StatusCode::OK);
        // Others of the same person until she is asked: in this process, as through the proxy.
        let mut act =
            crate::Act::look_up("a-person", "records", crate::Patient::from_pseudonym("p"));
        act.at = crate::Clock::unix_milliseconds(&crate::SystemClock::default());
        let numbers = (0..200).map(|it| crate::Patient::from_pseudonym(&it.to_string()));
        act.patients = numbers.collect();
        assert_eq!(decider.decide(&act).answer, Answer::StepUp);
        let mut headers = client.headers(&token);
        headers.insert(header::ACCEPT_LANGUAGE, "fr".parse().unwrap());
        let mut request = Request::get("/records/1?4711").body(Body::empty()).unwrap();
        *request.headers_mut() = headers;
        let asked = said().oneshot(request).await.unwrap();
        assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
        let challenge = asked.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.starts_with("DPoP "), "{challenge}");
        assert!(
            challenge.contains("error=\"insufficient_user_authentication\""),
            "{challenge}"
        );
        assert!(challenge.contains("max_age=\"0\""), "{challenge}");
        let body: Value = serde_json::from_str(&text(asked).await).unwrap();
        assert_eq!(body["code"], "guard.step_up_required");
        assert!(body["detail"].as_str().unwrap().contains("carte"), "{body}");
        assert!(!body["reasons"].as_array().unwrap().is_empty(), "{body}");
    }
}
