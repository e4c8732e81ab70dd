//! The service behind the real guard, with tokens of an issuer of this test.

use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_json::{Value, json};

use super::{Asking, Desk, WALK, WayOut};
use crate::clock;
use crate::config::Config;
use crate::language::Language;

pub(crate) struct Issuer {
    pub(crate) url: String,
    key: PKey<Private>,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = Rsa::generate(2048).unwrap();
        let text = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        let keys = json!({"keys": [{
            "kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig",
            "n": text(key.n().to_vec()), "e": text(key.e().to_vec()),
        }]});
        let document = json!({"issuer": url, "jwks_uri": format!("{url}/jwks")});
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async || Json(document)),
            )
            .route("/jwks", get(async || Json(keys)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let key = PKey::from_rsa(key).unwrap();
        Self { url, key }
    }

    pub(crate) fn token(&self, subject: &str) -> String {
        let now = clock::unix_seconds();
        let claims = json!({
            "iss": self.url, "aud": self.url, "sub": subject, "client_id": "portal",
            "iat": now, "exp": now + 300, "jti": format!("{subject}-token"),
            "sid": format!("{subject}-session"), "auth_time": now - 10,
            "acr": "urn:cardea:acr:card-pin", "amr": ["sc", "pin"], "scope": "openid",
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": "one"});
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).unwrap();
        let signature = signer.sign_oneshot_to_vec(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A service whose guard has the keys.
    pub(crate) async fn desk(&self, folder: &std::path::Path) -> Desk {
        let text = format!(
            "issuer = \"{}\"\nclient_id = \"portal\"\nlisten = \"127.0.0.1:1\"\n\
             public_url = \"http://127.0.0.1:1\"\n",
            self.url
        );
        let config: Config = toml::from_str(&text).unwrap();
        let desk = Desk::open(&config, folder).unwrap();
        let token = self.token("somebody-else");
        for _ in 0..1_000 {
            let outcome = desk.search(&asking(&token), "Zzz").await;
            let code = outcome.withheld.map(|it| it.code).unwrap_or_default();
            if code != "guard.not_ready" {
                return desk;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the guard never has the keys");
    }
}

fn asking(token: &str) -> Asking<'_> {
    Asking {
        token,
        language: Language::English,
    }
}

#[tokio::test]
async fn a_person_finds_patients_and_each_counts_once() {
    let (issuer, folder) = (Issuer::start().await, tempfile::tempdir().unwrap());
    let (desk, token) = (issuer.desk(folder.path()).await, issuer.token("a-person"));
    let outcome = desk.search(&asking(&token), " alix abri").await;
    assert!(outcome.withheld.is_none(), "{:?}", outcome.withheld);
    let mut names = outcome.found.iter().map(|(_, name)| name);
    assert!(names.all(|name| name == "Alix Abricot"));
    assert!(outcome.found.len() > 1);
    let seen = desk.seen("a-person");
    assert_eq!(seen, outcome.found.len());
    desk.search(&asking(&token), "Abricot Alix").await;
    assert_eq!(desk.seen("a-person"), seen);
    // A miss tells something too.
    let outcome = desk.search(&asking(&token), "Nobody").await;
    assert!(outcome.found.is_empty() && outcome.withheld.is_none());
    assert_eq!(desk.seen("a-person"), seen + 1);
    assert_eq!(desk.seen("another"), 0);
}

#[tokio::test]
async fn a_robot_is_stopped_and_told_why() {
    let (issuer, folder) = (Issuer::start().await, tempfile::tempdir().unwrap());
    let (desk, token) = (issuer.desk(folder.path()).await, issuer.token("a-robot"));
    let (mut found, mut last) = (0, None);
    for from in (0..500).step_by(WALK) {
        let outcome = desk.walk(&asking(&token), from).await;
        found += outcome.found.len();
        if let Some(withheld) = outcome.withheld {
            assert!(!withheld.detail.is_empty());
            let is_over = withheld.way_out == WayOut::Stopped || withheld.way_out == WayOut::Call;
            assert_eq!(is_over, withheld.code.ends_with("_stopped"));
            last = Some(withheld.code);
        }
    }
    let stopped = ["guard.session_stopped", "guard.account_stopped"];
    assert!(stopped.contains(&last.as_deref().unwrap()), "{last:?}");
    assert!((1..=100).contains(&found), "it saw {found} patients");
    assert_eq!(desk.seen("a-robot"), found);
}

#[tokio::test]
async fn nobody_is_told_anything_without_a_token_of_the_issuer() {
    let (issuer, other, folder) = (
        Issuer::start().await,
        Issuer::start().await,
        tempfile::tempdir().unwrap(),
    );
    let desk = issuer.desk(folder.path()).await;
    for token in [other.token("a-person"), String::new(), "a\nb".to_owned()] {
        let outcome = desk.search(&asking(&token), "Abricot").await;
        assert!(outcome.found.is_empty(), "{token}");
    }
    assert_eq!(desk.seen("a-person"), 0);
}
