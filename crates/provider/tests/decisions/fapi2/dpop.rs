//! Tokens and codes that are bound to a key (RFC 9449; attacks F9 and F10).

use cardea_jose::{Algorithm, SigningKey, random_base64url, sha256_base64url};
use cardea_provider::{DpopRequest, PresentedToken, TokenScheme};
use serde_json::{Value, json};

use super::super::world::World;
use super::{Fapi, INSURER, PAR_URL, TOKEN_URL, key, names, parameters};

const USERINFO_URL: &str = "https://id.example.fr/userinfo";

/// Redeems a fresh code with a proof whose claims a case changes; the refusal, if any.
async fn redeem_proving(
    fapi: &Fapi,
    signer: &SigningKey,
    change: impl FnOnce(&mut Value),
) -> Option<(&'static str, &'static str)> {
    let location = fapi.log_in().await;
    let (_, mut asked) = World::token_request(INSURER, &location);
    asked.client_id = None;
    let mut claims = claims(fapi, "POST", TOKEN_URL);
    change(&mut claims);
    let proof = signer.sign_jwt_with_jwk("dpop+jwt", &claims).unwrap();
    let issued = fapi.issue(&fapi.credentials(), &asked, Some(&proof)).await;
    issued.err().as_ref().map(names)
}

fn claims(fapi: &Fapi, method: &str, url: &str) -> Value {
    let nonce = fapi.world.provider.dpop_nonce().unwrap();
    json!({
        "jti": random_base64url(16).unwrap(), "htm": method, "htu": url,
        "iat": fapi.world.now().unix_timestamp(), "nonce": nonce,
    })
}

const INVALID: &str = "invalid_dpop_proof";

#[tokio::test]
async fn fapi2_security_profile_final_check_dpop_proof_nbf_exp() {
    let fapi = Fapi::new().await;
    let now = fapi.world.now().unix_timestamp();
    let key = &fapi.dpop_key;
    let in_time = redeem_proving(&fapi, key, |claims| {
        claims["nbf"] = json!(now - 5);
        claims["exp"] = json!(now + 60);
    });
    assert_eq!(in_time.await, None);
    let expired = redeem_proving(&fapi, key, |claims| claims["exp"] = json!(now));
    assert_eq!(expired.await, Some((INVALID, "jose.dpop_time_invalid")));
    let early = redeem_proving(&fapi, key, |claims| claims["nbf"] = json!(now + 3600));
    assert_eq!(early.await, Some((INVALID, "jose.dpop_time_invalid")));
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_dpopproof_with_iat_10seconds_before_succeeds() {
    let fapi = Fapi::new().await;
    let now = fapi.world.now().unix_timestamp();
    let before = redeem_proving(&fapi, &fapi.dpop_key, |claims| {
        claims["iat"] = json!(now - 10);
    });
    assert_eq!(before.await, None);
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_dpopproof_with_iat_10seconds_after_succeeds() {
    let fapi = Fapi::new().await;
    let now = fapi.world.now().unix_timestamp();
    let after = redeem_proving(&fapi, &fapi.dpop_key, |claims| {
        claims["iat"] = json!(now + 10);
    });
    assert_eq!(after.await, None);
}

/// `dpop_jkt` names one key, and the push shows another.
#[tokio::test]
async fn fapi2_security_profile_final_ensure_mismatched_dpop_jkt_fails() {
    let fapi = Fapi::new().await;
    let mut asked = parameters(INSURER);
    asked.dpop_jkt = Some(key().kid().to_owned());
    let proof = fapi.proof(&fapi.dpop_key, PAR_URL);
    let pushed = fapi.push_as(&fapi.credentials(), asked, Some(&proof)).await;
    let expected = (INVALID, "provider.dpop_jkt_mismatch");
    assert_eq!(names(&pushed.unwrap_err()), expected);
}

/// A whole login that is bound to a key from the push on; the redirect.
async fn log_in_bound(fapi: &Fapi, named: bool, shown: bool) -> String {
    let mut asked = parameters(INSURER);
    asked.dpop_jkt = named.then(|| fapi.dpop_key.kid().to_owned());
    let proof = shown.then(|| fapi.proof(&fapi.dpop_key, PAR_URL));
    let credentials = fapi.credentials();
    let pushed = fapi.push_as(&credentials, asked, proof.as_deref());
    let begun = fapi.begin(&pushed.await.unwrap()).await;
    fapi.complete(&begun).await.unwrap().location()
}

const OTHER_KEY: (&str, &str) = ("invalid_grant", "provider.code_key_mismatch");

#[tokio::test]
async fn fapi2_security_profile_final_ensure_token_endpoint_fails_with_mismatched_dpop_proof_jkt() {
    let fapi = Fapi::new().await;
    let location = log_in_bound(&fapi, false, true).await;
    let refused = fapi.redeem_by(&location, &key()).await.unwrap_err();
    assert_eq!(names(&refused), OTHER_KEY);
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_token_endpoint_fails_with_mismatched_dpop_jkt() {
    let fapi = Fapi::new().await;
    let location = log_in_bound(&fapi, true, false).await;
    let refused = fapi.redeem_by(&location, &key()).await.unwrap_err();
    assert_eq!(names(&refused), OTHER_KEY);
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_dpopproof_at_par_endpoint_binding_success() {
    let fapi = Fapi::new().await;
    let location = log_in_bound(&fapi, false, true).await;
    fapi.redeem(&location).await.unwrap();
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_dpop_auth_code_binding_success() {
    let fapi = Fapi::new().await;
    let location = log_in_bound(&fapi, true, false).await;
    fapi.redeem(&location).await.unwrap();
}

/// RFC 9449 section 4.3, rule by rule, at the token endpoint and at a resource.
#[tokio::test]
async fn fapi2_security_profile_final_dpop_negative_tests() {
    let fapi = Fapi::new().await;
    let key = &fapi.dpop_key;
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 7] = [
        ("another method", |claims| claims["htm"] = json!("GET")),
        ("another address", |claims| {
            claims["htu"] = json!("https://id.example.fr/par");
        }),
        ("another server", |claims| {
            claims["htu"] = json!("https://evil.test/token");
        }),
        ("an old one", |claims| {
            claims["iat"] = json!(claims["iat"].as_i64().unwrap() - 3600);
        }),
        ("one of the future", |claims| {
            claims["iat"] = json!(claims["iat"].as_i64().unwrap() + 3600);
        }),
        ("no jti", |claims| {
            claims.as_object_mut().unwrap().remove("jti");
        }),
        ("no htu", |claims| {
            claims.as_object_mut().unwrap().remove("htu");
        }),
    ];
    for (name, change) in cases {
        let refused = redeem_proving(&fapi, key, change).await.unwrap();
        assert_eq!(refused.0, INVALID, "{name}: {}", refused.1);
    }
    let without_nonce = redeem_proving(&fapi, key, |claims| {
        claims.as_object_mut().unwrap().remove("nonce");
    });
    let missing = ("use_dpop_nonce", "provider.dpop_nonce_missing");
    assert_eq!(without_nonce.await, Some(missing));
    // Another type of token by the same key.
    let location = fapi.log_in().await;
    let (_, mut asked) = World::token_request(INSURER, &location);
    asked.client_id = None;
    let claims = claims(&fapi, "POST", TOKEN_URL);
    let untyped = key.sign_jwt_with_jwk("JWT", &claims).unwrap();
    let issued = fapi
        .issue(&fapi.credentials(), &asked, Some(&untyped))
        .await;
    assert_eq!(issued.unwrap_err().error.as_str(), INVALID);
    // A good proof is good once.
    let good = fapi.proof(key, TOKEN_URL);
    fapi.issue(&fapi.credentials(), &asked, Some(&good))
        .await
        .unwrap();
    let again = fapi.issue(&fapi.credentials(), &asked, Some(&good)).await;
    let replayed = (INVALID, "provider.dpop_proof_replayed");
    assert_eq!(names(&again.unwrap_err()), replayed);
    at_the_resource(&fapi).await;
}

/// The token's hash, its key and its scheme.
async fn at_the_resource(fapi: &Fapi) {
    let location = fapi.log_in().await;
    let token = fapi.redeem(&location).await.unwrap().access_token;
    let own = sha256_base64url(token.as_bytes());
    let other = sha256_base64url(b"another token");
    let foreign_key = key();
    for (name, signer, ath, code) in [
        ("fits", &fapi.dpop_key, Some(&own), None),
        (
            "another token's hash",
            &fapi.dpop_key,
            Some(&other),
            Some("jose.dpop_access_token_mismatch"),
        ),
        (
            "no hash",
            &fapi.dpop_key,
            None,
            Some("jose.dpop_access_token_mismatch"),
        ),
        (
            "another key",
            &foreign_key,
            Some(&own),
            Some("provider.access_token_key_mismatch"),
        ),
    ] {
        let mut claims = claims(fapi, "GET", USERINFO_URL);
        if let Some(ath) = ath {
            claims["ath"] = json!(ath);
        }
        let proof = signer.sign_jwt_with_jwk("dpop+jwt", &claims).unwrap();
        let presented = PresentedToken {
            token: &token,
            scheme: TokenScheme::Dpop,
            certificate: None,
            dpop: DpopRequest {
                proof: Some(&proof),
                method: "GET",
                url: USERINFO_URL,
            },
        };
        let answer = fapi.world.provider.userinfo(presented).await;
        assert_eq!(answer.err().map(|error| error.code()), code, "{name}");
    }
}

/// Section 5.4.1 holds for proofs as well: what is good elsewhere is not good enough here.
#[tokio::test]
async fn a_proof_is_signed_by_an_algorithm_of_the_profile() {
    let fapi = Fapi::new().await;
    for (algorithm, refused) in [
        (Algorithm::Ps256, None),
        (Algorithm::Es256, None),
        (Algorithm::EdDsa, None),
        (
            Algorithm::Rs256,
            Some((INVALID, "jose.algorithm_not_allowed")),
        ),
        (
            Algorithm::Es384,
            Some((INVALID, "jose.algorithm_not_allowed")),
        ),
    ] {
        let signer = SigningKey::generate(algorithm).unwrap();
        let outcome = redeem_proving(&fapi, &signer, |_| {}).await;
        assert_eq!(outcome, refused, "{algorithm:?}");
    }
}
