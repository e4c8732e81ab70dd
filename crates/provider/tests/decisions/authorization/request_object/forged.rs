//! Objects that another key signed, or none (attack E10).

use cardea_jose::{Algorithm, SigningKey, base64url};
use serde_json::{Value, json};

use super::{Signing, TYP};

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
