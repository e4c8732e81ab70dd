//! Keys that come, go and never were.

use std::time::Duration;

use cardea_jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use super::{endpoint, key_set::KeySet};
use crate::access_token::Demand;
use crate::test_issuer::{TestClient, TestIssuer, ask, until};

fn anything() -> Demand {
    Demand::default()
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

/// Attack G9: the old key within its overlap, the new one at its first use, the old one no more.
#[tokio::test]
async fn g9_keys_rotate_without_a_gap_and_a_retired_one_is_gone() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer.check(&json!({"keys_refresh_seconds": 1})).await;
    let claims = issuer.claims(&client.key);
    let (old, new) = (issuer.key.clone(), key());
    let by = |key: &SigningKey| key.sign_jwt("at+jwt", &claims).unwrap();
    issuer.say(|says| says.keys = vec![new.clone(), old.clone()]);
    let known = issuer.key_fetches();
    until(|| issuer.key_fetches() > known + 1).await;
    let used = by(&old);
    for token in [&used, &by(&new), &used] {
        assert!(
            ask(&check, &client.headers(token), &anything())
                .await
                .is_ok()
        );
    }
    issuer.say(|says| says.keys = vec![new.clone()]);
    let known = issuer.key_fetches();
    until(|| issuer.key_fetches() > known + 1).await;
    // What was read before is remembered no longer than its key is published.
    for token in [&by(&old), &used] {
        let refused = ask(&check, &client.headers(token), &anything()).await;
        assert_eq!(refused, Err("guard.token_key_unknown"));
    }
    assert!(
        ask(&check, &client.headers(&by(&new)), &anything())
            .await
            .is_ok()
    );
}

/// Attack G3: names of keys that were never there make the guard ask once, whoever sends how many.
#[tokio::test]
async fn g3_a_herd_of_unknown_names_makes_one_fetch() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer.check(&json!({})).await;
    let before = issuer.key_fetches();
    // After the pause that follows each fetch, one look for all of them.
    tokio::time::sleep(super::UNKNOWN_NAMES_WAIT + Duration::from_millis(100)).await;
    let claims = issuer.claims(&client.key);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let token = key().sign_jwt("at+jwt", &claims).unwrap();
        let (check, headers) = (check.clone(), client.headers(&token));
        asking.spawn(async move { ask(&check, &headers, &anything()).await });
    }
    while let Some(outcome) = asking.join_next().await {
        assert_eq!(outcome.unwrap(), Err("guard.token_key_unknown"));
    }
    assert_eq!(issuer.key_fetches(), before + 1);
    // A real key that comes at such a moment is found after the pause, at its first use.
    let new = key();
    issuer.say(|says| says.keys.push(new.clone()));
    let token = new.sign_jwt("at+jwt", &claims).unwrap();
    tokio::time::sleep(super::UNKNOWN_NAMES_WAIT).await;
    assert!(
        ask(&check, &client.headers(&token), &anything())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn keys_that_were_seen_too_long_ago_count_no_more() {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let changes = json!({"keys_refresh_seconds": 1, "keys_kept_seconds": 5});
    let check = issuer.check(&changes).await;
    issuer.say(|says| says.is_down = true);
    until(|| check.issuer_trouble().is_some()).await;
    let token = issuer.token(&issuer.claims(&client.key));
    assert!(
        ask(&check, &client.headers(&token), &anything())
            .await
            .is_ok()
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    let refused = ask(&check, &client.headers(&token), &anything()).await;
    assert_eq!(refused, Err("guard.keys_stale"));
    issuer.say(|says| says.is_down = false);
    until(|| check.check_ready().is_ok()).await;
}

/// Attacks G3, G4 and G8.
#[test]
fn of_a_key_set_what_can_verify_counts_and_a_name_that_stands_twice_names_none() {
    let (one, two) = (key(), key());
    let jwk = |key: &SigningKey| serde_json::to_value(key.public_jwk()).unwrap();
    let parse = |keys: Value| {
        let set = KeySet::parse(json!({ "keys": keys }).to_string().as_bytes());
        set.map_err(|error| error.code())
    };
    let mut private = jwk(&two);
    private["d"] = json!("AAAA");
    let mut encryption = jwk(&two);
    encryption["use"] = json!("enc");
    let secret = json!({"kty": "oct", "k": "AAAA", "kid": "secret"});
    let set = parse(json!([jwk(&one), private, encryption, secret, {"kty": "new"}, 1])).unwrap();
    assert!(set.find(one.kid()).is_some());
    assert!(set.find(two.kid()).is_none() && set.find("secret").is_none());
    let mut named_alike = jwk(&two);
    named_alike["kid"] = json!(one.kid());
    let none = Err("guard.issuer_answer_invalid");
    assert_eq!(parse(json!([jwk(&one), named_alike])).map(|_| ()), none);
    assert_eq!(parse(json!([])).map(|_| ()), none);
    assert_eq!(parse(json!(vec![jwk(&one); 65])).map(|_| ()), none);
    assert!(KeySet::parse(b"{}").is_err());
}

/// Attacks A20 and G10: what a document names is called over TLS, or on this machine.
#[test]
fn an_endpoint_is_over_tls_or_on_this_machine() {
    for good in [
        "https://id.example.fr/jwks",
        "http://127.0.0.1:1/x",
        "http://[::1]:1/x",
    ] {
        assert!(endpoint(good).is_ok(), "{good}");
    }
    for bad in [
        "http://id.example.fr/jwks",
        "http://localhost/x",
        "file:///etc/passwd",
        "https://u@id.example.fr/",
        "jwks",
    ] {
        assert_eq!(
            endpoint(bad).unwrap_err().code(),
            "guard.issuer_answer_invalid",
            "{bad}"
        );
    }
}
