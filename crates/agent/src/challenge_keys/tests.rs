use std::sync::Mutex as StdMutex;

use axum::Router;
use axum::extract::State as Extract;
use axum::routing::get;
use cardea_jose::{Algorithm, JwkSet, SigningKey};

use super::*;
use crate::enrolment::IssuerUrl;
use crate::issuer_tls;

struct Issuer {
    url: String,
    body: Arc<StdMutex<(u16, String)>>,
    root: SigningKey,
    state_dir: tempfile::TempDir,
}

impl Issuer {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let body = Arc::new(StdMutex::new((503, String::new())));
        let answer = |Extract(body): Extract<Arc<StdMutex<(u16, String)>>>| async move {
            let (status, text) = body.lock().unwrap().clone();
            (axum::http::StatusCode::from_u16(status).unwrap(), text)
        };
        let router = Router::new()
            .route("/.well-known/cardea-challenge-keys", get(answer))
            .with_state(Arc::clone(&body));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let root = SigningKey::generate(Algorithm::Es256).unwrap();
        Self {
            url,
            body,
            root,
            state_dir: tempfile::tempdir().unwrap(),
        }
    }

    fn list(&self, version: u64, keys: &[&SigningKey]) -> ChallengeKeyList {
        let keys = keys.iter().map(|key| key.public_jwk().clone()).collect();
        ChallengeKeyList {
            iss: self.url.clone(),
            version,
            iat: 0,
            keys: JwkSet { keys },
        }
    }

    fn publish(&self, text: &str) {
        *self.body.lock().unwrap() = (200, text.to_owned());
    }

    fn agent(&self) -> Result<ChallengeKeys, Error> {
        self.agent_in(self.state_dir.path())
    }

    fn agent_in(&self, state_dir: &Path) -> Result<ChallengeKeys, Error> {
        let enrolment = Arc::new(Enrolment {
            issuer: IssuerUrl::parse(&self.url).unwrap(),
            name: "Test".to_owned(),
            origins: Vec::new(),
            roots: vec![self.root.public_jwk().clone()],
            ca_pem: None,
            log: None,
        });
        let client = issuer_tls::http_client(&enrolment)?;
        ChallengeKeys::new(enrolment, client, state_dir)
    }
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

async fn code(keys: &ChallengeKeys, kid: &str) -> Option<&'static str> {
    keys.find(kid).await.err().map(|error| error.code())
}

/// As if the last fetch had been some time ago.
async fn later(keys: &ChallengeKeys, by: Duration) {
    let mut state = keys.state.lock().await;
    state.tried_at = None;
    if let Some((_, fetched_at)) = &mut state.list {
        *fetched_at = fetched_at.checked_sub(by).unwrap();
    }
}

#[tokio::test]
async fn a_listed_key_is_found_and_an_unknown_one_fetched_for() {
    let (issuer, first, second) = (Issuer::start().await, key(), key());
    issuer.publish(&issuer.list(1, &[&first]).sign(&issuer.root).unwrap());
    let keys = issuer.agent().unwrap();
    assert_eq!(code(&keys, first.kid()).await, None);
    issuer.publish(
        &issuer
            .list(2, &[&first, &second])
            .sign(&issuer.root)
            .unwrap(),
    );
    // Fetched a moment ago: the unknown key does not cause another fetch.
    assert_eq!(
        code(&keys, second.kid()).await,
        Some("agent.challenge_invalid")
    );
    later(&keys, Duration::ZERO).await;
    assert_eq!(code(&keys, second.kid()).await, None);
}

#[tokio::test]
async fn an_older_list_is_refused_also_after_a_restart() {
    let (issuer, key) = (Issuer::start().await, key());
    issuer.publish(&issuer.list(7, &[&key]).sign(&issuer.root).unwrap());
    let keys = issuer.agent().unwrap();
    assert_eq!(code(&keys, key.kid()).await, None);
    issuer.publish(&issuer.list(6, &[&key]).sign(&issuer.root).unwrap());
    later(&keys, FRESH + Duration::from_secs(1)).await;
    assert_eq!(
        code(&keys, key.kid()).await,
        Some("agent.challenge_keys_rolled_back")
    );
    let restarted = issuer.agent().unwrap();
    assert_eq!(
        code(&restarted, key.kid()).await,
        Some("agent.challenge_keys_rolled_back")
    );
    issuer.publish(&issuer.list(7, &[&key]).sign(&issuer.root).unwrap());
    later(&restarted, Duration::ZERO).await;
    assert_eq!(code(&restarted, key.kid()).await, None);
}

/// A key that was taken out of the list may be in a thief's hands: from the moment on that a newer
/// list is known, nothing that it signs is believed, however young the older list was.
#[tokio::test]
async fn a_key_that_a_newer_list_leaves_out_is_refused_at_once() {
    let (issuer, withdrawn, fresh) = (Issuer::start().await, key(), key());
    let sign = |version, keys: &[&SigningKey]| issuer.list(version, keys).sign(&issuer.root);
    issuer.publish(&sign(1, &[&withdrawn]).unwrap());
    let keys = issuer.agent().unwrap();
    assert_eq!(code(&keys, withdrawn.kid()).await, None);
    issuer.publish(&sign(2, &[&fresh]).unwrap());
    later(&keys, Duration::ZERO).await;
    // A challenge under the new key makes the newer list known.
    assert_eq!(code(&keys, fresh.kid()).await, None);
    let refused = Some("agent.challenge_invalid");
    assert_eq!(code(&keys, withdrawn.kid()).await, refused);
    // The old list does not come back: not now, not after a restart, not while nobody answers.
    issuer.publish(&sign(1, &[&withdrawn]).unwrap());
    later(&keys, Duration::ZERO).await;
    let rolled_back = Some("agent.challenge_keys_rolled_back");
    assert_eq!(code(&keys, withdrawn.kid()).await, rolled_back);
    let restarted = issuer.agent().unwrap();
    assert_eq!(code(&restarted, withdrawn.kid()).await, rolled_back);
    *issuer.body.lock().unwrap() = (503, String::new());
    later(&keys, FRESH + Duration::from_secs(1)).await;
    let unreachable = Some("agent.challenge_keys_unreachable");
    assert_eq!(code(&keys, withdrawn.kid()).await, unreachable);
}

#[tokio::test]
async fn each_issuer_has_a_version_of_its_own() {
    let (first, second) = (Issuer::start().await, Issuer::start().await);
    // Both in the state folder of one workstation.
    let (shared, key) = (first.state_dir.path(), key());
    first.publish(&first.list(9, &[&key]).sign(&first.root).unwrap());
    second.publish(&second.list(1, &[&key]).sign(&second.root).unwrap());
    let of_first = first.agent_in(shared).unwrap();
    let of_second = second.agent_in(shared).unwrap();
    assert_eq!(code(&of_first, key.kid()).await, None);
    assert_eq!(code(&of_second, key.kid()).await, None);
    // What is remembered of one says nothing of the other, and does not pass for it.
    assert_ne!(of_first.version_file, of_second.version_file);
    std::fs::copy(&of_second.version_file, &of_first.version_file).unwrap();
    let swapped = first.agent_in(shared).err().unwrap();
    assert_eq!(swapped.code(), "agent.state_unusable");
}

#[tokio::test]
async fn lists_that_no_pinned_root_signed_for_this_issuer_are_refused() {
    let (issuer, key, stranger) = (Issuer::start().await, key(), key());
    let other = ChallengeKeyList {
        iss: "https://other.example".into(),
        ..issuer.list(1, &[&key])
    };
    let typ = issuer
        .root
        .sign_jwt("card-challenge+jwt", &issuer.list(1, &[&key]))
        .unwrap();
    let cases = [
        issuer.list(1, &[&key]).sign(&stranger).unwrap(),
        other.sign(&issuer.root).unwrap(),
        typ,
        "nonsense".to_owned(),
        String::new(),
    ];
    for text in cases {
        issuer.publish(&text);
        let found = code(&issuer.agent().unwrap(), key.kid()).await;
        assert_eq!(found, Some("agent.challenge_keys_invalid"), "{text}");
    }
}

#[tokio::test]
async fn an_unreachable_issuer_is_bridged_by_a_list_of_today_only() {
    let (issuer, key) = (Issuer::start().await, key());
    let keys = issuer.agent().unwrap();
    assert_eq!(
        code(&keys, key.kid()).await,
        Some("agent.challenge_keys_unreachable")
    );
    issuer.publish(&issuer.list(1, &[&key]).sign(&issuer.root).unwrap());
    later(&keys, Duration::ZERO).await;
    assert_eq!(code(&keys, key.kid()).await, None);
    for (status, text) in [(302, "x".to_owned()), (200, "x".repeat(100_000))] {
        *issuer.body.lock().unwrap() = (status, text);
        later(&keys, FRESH + Duration::from_secs(1)).await;
        assert_eq!(code(&keys, key.kid()).await, None);
    }
    let mut state = keys.state.lock().await;
    assert!(state.key(key.kid(), USABLE).is_some());
    if let Some((_, fetched_at)) = &mut state.list {
        *fetched_at = fetched_at.checked_sub(USABLE).unwrap_or(*fetched_at);
    }
    // A machine that has not been up for a day cannot show this.
    let old = state
        .list
        .as_ref()
        .is_some_and(|(_, fetched)| fetched.elapsed() > USABLE);
    assert_eq!(state.key(key.kid(), USABLE).is_none(), old);
}

#[tokio::test]
async fn a_damaged_memory_stops_the_agent() {
    let (issuer, key) = (Issuer::start().await, key());
    issuer.publish(&issuer.list(1, &[&key]).sign(&issuer.root).unwrap());
    let keys = issuer.agent().unwrap();
    assert_eq!(code(&keys, key.kid()).await, None);
    std::fs::write(&keys.version_file, "{}").unwrap();
    assert_eq!(issuer.agent().err().unwrap().code(), "agent.state_unusable");
}
