//! Clients that show certificates, over real TLS and behind a proxy (RFC 8705, RFC 9440, attacks
//! F11 and H11). The server is a program of its own; curl and reqwest are its clients.

mod behind_proxy;
mod bound_tokens;
mod fapi2;
mod haproxy;
mod nginx;
mod reloaded;
mod stand;

use cardea_jose::{Algorithm, DpopTarget, SigningKey, sign_dpop_proof};
use serde_json::json;

use self::stand::{SERVICE, Stand};
use crate::revocation_host::{Answer, now};
use crate::test_app::TestApp;

const FORM: [&str; 4] = [
    "--data",
    "grant_type=client_credentials",
    "--data",
    "client_id=service",
];

#[tokio::test]
async fn f3_a_service_is_proven_by_its_certificate_in_the_handshake() {
    let stand = Stand::open("").await;
    let spec = stand.spec(SERVICE);
    stand.issue("own", &spec);
    stand.issue("other", &stand.spec("other.example.fr"));
    stand.issue("expired", &spec.clone().expired(now()));
    stand.issue_elsewhere("stranger", &spec);
    for http in ["--http1.1", "--http2"] {
        let answer = stand
            .curl(Some("own"), "/token", &[&FORM[..], &[http]].concat())
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body["scope"], "read");
    }
    for (certificate, code) in [
        (None, "provider.client_certificate_missing"),
        (
            Some("other"),
            "provider.client_certificate_subject_mismatch",
        ),
        (Some("expired"), "pki.certificate_expired"),
        (Some("stranger"), "pki.untrusted_anchor"),
    ] {
        let answer = stand.curl(certificate, "/token", &FORM).await;
        assert_eq!(answer.refusal(), (401, "invalid_client", code));
    }
    // What the owner of the key did not prove is nobody's: the header is a caller's own words.
    let header = format!("Client-Cert: {}", stand.binary("own"));
    let spoofed = [&FORM[..], &["--header", &header]].concat();
    let answer = stand.curl(None, "/token", &spoofed).await;
    let missing = (401, "invalid_client", "provider.client_certificate_missing");
    assert_eq!(answer.refusal(), missing);
    let answer = stand.curl_main("/token", &spoofed).await;
    assert_eq!(answer.refusal(), missing);

    stand.host.change(|behaviour| {
        behaviour.ocsp = Answer::Revoked;
        behaviour.crl = Answer::Revoked;
    });
    let answer = stand.curl(Some("own"), "/token", &FORM).await;
    let revoked = (401, "invalid_client", "pki.certificate_revoked");
    assert_eq!(answer.refusal(), revoked);
}

/// The chain that comes along is anybody's: only the leaf's key is proven.
#[tokio::test]
async fn f11_a_certificate_higher_up_in_the_chain_proves_nothing() {
    let stand = Stand::open("").await;
    stand.issue("own", &stand.spec(SERVICE));
    stand.issue("other", &stand.spec("other.example.fr"));
    stand.append("other", "own");
    let answer = stand.curl(Some("other"), "/token", &FORM).await;
    let mismatch = "provider.client_certificate_subject_mismatch";
    assert_eq!(answer.refusal(), (401, "invalid_client", mismatch));
}

#[tokio::test]
async fn a_self_signed_certificate_is_known_by_its_registered_key() {
    let stand = Stand::open("").await;
    let form = [
        "--data",
        "grant_type=client_credentials",
        "--data",
        "client_id=alone",
    ];
    let answer = stand.curl(Some("alone"), "/token", &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    stand.issue("own", &stand.spec(SERVICE));
    let answer = stand.curl(Some("own"), "/token", &form).await;
    let unregistered = "provider.client_certificate_unregistered";
    assert_eq!(answer.refusal(), (401, "invalid_client", unregistered));
}

#[tokio::test]
async fn discovery_tells_of_the_listener_exactly_where_there_is_one() {
    let stand = Stand::open("").await;
    let at = |path: &str| format!("{}{path}", stand.url);
    let document = stand
        .curl_main("/.well-known/openid-configuration", &[])
        .await
        .body;
    assert_eq!(document["tls_client_certificate_bound_access_tokens"], true);
    let aliases = json!({
        "token_endpoint": at("/token"),
        "pushed_authorization_request_endpoint": at("/par"),
        "introspection_endpoint": at("/introspect"),
        "device_authorization_endpoint": at("/device_authorization"),
        "revocation_endpoint": at("/revoke"),
        "userinfo_endpoint": at("/userinfo"),
    });
    assert_eq!(document["mtls_endpoint_aliases"], aliases);
    let methods = document["token_endpoint_auth_methods_supported"].to_string();
    assert!(
        methods.contains("\"tls_client_auth\",\"self_signed_tls_client_auth\""),
        "{methods}"
    );
    // Pages are not there: browsers would ask their users for certificates.
    for path in [
        "/authorize",
        "/jwks",
        "/.well-known/openid-configuration",
        "/logout",
    ] {
        assert_eq!(stand.curl(None, path, &[]).await.status, 404, "{path}");
    }

    let plain = TestApp::start().await;
    let document = plain
        .get("/.well-known/openid-configuration")
        .send()
        .await
        .unwrap();
    let document = document.text().await.unwrap();
    assert!(!document.contains("tls_client"), "{document}");
    assert!(!document.contains("mtls"), "{document}");
}

/// The address that a proof is made for is the one that the client calls (RFC 9449 section 4.3).
#[tokio::test]
async fn f9_a_dpop_proof_names_the_address_of_this_listener() {
    let stand = Stand::open("").await;
    let form = [
        "--data",
        "grant_type=client_credentials",
        "--data",
        "client_id=alone",
    ];
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let main = stand.main_url.as_str();
    for (origin, htu, refused) in [
        (stand.url.as_str(), stand.url.as_str(), None),
        (stand.url.as_str(), main, Some("jose.dpop_request_mismatch")),
    ] {
        let first = stand.curl_at(origin, Some("alone"), "/token", &form).await;
        let nonce = first.header("dpop-nonce");
        let target = DpopTarget {
            method: "POST",
            url: &format!("{htu}/token"),
            access_token: None,
        };
        let now = now().unix_timestamp();
        let proof = sign_dpop_proof(&key, &target, now, Some(&nonce)).unwrap();
        let header = format!("DPoP: {proof}");
        let arguments = [&form[..], &["--header", &header]].concat();
        let answer = stand
            .curl_at(origin, Some("alone"), "/token", &arguments)
            .await;
        match refused {
            None => assert_eq!(answer.body["token_type"], "DPoP", "{answer:?}"),
            Some(code) => assert_eq!(answer.refusal(), (400, "invalid_dpop_proof", code)),
        }
    }
}
