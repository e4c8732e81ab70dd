//! Attacks F9, F10 and F11 at a resource server.

use axum::http::{HeaderMap, HeaderValue};
use cardea_jose::{Algorithm, DpopTarget, SigningKey, sign_dpop_proof};
use openssl::x509::X509;
use serde_json::{Value, json};

use super::{CertificateDigest, CertificateHeader, ReplayMemory};
use crate::access_token::{Binding, Demand};
use crate::test_issuer::{
    NOW, SEEN, TestClient, TestIssuer, URL, ask, headers, merge, some_digest,
};
use crate::{RequestSeen, TokenCheck};

fn anything() -> Demand {
    Demand::default()
}

struct Stand {
    issuer: TestIssuer,
    client: TestClient,
    check: TokenCheck,
    token: String,
}

async fn stand(config: Value, claims: Value) -> Stand {
    let (issuer, client) = (TestIssuer::start().await, TestClient::new());
    let check = issuer.check(&config).await;
    let mut all = issuer.claims(&client.key);
    merge(&mut all, &claims);
    let token = issuer.token(&all);
    Stand {
        issuer,
        client,
        check,
        token,
    }
}

impl Stand {
    async fn with(
        &self,
        authorization: &str,
        proof: Option<&str>,
    ) -> Result<Binding, &'static str> {
        let headers = headers(&format!("{authorization} {}", self.token), proof);
        let outcome = ask(&self.check, &headers, &anything()).await;
        outcome.map(|access| access.binding())
    }
}

/// Attack F9.
#[tokio::test]
async fn f9_a_proof_serves_one_request_of_its_own_once() {
    let stand = stand(json!({}), json!({})).await;
    let of = |method: &str, url: &str, token: Option<&str>, at: i64, nonce: Option<&str>| {
        let target = DpopTarget {
            method,
            url,
            access_token: token,
        };
        sign_dpop_proof(&stand.client.key, &target, at, nonce).unwrap()
    };
    let token = Some(stand.token.as_str());
    let invalid = Err("guard.dpop_proof_invalid");
    let cases = [
        ("another method", of("POST", URL, token, NOW, None), invalid),
        (
            "another path",
            of("GET", "https://api.example.fr/records/2", token, NOW, None),
            invalid,
        ),
        (
            "another host",
            of("GET", "https://evil.test/records/1", token, NOW, None),
            invalid,
        ),
        (
            "another token",
            of("GET", URL, Some("x"), NOW, None),
            invalid,
        ),
        ("no token", of("GET", URL, None, NOW, None), invalid),
        ("too old", of("GET", URL, token, NOW - 61, None), invalid),
        (
            "from the future",
            of("GET", URL, token, NOW + 11, None),
            invalid,
        ),
        ("no JWS", "x".to_owned(), invalid),
        (
            "a foreign nonce",
            of("GET", URL, token, NOW, Some("x")),
            Err("guard.dpop_nonce_invalid"),
        ),
        (
            "old enough",
            of("GET", URL, token, NOW - 60, None),
            Ok(Binding::Dpop),
        ),
        (
            "young enough",
            of("GET", URL, token, NOW + 10, None),
            Ok(Binding::Dpop),
        ),
    ];
    for (name, proof, expected) in cases {
        assert_eq!(stand.with("DPoP", Some(&proof)).await, expected, "{name}");
        if expected.is_ok() {
            let again = stand.with("DPoP", Some(&proof)).await;
            assert_eq!(again, Err("guard.dpop_proof_replayed"), "{name}");
        }
    }
    assert_eq!(
        stand.with("DPoP", None).await,
        Err("guard.dpop_proof_missing")
    );
}

/// Attack F9: what has another type, or brings no key, is no proof.
#[tokio::test]
async fn f9_a_proof_has_its_type_and_its_key() {
    let stand = stand(json!({}), json!({})).await;
    let invalid = Err("guard.dpop_proof_invalid");
    let claims = json!({"jti": "12345678", "htm": "GET", "htu": URL, "iat": NOW});
    let typed = stand.client.key.sign_jwt_with_jwk("JWT", &claims).unwrap();
    assert_eq!(stand.with("DPoP", Some(&typed)).await, invalid);
    let keyless = stand.client.key.sign_jwt("dpop+jwt", &claims).unwrap();
    assert_eq!(stand.with("DPoP", Some(&keyless)).await, invalid);
}

#[tokio::test]
async fn a_proof_is_remembered_until_it_is_too_old_by_itself() {
    let stand = stand(json!({}), json!({"exp": NOW + 600})).await;
    let proof = stand.client.proof(&stand.token, None);
    assert_eq!(stand.with("DPoP", Some(&proof)).await, Ok(Binding::Dpop));
    for (seconds, code) in [(60, "dpop_proof_replayed"), (1, "dpop_proof_invalid")] {
        stand.issuer.clock.advance(seconds);
        let refused = stand.with("DPoP", Some(&proof)).await.unwrap_err();
        assert_eq!(refused, format!("guard.{code}"));
    }
}

/// Attack F10.
#[tokio::test]
async fn f10_a_bound_token_serves_nobody_else() {
    let stand = stand(json!({"sender_constrained": false}), json!({})).await;
    let thief = TestClient::new();
    let proof = thief.proof(&stand.token, None);
    assert_eq!(
        stand.with("DPoP", Some(&proof)).await,
        Err("guard.dpop_key_mismatch")
    );
    let mismatch = Err("guard.token_scheme_mismatch");
    assert_eq!(stand.with("Bearer", None).await, mismatch);
    let proof = stand.client.proof(&stand.token, None);
    assert_eq!(stand.with("Bearer", Some(&proof)).await, mismatch);
    assert_eq!(stand.with("DPoP", Some(&proof)).await, Ok(Binding::Dpop));
}

#[tokio::test]
async fn a_bearer_token_is_let_in_only_where_that_is_configured() {
    let bearer = json!({ "cnf": null });
    let strict = stand(json!({}), bearer.clone()).await;
    assert_eq!(
        strict.with("Bearer", None).await,
        Err("guard.token_unbound")
    );
    let lax = stand(json!({"sender_constrained": false}), bearer).await;
    assert_eq!(lax.with("Bearer", None).await, Ok(Binding::None));
    let proof = lax.client.proof(&lax.token, None);
    let mismatch = Err("guard.token_scheme_mismatch");
    assert_eq!(lax.with("DPoP", Some(&proof)).await, mismatch);
}

/// Attack F9.
#[tokio::test]
async fn f9_where_nonces_are_required_a_proof_has_a_fresh_one_of_this_guard() {
    let required = json!({"dpop_nonce": "required"});
    let stand = stand(required.clone(), json!({"exp": NOW + 600})).await;
    let with = |nonce: Option<&str>| stand.client.proof(&stand.token, nonce);
    let missing = stand.with("DPoP", Some(&with(None))).await;
    assert_eq!(missing, Err("guard.dpop_nonce_missing"));
    let nonce = stand.check.dpop_nonce().unwrap();
    let good = with(Some(&nonce));
    assert_eq!(stand.with("DPoP", Some(&good)).await, Ok(Binding::Dpop));
    assert_eq!(
        stand.with("DPoP", Some(&good)).await,
        Err("guard.dpop_proof_replayed")
    );
    let invalid = Err("guard.dpop_nonce_invalid");
    // Attack H19: a proof that another guard has seen is not good here.
    let elsewhere = stand.issuer.check(&required).await.dpop_nonce().unwrap();
    assert_eq!(
        stand.with("DPoP", Some(&with(Some(&elsewhere)))).await,
        invalid
    );
    let (late, later) = (with(Some(&nonce)), with(Some(&nonce)));
    // The client's clock may be wrong by four minutes.
    stand.issuer.clock.advance(240);
    assert_eq!(stand.with("DPoP", Some(&late)).await, Ok(Binding::Dpop));
    stand.issuer.clock.advance(91);
    assert_eq!(stand.with("DPoP", Some(&later)).await, invalid);
}

#[test]
fn a_memory_of_proofs_refuses_rather_than_forgets() {
    let memory = ReplayMemory::new(16, 3);
    let spend = |jkt: &str, jti: &str, until: i64, now: i64| {
        let spent = memory.spend(jkt, jti, until, now);
        spent.map(|_| ()).map_err(|error| error.code())
    };
    let many = Err("guard.dpop_proofs_too_many");
    for jti in ["one", "two", "three"] {
        // Only one proof has room in each of 16 parts of the memory.
        let expected = if jti == "one" { Ok(()) } else { many };
        assert_eq!(spend("key", jti, 100, 50), expected, "{jti}");
    }
    assert_eq!(
        spend("key", "one", 100, 100),
        Err("guard.dpop_proof_replayed")
    );
    assert_eq!(spend("key", "two", 200, 101), Ok(()));
    let wide = ReplayMemory::new(16_000, 3);
    for number in 0..5 {
        let outcome = wide.spend("key", &format!("{number}"), 100, 50);
        assert_eq!(outcome.is_ok(), number < 3, "{number}");
    }
    assert!(wide.spend("another", "0", 100, 50).is_ok());
}

fn certificate() -> X509 {
    let key = openssl::rsa::Rsa::generate(2048).unwrap();
    let key = openssl::pkey::PKey::from_rsa(key).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_pubkey(&key).unwrap();
    let day = openssl::asn1::Asn1Time::days_from_now(1).unwrap();
    let now = openssl::asn1::Asn1Time::days_from_now(0).unwrap();
    builder.set_not_before(&now).unwrap();
    builder.set_not_after(&day).unwrap();
    let digest = openssl::hash::MessageDigest::sha256();
    builder.sign(&key, digest).unwrap();
    builder.build()
}

/// Attack F11.
#[tokio::test]
async fn f11_a_token_of_a_certificate_needs_that_certificate() {
    let der = certificate().to_der().unwrap();
    let own = CertificateDigest::of_der(&der);
    let other = CertificateDigest::of_der(b"another");
    let cnf = json!({"cnf": {"x5t#S256": own.as_str()}});
    let stand = stand(json!({}), cnf).await;
    let bearer = headers(&format!("Bearer {}", stand.token), None);
    let with = async |certificate: Option<&CertificateDigest>| {
        let seen = RequestSeen {
            certificate,
            ..SEEN
        };
        let outcome = stand.check.check(&bearer, &seen, &[]).await;
        outcome
            .map(|access| access.binding())
            .map_err(|error| error.code())
    };
    assert_eq!(with(Some(&own)).await, Ok(Binding::Certificate));
    assert_eq!(with(None).await, Err("guard.certificate_missing"));
    assert_eq!(with(Some(&other)).await, Err("guard.certificate_mismatch"));
    let proof = stand.client.proof(&stand.token, None);
    let refused = stand.with("DPoP", Some(&proof)).await;
    assert_eq!(refused, Err("guard.certificate_missing"));
}

#[tokio::test]
async fn the_hexadecimal_digits_of_a_digest_are_no_digest() {
    let der = certificate().to_der().unwrap();
    let own = CertificateDigest::of_der(&der);
    let hex = cardea_jose::base64url("ab".repeat(32).as_bytes());
    let stand = stand(json!({}), json!({"cnf": {"x5t#S256": hex}})).await;
    let bearer = headers(&format!("Bearer {}", stand.token), None);
    let seen = RequestSeen {
        certificate: Some(&own),
        ..SEEN
    };
    let refused = stand.check.check(&bearer, &seen, &[]).await.unwrap_err();
    assert_eq!(refused.code(), "guard.certificate_mismatch");
    assert_ne!(some_digest(), own.as_str());
}

#[test]
fn three_forms_of_a_proxys_header_name_the_same_certificate() {
    use base64::Engine as _;
    let certificate = certificate();
    let der = certificate.to_der().unwrap();
    let base64 = base64::engine::general_purpose::STANDARD.encode(&der);
    let pem = String::from_utf8(certificate.to_pem().unwrap()).unwrap();
    let escaped = pem
        .replace('\n', "%0A")
        .replace('+', "%2B")
        .replace(' ', "%20");
    let read = |form: CertificateHeader, values: &[&str]| {
        let mut headers = HeaderMap::new();
        let name = match form {
            CertificateHeader::Rfc9440 => "client-cert",
            CertificateHeader::PemUrlencoded => "x-ssl-client-cert",
            CertificateHeader::Traefik => "x-forwarded-tls-client-cert",
        };
        for value in values {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        form.read(&headers).map_err(|error| error.code())
    };
    let digest = Ok(Some(CertificateDigest::of_der(&der)));
    let bytes = format!(":{base64}:");
    let traefik = format!(
        "{},{}",
        base64.replace('+', "%2B"),
        base64.replace('+', "%2B")
    );
    for (form, good) in [
        (CertificateHeader::Rfc9440, &bytes),
        (CertificateHeader::PemUrlencoded, &escaped),
        (CertificateHeader::Traefik, &traefik),
    ] {
        assert_eq!(read(form, &[good]), digest, "{form:?}");
        assert_eq!(read(form, &[]), Ok(None));
        assert_eq!(read(form, &[" "]), Ok(None));
        let malformed = Err("guard.certificate_header_malformed");
        assert_eq!(read(form, &[good, good]), malformed, "twice");
        assert_eq!(read(form, &["AAAA"]), malformed);
        assert_eq!(read(form, &[&"A".repeat(25_000)]), malformed);
    }
    let joined = format!("{bytes}, {bytes}");
    let malformed = Err("guard.certificate_header_malformed");
    assert_eq!(read(CertificateHeader::Rfc9440, &[&joined]), malformed);
}

#[tokio::test]
async fn a_proof_by_an_algorithm_that_is_not_configured_is_refused() {
    let stand = stand(json!({"algorithms": ["ES256"]}), json!({})).await;
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let target = DpopTarget {
        method: "GET",
        url: URL,
        access_token: Some(&stand.token),
    };
    let proof = sign_dpop_proof(&key, &target, NOW, None).unwrap();
    let refused = stand.with("DPoP", Some(&proof)).await;
    assert_eq!(refused, Err("guard.dpop_proof_invalid"));
}
