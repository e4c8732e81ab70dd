//! Attack F9 one by one, where neither clock nor memory is needed.

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::{Value, json};

use super::*;
use crate::{Algorithm, base64url};

const NOW: i64 = 1_800_000_000;
const URL: &str = "https://id.example.fr/token";
const STRICT: DpopTolerance = DpopTolerance {
    past_seconds: 60,
    future_seconds: 10,
};

fn target(access_token: Option<&str>) -> DpopTarget<'_> {
    DpopTarget {
        method: "POST",
        url: URL,
        access_token,
    }
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

fn claims() -> Value {
    json!({"jti": "0123456789abcdef", "htm": "POST", "htu": URL, "iat": NOW})
}

fn header(key: &SigningKey) -> Value {
    json!({"typ": DPOP_TYP, "alg": key.algorithm().as_str(), "jwk": key.public_jwk().bare()})
}

/// Signs whatever header and claims a test wants.
fn signed(header: &Value, claims: &Value, key: &SigningKey) -> String {
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let input = format!("{}.{}", part(header), part(claims));
    let private = PKey::private_key_from_pem(&key.to_pem().unwrap()).unwrap();
    let signature = crate::signature::sign(key.algorithm(), &private, input.as_bytes()).unwrap();
    format!("{input}.{}", base64url(&signature))
}

fn refusal(header: &Value, claims: &Value, key: &SigningKey) -> &'static str {
    let proof = signed(header, claims, key);
    match DpopProof::verify(&proof, &target(None)) {
        Ok(proof) => proof
            .check_time(NOW, STRICT)
            .map_or_else(|e| e.code(), |()| "accepted"),
        Err(error) => error.code(),
    }
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}

#[test]
fn proofs_of_every_algorithm_are_accepted() {
    use Algorithm::{EdDsa, Es256, Es384, Ps256, Rs256};
    for algorithm in [Rs256, Ps256, Es256, Es384, EdDsa] {
        let key = SigningKey::generate(algorithm).unwrap();
        let proof = sign_dpop_proof(&key, &target(Some("token")), NOW, Some("n")).unwrap();
        let verified = DpopProof::verify(&proof, &target(Some("token"))).unwrap();
        assert_eq!(verified.jkt(), key.kid(), "{algorithm:?}");
        assert_eq!(verified.nonce(), Some("n"));
        assert!(verified.check_time(NOW, STRICT).is_ok());
        let again = sign_dpop_proof(&key, &target(None), NOW, None).unwrap();
        let again = DpopProof::verify(&again, &target(None)).unwrap();
        assert_ne!(again.jti(), verified.jti());
    }
}

/// RFC 9864 names Ed25519 by itself.
#[test]
fn the_newer_name_of_ed25519_is_known() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let header = with(header(&key), "alg", json!("Ed25519"));
    assert_eq!(refusal(&header, &claims(), &key), "accepted");
}

/// The proofs of RFC 9449, figures 2 and 12, made with its key; the thumbprint is that of its
/// section 6.1.
#[test]
fn the_examples_of_rfc_9449_verify() {
    const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    const AT_TOKEN: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
    const AT_RESOURCE: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    const ACCESS_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    let at_token = DpopTarget {
        method: "POST",
        url: "https://server.example.com/token",
        access_token: None,
    };
    let proof = DpopProof::verify(AT_TOKEN, &at_token).unwrap();
    assert_eq!((proof.jkt(), proof.jti()), (JKT, "-BwC3ESc6acc2lTc"));
    assert!(proof.check_time(1_562_262_616, STRICT).is_ok());
    let at_resource = DpopTarget {
        method: "GET",
        url: "https://resource.example.org/protectedresource",
        access_token: Some(ACCESS_TOKEN),
    };
    let proof = DpopProof::verify(AT_RESOURCE, &at_resource).unwrap();
    assert_eq!(proof.jkt(), JKT);
    let refusal = DpopProof::verify(AT_RESOURCE, &at_token).unwrap_err();
    assert_eq!(refusal.code(), "jose.dpop_request_mismatch");
}

#[test]
fn f9_headers_that_break_one_rule_are_refused() {
    let (key, other, rsa) = (
        key(),
        key(),
        SigningKey::generate(Algorithm::Rs256).unwrap(),
    );
    let good = header(&key);
    assert_eq!(refusal(&good, &claims(), &key), "accepted");
    let mut private = good["jwk"].clone();
    private["d"] = json!(base64url(&[1; 32]));
    let secret = json!({"kty": "oct", "k": base64url(&[1; 32])});
    for (name, header, code) in [
        ("no typ", without(good.clone(), "typ"), "jose.type_mismatch"),
        (
            "typ JWT",
            with(good.clone(), "typ", json!("JWT")),
            "jose.type_mismatch",
        ),
        (
            "no jwk",
            without(good.clone(), "jwk"),
            "jose.dpop_key_missing",
        ),
        (
            "private jwk",
            with(good.clone(), "jwk", private),
            "jose.malformed",
        ),
        (
            "symmetric jwk",
            with(good.clone(), "jwk", secret),
            "jose.malformed",
        ),
        (
            "another jwk",
            with(good.clone(), "jwk", json!(other.public_jwk().bare())),
            "jose.signature_invalid",
        ),
        (
            "jwk of another kind",
            with(good.clone(), "jwk", json!(rsa.public_jwk().bare())),
            "jose.algorithm_not_allowed",
        ),
        (
            "none",
            with(good.clone(), "alg", json!("none")),
            "jose.algorithm_not_allowed",
        ),
        (
            "HS256",
            with(good.clone(), "alg", json!("HS256")),
            "jose.algorithm_not_allowed",
        ),
        (
            "jku",
            with(good.clone(), "jku", json!("https://a.test")),
            "jose.header_refused",
        ),
        (
            "crit",
            with(good.clone(), "crit", json!(["x"])),
            "jose.header_refused",
        ),
    ] {
        assert_eq!(refusal(&header, &claims(), &key), code, "{name}");
    }
}

/// A proof by HMAC with the public key as secret.
#[test]
fn f9_a_public_key_is_no_secret() {
    let key = key();
    let header = with(header(&key), "alg", json!("HS256"));
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let input = format!("{}.{}", part(&header), part(&claims()));
    let public = PKey::private_key_from_pem(&key.to_pem().unwrap()).unwrap();
    let secret = PKey::hmac(&public.public_key_to_der().unwrap()).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &secret).unwrap();
    let tag = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
    let proof = format!("{input}.{}", base64url(&tag));
    let refusal = DpopProof::verify(&proof, &target(None)).unwrap_err();
    assert_eq!(refusal.code(), "jose.algorithm_not_allowed");
}

#[test]
fn f9_claims_that_break_one_rule_are_refused() {
    let key = key();
    let mismatch = "jose.dpop_request_mismatch";
    let (time, malformed) = ("jose.dpop_time_invalid", "jose.claims_malformed");
    for (name, value, code) in [
        ("htm", json!("GET"), mismatch),
        ("htm", json!("post"), mismatch),
        ("htm", json!(1), malformed),
        ("htu", json!("https://id.example.fr/userinfo"), mismatch),
        ("htu", json!("https://evil.test/token"), mismatch),
        ("htu", json!("http://id.example.fr/token"), mismatch),
        ("htu", json!("/token"), mismatch),
        ("iat", json!(NOW - 60), "accepted"),
        ("iat", json!(NOW - 61), time),
        ("iat", json!(NOW + 10), "accepted"),
        ("iat", json!(NOW + 11), time),
        ("iat", json!(-1), time),
        ("iat", json!(i64::MAX), time),
        ("iat", json!(NOW.to_string()), malformed),
        ("iat", json!(1e300), malformed),
        ("jti", json!(""), "jose.dpop_id_invalid"),
        ("jti", json!("1234567"), "jose.dpop_id_invalid"),
        ("jti", json!("12345678"), "accepted"),
        ("jti", json!("x".repeat(256)), "accepted"),
        ("jti", json!("x".repeat(257)), "jose.dpop_id_invalid"),
        ("nbf", json!(NOW + 8), "accepted"),
        ("nbf", json!(NOW + 61), time),
        ("exp", json!(NOW + 1), "accepted"),
        ("exp", json!(NOW), time),
        ("nonce", json!(""), malformed),
        ("nonce", json!("x".repeat(257)), malformed),
        ("ath", json!("for no token"), "accepted"),
    ] {
        let changed = with(claims(), name, value.clone());
        assert_eq!(
            refusal(&header(&key), &changed, &key),
            code,
            "{name} {value}"
        );
    }
    for name in ["jti", "htm", "htu", "iat"] {
        let changed = without(claims(), name);
        assert_eq!(
            refusal(&header(&key), &changed, &key),
            malformed,
            "no {name}"
        );
    }
}

#[test]
fn f9_a_proof_is_for_one_access_token() {
    let key = key();
    let for_token = |token| sign_dpop_proof(&key, &target(token), NOW, None).unwrap();
    let code = |proof: &str| {
        DpopProof::verify(proof, &target(Some("mine"))).map_or_else(|e| e.code(), |_| "accepted")
    };
    assert_eq!(code(&for_token(Some("mine"))), "accepted");
    assert_eq!(
        code(&for_token(Some("other"))),
        "jose.dpop_access_token_mismatch"
    );
    assert_eq!(code(&for_token(None)), "jose.dpop_access_token_mismatch");
}

#[test]
fn urls_are_compared_after_normalisation() {
    for same in [
        URL,
        "HTTPS://ID.Example.fr/token",
        "https://id.example.fr:443/token",
        "https://id.example.fr/token?x=1#y",
        "https://id.example.fr/a/../token",
        "https://id.example.fr/./token",
        "https://id.example.fr/%74oken",
    ] {
        assert!(is_same_url(same, URL), "{same}");
    }
    for other in [
        "",
        "https://id.example.fr",
        "https://id.example.fr/token/",
        "https://id.example.fr//token",
        "https://id.example.fr/Token",
        "https://id.example.fr:8443/token",
        "https://user@id.example.fr/token",
        "https://id.example.fr.evil.test/token",
        "https://id.example.fr/token%2F",
        "https://id.example.fr/token%",
        "https:\\\\id.example.fr\\token",
        " https://id.example.fr/token",
        "https://id.example.fr/to\nken",
        "urn:x:token",
    ] {
        assert!(!is_same_url(other, URL), "{other}");
        let is_url = Place::of(other).is_some();
        assert_eq!(is_same_url(other, other), is_url, "{other}");
    }
    assert!(is_same_url("https://a.test/x%2fy", "https://a.test/x%2Fy"));
    assert!(!is_same_url("https://a.test/x%2fy", "https://a.test/x/y"));
}

/// Proofs cut, doubled and with bytes changed: each is refused, and none stops the program.
#[test]
fn f9_hostile_proofs_are_refused() {
    let key = key();
    let proof = sign_dpop_proof(&key, &target(None), NOW, Some("nonce")).unwrap();
    let mut state: u64 = 9;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    for round in 0..4_000 {
        let mut bytes = proof.clone().into_bytes();
        match round % 4 {
            0 => bytes.truncate(random(bytes.len())),
            1 => {
                let at = random(bytes.len());
                bytes[at] = b"A_.%\"9"[random(6)];
            }
            2 => {
                let (from, to) = (random(bytes.len()), random(bytes.len()));
                bytes.swap(from, to);
            }
            _ => {
                let at = random(bytes.len());
                bytes.splice(at..at, proof.bytes().take(random(64)));
            }
        }
        let text = String::from_utf8(bytes).unwrap();
        if text != proof {
            assert!(DpopProof::verify(&text, &target(None)).is_err(), "{text}");
        }
    }
    let nested = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    let header = base64url(nested.as_bytes());
    for text in [
        "..".to_owned(),
        "....".to_owned(),
        format!("{header}.{header}.AA"),
        "x".repeat(PROOF_BYTES_MAX + 1),
        "\u{1f600}.\u{1f600}.\u{1f600}".to_owned(),
    ] {
        assert!(DpopProof::verify(&text, &target(None)).is_err());
    }
}
