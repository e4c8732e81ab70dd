use serde_json::{Value, json};

use super::*;
use crate::SigningKey;
use crate::digest::base64url;

const TYP: &str = "example+jwt";
const BYTES_MAX: usize = 8192;

fn verify(compact: &str, key: &SigningKey) -> Result<Value, Error> {
    let key = VerifyingKey::from_jwk(key.public_jwk()).unwrap();
    UnverifiedJws::parse(compact, BYTES_MAX)?
        .verify(&key, TYP)?
        .claims()
}

#[test]
fn every_algorithm_signs_and_verifies() {
    use Algorithm::{EdDsa, Es256, Es384, Ps256, Rs256};
    for algorithm in [Rs256, Ps256, Es256, Es384, EdDsa] {
        let key = SigningKey::generate(algorithm).unwrap();
        let token = key.sign_jwt(TYP, &json!({"sub": "x"})).unwrap();
        assert_eq!(
            verify(&token, &key).unwrap(),
            json!({"sub": "x"}),
            "{algorithm:?}"
        );
        let other = SigningKey::generate(algorithm).unwrap();
        assert_eq!(
            verify(&token, &other).unwrap_err().code(),
            "jose.signature_invalid"
        );
    }
}

#[test]
fn a_key_read_back_from_pem_is_the_same_key() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let read = SigningKey::from_pem(Algorithm::Es256, &key.to_pem().unwrap()).unwrap();
    assert_eq!(read.kid(), key.kid());
    let wrong = SigningKey::from_pem(Algorithm::Rs256, &key.to_pem().unwrap());
    assert_eq!(wrong.unwrap_err().code(), "jose.algorithm_not_allowed");
}

#[test]
fn a_token_with_its_own_key_carries_only_the_public_half() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let token = key.sign_jwt_with_jwk(TYP, &json!({})).unwrap();
    let jws = UnverifiedJws::parse(&token, BYTES_MAX).unwrap();
    assert_eq!(jws.jwk().unwrap().thumbprint(), key.kid());
    assert!(jws.kid().is_none());
}

/// Re-signs a header of the test's own making, so that only the rule under test can refuse it.
fn signed(header: &Value, key: &SigningKey) -> String {
    let input = format!(
        "{}.{}",
        base64url(header.to_string().as_bytes()),
        base64url(b"{\"sub\":\"x\"}")
    );
    let private = PKey::private_key_from_pem(&key.to_pem().unwrap()).unwrap();
    let signature = signature::sign(key.algorithm(), &private, input.as_bytes()).unwrap();
    format!("{input}.{}", base64url(&signature))
}

#[test]
fn headers_that_break_one_rule_are_refused() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    assert!(verify(&signed(&json!({"alg": "ES256", "typ": TYP}), &key), &key).is_ok());
    assert!(
        verify(
            &signed(&json!({"alg": "ES256", "typ": "EXAMPLE+JWT"}), &key),
            &key
        )
        .is_ok()
    );
    let cases = [
        (
            json!({"alg": "none", "typ": TYP}),
            "jose.algorithm_not_allowed",
        ),
        (
            json!({"alg": "HS256", "typ": TYP}),
            "jose.algorithm_not_allowed",
        ),
        (
            json!({"alg": "RS256", "typ": TYP}),
            "jose.algorithm_not_allowed",
        ),
        (
            json!({"alg": "ES384", "typ": TYP}),
            "jose.algorithm_not_allowed",
        ),
        (json!({"alg": "ES256"}), "jose.type_mismatch"),
        (json!({"alg": "ES256", "typ": "JWT"}), "jose.type_mismatch"),
        (
            json!({"alg": "ES256", "typ": TYP, "crit": ["x"]}),
            "jose.header_refused",
        ),
        (
            json!({"alg": "ES256", "typ": TYP, "jku": "https://a"}),
            "jose.header_refused",
        ),
        (
            json!({"alg": "ES256", "typ": TYP, "x5u": "https://a"}),
            "jose.header_refused",
        ),
        (
            json!({"alg": "ES256", "typ": TYP, "b64": false}),
            "jose.header_refused",
        ),
        (json!({"typ": TYP}), "jose.malformed"),
        (json!(["ES256"]), "jose.malformed"),
    ];
    for (header, code) in cases {
        assert_eq!(
            verify(&signed(&header, &key), &key).unwrap_err().code(),
            code,
            "{header}"
        );
    }
}

#[test]
fn broken_serializations_are_refused() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let token = key.sign_jwt(TYP, &json!({"sub": "x"})).unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let cases = [
        String::new(),
        "a".to_owned(),
        "..".to_owned(),
        input.to_owned(),
        format!("{token}.x"),
        format!(" {token}"),
        format!("{token}="),
        token.replace('.', ".."),
    ];
    for text in cases {
        let code = UnverifiedJws::parse(&text, BYTES_MAX).unwrap_err().code();
        assert_eq!(code, "jose.malformed", "{text}");
    }
    let short = format!("{input}.{}", &signature[..40]);
    assert_eq!(
        verify(&short, &key).unwrap_err().code(),
        "jose.signature_invalid"
    );
    let zero = format!("{input}.{}", base64url(&[0; 64]));
    assert_eq!(
        verify(&zero, &key).unwrap_err().code(),
        "jose.signature_invalid"
    );
    let long = UnverifiedJws::parse(&token, 10).unwrap_err().code();
    assert_eq!(long, "jose.too_large");
}

#[test]
fn duplicate_claims_are_refused_where_a_type_names_them() {
    #[derive(Debug, serde::Deserialize)]
    struct Claims {
        #[expect(dead_code, reason = "only parsing is under test")]
        sub: String,
    }
    let jws = VerifiedJws {
        payload: br#"{"sub":"a","sub":"b"}"#.to_vec(),
    };
    assert_eq!(
        jws.claims::<Claims>().unwrap_err().code(),
        "jose.claims_malformed"
    );
}
