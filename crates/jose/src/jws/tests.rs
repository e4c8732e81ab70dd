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

#[test]
fn json_is_utf8_in_members_that_nobody_asks_for_too() {
    #[derive(Debug, serde::Deserialize)]
    struct Claims {
        #[expect(dead_code, reason = "only parsing is under test")]
        sub: String,
    }
    let read = |payload: &[u8]| {
        let payload = payload.to_vec();
        VerifiedJws { payload }.claims::<Claims>().map(|_| ())
    };
    assert!(read("{\"sub\":\"a\",\"other\":\"é\"}".as_bytes()).is_ok());
    let code = read(b"{\"sub\":\"a\",\"other\":\"\xe9\"}")
        .unwrap_err()
        .code();
    assert_eq!(code, "jose.claims_malformed");
    let header = base64url(b"{\"alg\":\"ES256\",\"other\":\"\xe9\"}");
    let code = UnverifiedJws::parse(&format!("{header}.e30.AA"), BYTES_MAX)
        .unwrap_err()
        .code();
    assert_eq!(code, "jose.malformed");
}

fn brainpool() -> (PKey<openssl::pkey::Private>, PKey<Public>) {
    let curve = openssl::nid::Nid::BRAINPOOL_P256R1;
    let group = openssl::ec::EcGroup::from_curve_name(curve).unwrap();
    let key = openssl::ec::EcKey::generate(&group).unwrap();
    let key = PKey::from_ec_key(key).unwrap();
    let public = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
    (key, public)
}

#[test]
fn the_brainpool_algorithm_verifies_for_cards_alone() {
    let (private, public) = brainpool();
    let header = json!({"alg": "BP256R1", "typ": TYP}).to_string();
    let input = format!("{}.{}", base64url(header.as_bytes()), base64url(b"{}"));
    let signature = signature::sign(Algorithm::Bp256r1, &private, input.as_bytes()).unwrap();
    let token = format!("{input}.{}", base64url(&signature));

    let key = VerifyingKey::from_card_key(public.clone(), &[Algorithm::Bp256r1]).unwrap();
    let jws = UnverifiedJws::parse_by_card(&token, BYTES_MAX).unwrap();
    assert!(jws.verify(&key, TYP).is_ok());

    let refusal = UnverifiedJws::parse(&token, BYTES_MAX).unwrap_err();
    assert_eq!(refusal.code(), "jose.algorithm_not_allowed");
    let every = [Algorithm::Bp256r1, Algorithm::Es256];
    let refusal = VerifyingKey::from_public_key(public.clone(), &every).unwrap_err();
    assert_eq!(refusal.code(), "jose.algorithm_not_allowed");
    let refusal = VerifyingKey::from_card_key(public, &[Algorithm::Es256]).unwrap_err();
    assert_eq!(refusal.code(), "jose.algorithm_not_allowed");
}

#[test]
fn no_key_of_ours_signs_with_the_brainpool_algorithm() {
    let (private, _) = brainpool();
    for algorithm in [Algorithm::Bp256r1, Algorithm::Es256] {
        let refusal = SigningKey::from_private_key(algorithm, private.clone()).unwrap_err();
        assert_eq!(refusal.code(), "jose.algorithm_not_allowed");
    }
    let refusal = SigningKey::generate(Algorithm::Bp256r1).unwrap_err();
    assert_eq!(refusal.code(), "jose.algorithm_not_allowed");
}

/// Attack C7.
#[test]
fn an_rsa_signature_without_its_leading_zero_is_refused() {
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        let key = SigningKey::generate(algorithm).unwrap();
        let private = PKey::private_key_from_pem(&key.to_pem().unwrap()).unwrap();
        let verifying_key = VerifyingKey::from_jwk(key.public_jwk()).unwrap();
        // One signature in 256 begins with a zero.
        let signed = (0_u32..20_000).find_map(|number| {
            let message = number.to_be_bytes();
            let signature = signature::sign(algorithm, &private, &message).unwrap();
            (signature[0] == 0).then_some((message, signature))
        });
        let (message, signature) = signed.unwrap();
        let verify = |bytes: &[u8]| verifying_key.verify_signature(algorithm, &message, bytes);
        assert!(verify(&signature).is_ok());
        let longer = [&[0], signature.as_slice()].concat();
        for changed in [&signature[1..], &longer] {
            assert_eq!(
                verify(changed).unwrap_err().code(),
                "jose.signature_invalid"
            );
        }
    }
}

/// Attack C6.
#[test]
fn a_der_signature_is_no_jws_signature() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let token = key.sign_jwt(TYP, &json!({})).unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let joined = parse_base64url(signature).unwrap();
    let number = |bytes| openssl::bn::BigNum::from_slice(bytes).unwrap();
    let pair = (number(&joined[..32]), number(&joined[32..]));
    let der = openssl::ecdsa::EcdsaSig::from_private_components(pair.0, pair.1).unwrap();
    let der = format!("{input}.{}", base64url(&der.to_der().unwrap()));
    let longer = format!("{input}.{}", base64url(&[[0].as_slice(), &joined].concat()));
    for forged in [der, longer] {
        let refusal = verify(&forged, &key).unwrap_err();
        assert_eq!(refusal.code(), "jose.signature_invalid");
    }
}

#[test]
fn a_key_for_another_use_verifies_nothing() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    for (member, value, accepted) in [
        ("use", json!("sig"), true),
        ("use", json!("enc"), false),
        ("key_ops", json!(["verify"]), true),
        ("key_ops", json!(["sign"]), false),
        ("key_ops", json!([]), false),
    ] {
        let mut jwk = serde_json::to_value(key.public_jwk()).unwrap();
        jwk[member] = value;
        let jwk: Jwk = serde_json::from_value(jwk.clone()).unwrap();
        let outcome = VerifyingKey::from_jwk(&jwk);
        assert_eq!(outcome.is_ok(), accepted, "{jwk:?}");
    }
}
