//! An issuer with its keys, and callers with its tokens.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::routing::get;
use axum::{Json, Router};
use cardea_jose::{Algorithm, DpopTarget, SigningKey, sha256_base64url, sign_dpop_proof};
use serde_json::{Value, json};

pub(crate) const AUDIENCE: &str = "https://api.example.fr/";
pub(crate) const ORIGIN: &str = "http://api.example.fr";
const PATH: &str = "/records/1";

/// What a caller shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A token that is bound to nothing.
    Bearer,
    /// A token that is bound to the certificate which the proxy has seen.
    Certificate,
    /// A token that is bound to a key, and a proof of this request.
    Dpop,
}

pub(crate) struct Issuer {
    pub url: String,
    /// The certificate that the proxy has seen, in DER.
    pub certificate: Vec<u8>,
    sessions: Vec<Session>,
}

struct Session {
    key: SigningKey,
    tokens: [String; 3],
}

impl Issuer {
    pub(crate) async fn start(sessions: usize) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = SigningKey::generate(Algorithm::Rs256).unwrap();
        let keys = json!({"keys": [key.public_jwk()]});
        let document = json!({"issuer": url, "jwks_uri": format!("{url}/jwks")});
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async || Json(document)),
            )
            .route("/jwks", get(async || Json(keys)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let certificate = certificate();
        let x5t = sha256_base64url(&certificate);
        let sessions = (0..sessions).map(|number| session(&url, &key, number, &x5t));
        Self {
            sessions: sessions.collect(),
            url,
            certificate,
        }
    }

    /// Whole requests, so many for each connection.
    pub(crate) fn requests(
        &self,
        shown: Credential,
        connections: usize,
        each: usize,
    ) -> Vec<Vec<Vec<u8>>> {
        let now = unix_seconds();
        let mut all = vec![Vec::new(); connections * each];
        // One session after the other: a key that was read once signs all its proofs, where taking
        // turns would have each key read anew for each proof.
        for (place, session) in self.sessions.iter().enumerate() {
            for request in all.iter_mut().skip(place).step_by(self.sessions.len()) {
                *request = session.request(shown, now);
            }
        }
        all.chunks(each.max(1)).map(<[_]>::to_vec).collect()
    }
}

fn session(issuer: &str, key: &SigningKey, number: usize, x5t: &str) -> Session {
    let now = unix_seconds();
    let own = SigningKey::generate(Algorithm::Es256).unwrap();
    let token = |kind: &str, bound: Value| {
        let mut claims = json!({
            "iss": issuer, "sub": format!("person-{number:032}"), "aud": AUDIENCE,
            "client_id": "portal", "exp": now + 590, "iat": now,
            "jti": format!("{kind}-{number:016}"),
            "scope": "openid records.read", "auth_time": now - 60,
            "acr": "urn:cardea:acr:card-pin", "amr": ["sc", "pin", "hwk", "mfa"],
            "sid": format!("session-{number:032}"),
        });
        if !bound.is_null() {
            claims["cnf"] = bound;
        }
        key.sign_jwt("at+jwt", &claims).unwrap()
    };
    Session {
        tokens: [
            token("bearer", Value::Null),
            token("mtls", json!({"x5t#S256": x5t})),
            token("dpop", json!({"jkt": own.public_jwk().thumbprint()})),
        ],
        key: own,
    }
}

impl Session {
    fn request(&self, shown: Credential, now: i64) -> Vec<u8> {
        let [bearer, certificate, dpop] = &self.tokens;
        let authorization = match shown {
            Credential::Bearer => format!("Bearer {bearer}"),
            Credential::Certificate => format!("Bearer {certificate}"),
            Credential::Dpop => {
                let target = DpopTarget {
                    method: "GET",
                    url: &format!("{ORIGIN}{PATH}"),
                    access_token: Some(dpop),
                };
                let proof = sign_dpop_proof(&self.key, &target, now, None).unwrap();
                format!("DPoP {dpop}\r\nDPoP: {proof}")
            }
        };
        let request = format!(
            "GET {PATH} HTTP/1.1\r\nHost: api.example.fr\r\nAccept: application/json\r\n\
             User-Agent: bench\r\nAuthorization: {authorization}\r\n\r\n"
        );
        request.into_bytes()
    }
}

/// A caller's own: whom it names and who signed it is the proxy's business.
fn certificate() -> Vec<u8> {
    let key = SigningKey::generate(Algorithm::Rs256).unwrap();
    let key = openssl::pkey::PKey::private_key_from_der(&key.to_der().unwrap()).unwrap();
    let mut builder = openssl::x509::X509::builder().unwrap();
    let days = |days| openssl::asn1::Asn1Time::days_from_now(days).unwrap();
    builder.set_version(2).unwrap();
    builder.set_not_before(&days(0)).unwrap();
    builder.set_not_after(&days(1)).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder
        .sign(&key, openssl::hash::MessageDigest::sha256())
        .unwrap();
    builder.build().to_der().unwrap()
}

fn unix_seconds() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the guard has a real clock, too")]
    let now = SystemTime::now();
    let now = now.duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap()
}
