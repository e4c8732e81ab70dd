//! Objects that another key signed, or none (attack E10).

use cardea_jose::{Algorithm, SigningKey, base64url};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::{Value, json};

use super::{Signing, TYP};

/// What is signed: header and claims.
fn input(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

/// An honest ES256 signature under whatever header.
fn signed(header: &Value, claims: &Value, key: &SigningKey) -> String {
    let input = input(header, claims);
    let private = PKey::private_key_from_pem(&key.to_pem().unwrap()).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &private).unwrap();
    let der = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
    let pair = openssl::ecdsa::EcdsaSig::from_der(&der).unwrap();
    let parts = [pair.r(), pair.s()].map(|part| part.to_vec_padded(32).unwrap());
    format!("{input}.{}", base64url(&parts.concat()))
}

/// Attack E10: the client's public key as the secret of an HMAC, in each of its forms.
#[tokio::test]
async fn a_public_key_is_no_secret() {
    let signing = Signing::new().await;
    let unproven = ("invalid_request_object", "provider.request_object_unproven");
    let kid = signing.key.kid();
    let header = json!({ "alg": "HS256", "typ": TYP, "kid": kid });
    let input = input(&header, &signing.claims());
    let public = PKey::private_key_from_pem(&signing.key.to_pem().unwrap()).unwrap();
    for secret in [
        public.public_key_to_pem().unwrap(),
        public.public_key_to_der().unwrap(),
        serde_json::to_vec(signing.key.public_jwk()).unwrap(),
    ] {
        let secret = PKey::hmac(&secret).unwrap();
        let mut signer = Signer::new(MessageDigest::sha256(), &secret).unwrap();
        let tag = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        let object = format!("{input}.{}", base64url(&tag));
        assert_eq!(signing.refusal(&object).await, unproven);
    }
}

/// Attacks E10 and G4: the client's own key signs, and the header speaks of others.
#[tokio::test]
async fn a_header_that_leads_elsewhere_is_refused_whoever_signed_it() {
    let signing = Signing::new().await;
    let unproven = ("invalid_request_object", "provider.request_object_unproven");
    let header = |name: &str, value: Value| {
        let mut header = json!({ "alg": "ES256", "typ": TYP });
        header[name] = value;
        header
    };
    let claims = signing.claims();
    let honest = signed(&header("typ", json!(TYP)), &claims, &signing.key);
    assert!(signing.send(&honest).await.is_ok());
    for (name, value) in [
        ("jku", json!("https://evil.test/keys")),
        ("x5u", json!("https://evil.test/certificate")),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("kid", json!(signing.other_key.kid())),
    ] {
        let object = signed(&header(name, value), &claims, &signing.key);
        assert_eq!(signing.refusal(&object).await, unproven, "{name}");
    }
}

/// Attack E10.
#[tokio::test]
async fn objects_that_the_client_s_own_keys_did_not_sign_are_refused() {
    let signing = Signing::new().await;
    let unproven = ("invalid_request_object", "provider.request_object_unproven");
    let body = base64url(signing.claims().to_string().as_bytes());
    let with_header = |header: Value, signature: &[u8]| {
        let header = base64url(header.to_string().as_bytes());
        format!("{header}.{body}.{}", base64url(signature))
    };
    for alg in ["none", "None", "HS256", "RS1"] {
        let object = with_header(json!({ "alg": alg, "typ": TYP }), b"");
        assert_eq!(signing.refusal(&object).await, unproven, "{alg}");
    }
    for name in ["jku", "x5u", "crit"] {
        let header = json!({ "alg": "ES256", "typ": TYP, name: "https://evil.test/keys" });
        let object = with_header(header, &[0; 64]);
        assert_eq!(signing.refusal(&object).await, unproven, "{name}");
    }
    let by_other = signing.other_key.sign_jwt(TYP, &signing.claims()).unwrap();
    assert_eq!(signing.refusal(&by_other).await, unproven, "other client");
    let own = SigningKey::generate(Algorithm::Es256).unwrap();
    let with_key = own.sign_jwt_with_jwk(TYP, &signing.claims()).unwrap();
    assert_eq!(
        signing.refusal(&with_key).await,
        unproven,
        "key in the header"
    );
    let mut broken = signing.sign(|_| {});
    broken.replace_range(broken.len() - 6.., "AAAAAA");
    assert_eq!(signing.refusal(&broken).await, unproven, "signature");
    let other_type = signing.key.sign_jwt("at+jwt", &signing.claims()).unwrap();
    assert_eq!(
        signing.refusal(&other_type).await.1,
        "provider.request_object_malformed"
    );
    for odd in ["", "e30.e30.", "a.b", "{}"] {
        if !odd.is_empty() {
            let (error, _) = signing.refusal(odd).await;
            assert_eq!(error, "invalid_request_object", "{odd}");
        }
    }
}

#[tokio::test]
async fn a_registered_algorithm_is_the_only_one() {
    let another = SigningKey::generate(Algorithm::EdDsa).unwrap();
    for (registered, accepted) in [(Algorithm::Es256, true), (Algorithm::EdDsa, false)] {
        let signing = Signing::with(|settings| {
            let client = &mut settings.config.clients[0];
            client.jwks.keys.push(another.public_jwk().clone());
            client.request_object_signing_alg = Some(registered);
        })
        .await;
        let begun = signing.send(&signing.sign(|_| {})).await;
        assert_eq!(begun.is_ok(), accepted, "{registered:?}");
    }
}
