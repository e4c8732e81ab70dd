//! Each rule of the token check: one case that it lets in, and cases that break it alone.

use cardea_jose::{Algorithm, SigningKey, sha256_base64url};
use serde_json::{Value, json};

use super::{Binding, Demand, TokenConfig};
use crate::test_issuer::{AUDIENCE, NOW, TestClient, TestIssuer, ask, headers, merge, some_digest};

fn anything() -> Demand {
    Demand::default()
}

/// What is said of a good token after its claims were changed.
async fn with(changes: Value) -> Result<(), &'static str> {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer.check(&json!({})).await;
    let mut claims = issuer.claims(&client.key);
    merge(&mut claims, &changes);
    let token = issuer.token(&claims);
    ask(&check, &client.headers(&token), &anything())
        .await
        .map(|_| ())
}

#[tokio::test]
async fn a_good_token_says_whose_request_it_is() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer.check(&json!({})).await;
    let mut claims = issuer.claims(&client.key);
    merge(
        &mut claims,
        &json!({"profession": {"code": "21", "system": "TRE_G15"}}),
    );
    let token = issuer.token(&claims);
    let access = ask(&check, &client.headers(&token), &anything())
        .await
        .unwrap();
    assert_eq!((access.sub(), access.client_id()), ("a-person", "portal"));
    assert_eq!((access.sid(), access.jti()), (Some("a-session"), "a-token"));
    assert_eq!(access.acr(), Some("urn:cardea:acr:card-pin"));
    assert_eq!(access.amr(), ["sc", "pin", "hwk", "mfa"]);
    assert_eq!(access.auth_time(), Some(NOW - 60));
    assert_eq!(access.scope(), "openid records.read");
    assert_eq!(access.profession(), Some("TRE_G15/21"));
    assert_eq!(access.binding(), Binding::Dpop);
}

#[tokio::test]
async fn a_header_that_is_not_one_scheme_and_one_token_is_refused() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer.check(&json!({})).await;
    let token = issuer.token(&issuer.claims(&client.key));
    let none = axum::http::HeaderMap::new();
    let missing = Err("guard.token_missing");
    assert_eq!(ask(&check, &none, &anything()).await, missing);
    let basic = headers("Basic YTpi", None);
    assert_eq!(ask(&check, &basic, &anything()).await, missing);
    let long = format!("DPoP {}", "a".repeat(8193));
    let spaced = format!("DPoP {token} {token}");
    for text in ["DPoP", "DPoP ", "DPoP a,b", &long, &spaced] {
        let refused = ask(&check, &headers(text, None), &anything()).await;
        assert_eq!(refused, Err("guard.authorization_malformed"), "{text}");
    }
    let mut twice = client.headers(&token);
    twice.append("authorization", twice["authorization"].clone());
    let refused = ask(&check, &twice, &anything()).await;
    assert_eq!(refused, Err("guard.authorization_malformed"));
    let mut twice = client.headers(&token);
    twice.append("dpop", twice["dpop"].clone());
    let refused = ask(&check, &twice, &anything()).await;
    assert_eq!(refused, Err("guard.dpop_proof_malformed"));
    // Schemes have no case (RFC 9110 section 11.1).
    let proof = client.proof(&token, None);
    let good = headers(&format!("dpop {token}"), Some(&proof));
    assert!(ask(&check, &good, &anything()).await.is_ok());
}

/// Attacks G1, G2, G4 and G7.
#[tokio::test]
async fn what_the_issuer_did_not_sign_as_an_access_token_is_refused() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer.check(&json!({})).await;
    let claims = issuer.claims(&client.key);
    let good = issuer.token(&claims);
    let parts: Vec<_> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("{good}")
    };
    let of = |header: &Value| cardea_jose::base64url(header.to_string().as_bytes());
    let none = of(&json!({"alg": "none", "typ": "at+jwt", "kid": issuer.key.kid()}));
    let hmac = of(&json!({"alg": "HS256", "typ": "at+jwt", "kid": issuer.key.kid()}));
    let no_kid = of(&json!({"alg": "ES256", "typ": "at+jwt"}));
    let rsa = of(&json!({"alg": "RS256", "typ": "at+jwt", "kid": issuer.key.kid()}));
    let jku = of(&json!({"alg": "ES256", "typ": "at+jwt", "kid": issuer.key.kid(), "jku": "x"}));
    let changed = cardea_jose::base64url(claims.to_string().replace("a-person", "b").as_bytes());
    let cases = [
        (
            "no algorithm",
            format!("{none}.{payload}."),
            "token_malformed",
        ),
        (
            "our key as a secret",
            format!("{hmac}.{payload}.{signature}"),
            "token_malformed",
        ),
        (
            "no name",
            format!("{no_kid}.{payload}.{signature}"),
            "token_key_unknown",
        ),
        (
            "another kind",
            format!("{rsa}.{payload}.{signature}"),
            "token_algorithm_not_allowed",
        ),
        (
            "an address",
            format!("{jku}.{payload}.{signature}"),
            "token_malformed",
        ),
        (
            "changed",
            format!("{header}.{changed}.{signature}"),
            "token_signature_invalid",
        ),
        ("cut", format!("{header}.{payload}"), "token_malformed"),
    ];
    for (name, token, code) in cases {
        let refused = ask(&check, &client.headers(&token), &anything()).await;
        assert_eq!(refused.unwrap_err(), format!("guard.{code}"), "{name}");
    }
    assert!(
        ask(&check, &client.headers(&good), &anything())
            .await
            .is_ok()
    );
}

/// Attacks G3 and G5: a statement of another type, and another's statement.
#[tokio::test]
async fn another_kind_of_token_and_anothers_token_are_refused() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer.check(&json!({})).await;
    let claims = issuer.claims(&client.key);
    let foreign = SigningKey::generate(Algorithm::Es256).unwrap();
    for (key, typ, code) in [
        (&issuer.key, "JWT", "guard.token_type_mismatch"),
        (&issuer.key, "secevent+jwt", "guard.token_type_mismatch"),
        (&foreign, "at+jwt", "guard.token_key_unknown"),
    ] {
        let token = key.sign_jwt(typ, &claims).unwrap();
        let refused = ask(&check, &client.headers(&token), &anything()).await;
        assert_eq!(refused, Err(code), "{typ}");
    }
}

/// Media types have no case, and may be written out (RFC 9068 section 4).
#[tokio::test]
async fn the_type_of_a_token_may_be_written_out() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer.check(&json!({})).await;
    let claims = issuer.claims(&client.key);
    let whole = issuer.key.sign_jwt("application/AT+jwt", &claims).unwrap();
    let mut other = headers(&format!("DPoP {whole}"), None);
    other.insert("dpop", client.proof(&whole, None).parse().unwrap());
    assert!(ask(&check, &other, &anything()).await.is_ok());
}

#[tokio::test]
async fn an_algorithm_that_is_not_configured_is_refused() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let token = issuer.token(&issuer.claims(&client.key));
    let check = issuer.check(&json!({"algorithms": ["PS256"]})).await;
    let refused = ask(&check, &client.headers(&token), &anything()).await;
    assert_eq!(refused, Err("guard.token_algorithm_not_allowed"));
    let check = issuer.check(&json!({"algorithms": ["ES256"]})).await;
    assert!(
        ask(&check, &client.headers(&token), &anything())
            .await
            .is_ok()
    );
}

/// Attacks G6 and G7.
#[tokio::test]
async fn claims_of_another_form_are_refused() {
    for changes in [
        json!({"exp": "1796000120"}),
        json!({"exp": 1e300}),
        json!({"exp": null}),
        json!({"sub": ""}),
        json!({"sub": "a\r\nX-Cardea-Sub: b"}),
        json!({"sub": "é"}),
        json!({"sid": "a".repeat(600)}),
        json!({"jti": null}),
        json!({"client_id": null}),
        json!({"scope": "a\u{7f}"}),
        json!({"amr": vec!["x"; 40]}),
        json!({"aud": {}}),
    ] {
        assert_eq!(
            with(changes.clone()).await,
            Err("guard.token_malformed"),
            "{changes}"
        );
    }
}

#[tokio::test]
async fn another_issuer_or_audience_is_refused() {
    let mismatch = Err("guard.token_issuer_mismatch");
    assert_eq!(with(json!({"iss": "https://id.evil.test"})).await, mismatch);
    let other = Err("guard.token_audience_mismatch");
    for aud in [
        json!("https://api.example.fr"),
        json!([]),
        json!(["https://other.example.fr/"]),
    ] {
        assert_eq!(with(json!({ "aud": aud })).await, other);
    }
    let among = json!(["https://other.example.fr/", AUDIENCE]);
    assert_eq!(with(json!({ "aud": among })).await, Ok(()));
}

#[tokio::test]
async fn a_token_counts_between_its_times_with_five_seconds_of_tolerance() {
    for (changes, expected) in [
        (json!({"exp": NOW - 4}), Ok(())),
        (json!({"exp": NOW - 5}), Err("guard.token_expired")),
        (json!({"iat": NOW + 5}), Ok(())),
        (json!({"iat": NOW + 6}), Err("guard.token_not_yet_valid")),
        (json!({"nbf": NOW + 5}), Ok(())),
        (json!({"nbf": NOW + 6}), Err("guard.token_not_yet_valid")),
        (
            json!({"auth_time": NOW + 6}),
            Err("guard.token_not_yet_valid"),
        ),
        (json!({"exp": NOW + 600}), Ok(())),
        (
            json!({"exp": NOW + 601}),
            Err("guard.token_lifetime_excessive"),
        ),
        (json!({"iat": -1}), Err("guard.token_lifetime_excessive")),
    ] {
        assert_eq!(with(changes.clone()).await, expected, "{changes}");
    }
}

#[tokio::test]
async fn a_place_may_ask_for_scope_class_methods_and_age() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer.check(&json!({})).await;
    let mut claims = issuer.claims(&client.key);
    merge(
        &mut claims,
        &json!({"acr": "urn:cardea:acr:card-pin-cached"}),
    );
    let person = issuer.token(&claims);
    let nobody = json!({"acr": null, "amr": null, "auth_time": null, "sid": null});
    merge(&mut claims, &nobody);
    let service = issuer.token(&claims);
    merge(&mut claims, &json!({"acr": "eidas1"}));
    let eidas = issuer.token(&claims);
    for (token, demand, expected) in demands() {
        let token = [&person, &service, &eidas][token];
        let demand_read: Demand = serde_json::from_value(demand.clone()).unwrap();
        let outcome = ask(&check, &client.headers(token), &demand_read).await;
        assert_eq!(outcome.map(|_| ()), expected, "{demand}");
    }
}

/// Whose token, what is asked, and what comes of it.
fn demands() -> Vec<(usize, Value, Result<(), &'static str>)> {
    let (person, service, eidas) = (0, 1, 2);
    let scope = Err("guard.scope_insufficient");
    let (acr, amr) = (Err("guard.acr_insufficient"), Err("guard.amr_insufficient"));
    let old = Err("guard.authentication_too_old");
    let class = |name: &str| json!({ "acr_values": [name] });
    let both = json!({"scope": ["records.read", "records.write"]});
    vec![
        (person, json!({"scope": ["records.read"]}), Ok(())),
        (person, json!({"scope": ["records"]}), scope),
        (person, both, scope),
        (person, class("urn:cardea:acr:card"), Ok(())),
        (person, class("urn:cardea:acr:card-pin-cached"), Ok(())),
        (person, class("urn:cardea:acr:card-pin"), acr),
        (person, class("eidas1"), acr),
        (eidas, class("eidas1"), Ok(())),
        (eidas, class("urn:cardea:acr:card"), acr),
        (service, class("urn:cardea:acr:card"), acr),
        (person, json!({"amr": ["pin", "sc"]}), Ok(())),
        (person, json!({"amr": ["fpt"]}), amr),
        (service, json!({"amr": ["pin"]}), amr),
        (person, json!({"max_age_seconds": 60}), Ok(())),
        (person, json!({"max_age_seconds": 55}), Ok(())),
        (person, json!({"max_age_seconds": 54}), old),
        (service, json!({"max_age_seconds": 3600}), old),
        (service, json!({}), Ok(())),
    ]
}

#[tokio::test]
async fn nobody_gets_in_before_the_issuer_has_answered() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    issuer.say(|says| says.is_down = true);
    let config = issuer.config(&json!({}));
    let check = super::TokenCheck::start_at(&config, issuer.clock.clone()).unwrap();
    let token = issuer.token(&issuer.claims(&client.key));
    let refused = ask(&check, &client.headers(&token), &anything()).await;
    assert_eq!(refused, Err("guard.not_ready"));
    crate::test_issuer::until(|| check.issuer_trouble() == Some("guard.issuer_unreachable")).await;
    // Another's document under the configured address.
    issuer.say(|says| {
        says.is_down = false;
        says.issuer = Some("https://id.evil.test".to_owned());
    });
    crate::test_issuer::until(|| check.issuer_trouble() == Some("guard.issuer_mismatch")).await;
    let refused = ask(&check, &client.headers(&token), &anything()).await;
    assert_eq!(refused, Err("guard.not_ready"));
    issuer.say(|says| says.issuer = None);
    crate::test_issuer::until(|| check.check_ready().is_ok()).await;
    assert!(
        ask(&check, &client.headers(&token), &anything())
            .await
            .is_ok()
    );
}

#[test]
fn a_configuration_that_cannot_be_followed_is_refused() {
    let good = json!({
        "issuer": "https://id.example.fr/auth", "audience": AUDIENCE,
        "client_id": "api", "client_secret_file": "secret",
    });
    let read = |changes: &Value| {
        let mut all = good.clone();
        merge(&mut all, changes);
        serde_json::from_value::<TokenConfig>(all).map_err(|error| error.to_string())
    };
    let config = read(&json!({})).unwrap();
    assert!(config.sender_constrained && config.revocation == super::RevocationUse::EventStream);
    assert_eq!(
        (config.clock_skew_seconds, config.lifetime_seconds_max),
        (5, 600)
    );
    let alone = json!({"client_id": null, "client_secret_file": null});
    assert!(read(&alone).unwrap_err().contains("client_id"));
    let mut chosen = alone;
    merge(&mut chosen, &json!({"revocation": "expiry_alone"}));
    assert!(read(&chosen).is_ok());
    for changes in [
        json!({"issuer": "http://id.example.fr"}),
        json!({"issuer": "https://u:p@id.example.fr"}),
        json!({"issuer": "https://id.example.fr?x"}),
        json!({"discovery_url": "http://id.example.fr/x"}),
        json!({"audience": ""}),
        json!({"algorithms": []}),
        json!({"algorithms": ["HS256"]}),
        json!({"clock_skew_seconds": 61}),
        json!({"lifetime_seconds_max": 3601}),
        json!({"introspection_kept_milliseconds": 1001}),
        json!({"client_key_file": "key"}),
        json!({"client_secret_file": null}),
        json!({"client_key_algorithm": "ES256"}),
        json!({"sender_constraint": true}),
    ] {
        assert!(read(&changes).is_err(), "{changes}");
    }
}

#[tokio::test]
async fn a_guard_without_its_secret_does_not_start() {
    let issuer = TestIssuer::start().await;
    let config = issuer.config(&json!({
        "client_secret_file": "/nowhere/secret", "revocation": "introspection",
    }));
    let refused = super::TokenCheck::start_at(&config, issuer.clock.clone())
        .err()
        .unwrap();
    assert_eq!(refused.code(), "guard.credentials_unusable");
    let config = issuer.config(&json!({"ca_file": "/nowhere/ca.pem"}));
    let refused = super::TokenCheck::start_at(&config, issuer.clock.clone())
        .err()
        .unwrap();
    assert_eq!(refused.code(), "guard.http_client_failed");
}

#[tokio::test]
async fn a_binding_that_is_not_known_here_is_refused() {
    let odd = json!({"cnf": {"kid": some_digest()}});
    assert_eq!(with(odd).await, Err("guard.token_binding_unknown"));
    assert_eq!(sha256_base64url(b"").len(), 43);
}
