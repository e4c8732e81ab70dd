use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::CoreJsonWebKeySet;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_json::{Value, json};

use super::{EVENT, Expected, verify};

const NOW: i64 = 1_800_000_000;

fn key() -> &'static PKey<Private> {
    static KEY: std::sync::OnceLock<PKey<Private>> = std::sync::OnceLock::new();
    KEY.get_or_init(|| PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap())
}

fn key_set() -> CoreJsonWebKeySet {
    let rsa = key().rsa().unwrap();
    let number = |n: &openssl::bn::BigNumRef| URL_SAFE_NO_PAD.encode(n.to_vec());
    let jwk = json!({"kty": "RSA", "kid": "k1", "alg": "RS256", "use": "sig",
        "n": number(rsa.n()), "e": number(rsa.e())});
    serde_json::from_value(json!({ "keys": [jwk] })).unwrap()
}

fn sign(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut signer = Signer::new(MessageDigest::sha256(), key()).unwrap();
    let signature = signer.sign_oneshot_to_vec(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Checks the valid token after `change`, and expects this complaint (none: accepted).
fn check(name: &str, change: impl Fn(&mut Value, &mut Value), complaint: Option<&str>) {
    let mut header = json!({"alg": "RS256", "kid": "k1", "typ": "logout+jwt"});
    let mut claims = json!({"iss": "https://op.test", "aud": "portal", "iat": NOW,
        "exp": NOW + 120, "jti": "j1", "events": {EVENT: {}}, "sid": "s1", "sub": "p1"});
    change(&mut header, &mut claims);
    let expected = Expected {
        issuer: "https://op.test",
        client_id: "portal",
        now: NOW + 1,
    };
    let outcome = verify(&sign(&header, &claims), &key_set(), &expected);
    match complaint {
        None => assert_eq!(outcome.unwrap().sid.as_deref(), Some("s1"), "{name}"),
        Some(text) => {
            let message = outcome.unwrap_err().to_string();
            assert!(message.contains(text), "{name}: {message}");
        }
    }
}

#[test]
fn a_correct_token_is_accepted() {
    check("as it is", |_, _| {}, None);
    check(
        "several audiences",
        |_, claims| claims["aud"] = json!(["other", "portal"]),
        None,
    );
}

#[test]
fn each_broken_rule_is_refused() {
    type Change = fn(&mut Value, &mut Value);
    let cases: [(&str, Change, &str); 10] = [
        (
            "ID token type",
            |header, _| header["typ"] = json!("JWT"),
            "logout+jwt",
        ),
        (
            "no signature",
            |header, _| header["alg"] = json!("none"),
            "algorithm",
        ),
        (
            "symmetric",
            |header, _| header["alg"] = json!("HS256"),
            "algorithm",
        ),
        (
            "unknown key",
            |header, _| header["kid"] = json!("k2"),
            "no key",
        ),
        (
            "issuer",
            |_, claims| claims["iss"] = json!("https://other.test"),
            "issuer",
        ),
        (
            "audience",
            |_, claims| claims["aud"] = json!("other"),
            "another client",
        ),
        (
            "old",
            |_, claims| claims["iat"] = json!(NOW - 600),
            "just now",
        ),
        (
            "no event",
            |_, claims| claims["events"] = json!({}),
            "logout event",
        ),
        ("nonce", |_, claims| claims["nonce"] = json!("n"), "nonce"),
        (
            "nobody",
            |_, claims| {
                claims["sub"] = Value::Null;
                claims["sid"] = Value::Null;
            },
            "neither",
        ),
    ];
    for (name, change, complaint) in cases {
        check(name, change, Some(complaint));
    }
}

#[test]
fn a_changed_token_is_refused() {
    let header = json!({"alg": "RS256", "kid": "k1", "typ": "logout+jwt"});
    let claims = json!({"iss": "https://op.test", "aud": "portal", "iat": NOW, "jti": "j",
        "events": {EVENT: {}}, "sid": "s1"});
    let token = sign(&header, &claims);
    let other = URL_SAFE_NO_PAD.encode(claims.to_string().replace("s1", "s2"));
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[1] = &other;
    let expected = Expected {
        issuer: "https://op.test",
        client_id: "portal",
        now: NOW,
    };
    let error = verify(&parts.join("."), &key_set(), &expected).unwrap_err();
    assert!(error.to_string().contains("signature is wrong"));
}
