//! An issuer of the tests: keys, introspection and an event stream as a test wants them.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use cardea_jose::{Algorithm, DpopTarget, SigningKey, base64url, sign_dpop_proof};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::{AccessError, Demand, RequestSeen, TokenCheck, TokenConfig, VerifiedAccess};

pub(crate) const AUDIENCE: &str = "https://api.example.fr/";
pub(crate) const URL: &str = "https://api.example.fr/records/1";
pub(crate) const NOW: i64 = 1_796_000_000;

/// A clock that stands until it is moved.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(NOW * 1000)))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn unix_milliseconds(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a test has the issuer say.
pub(crate) struct Says {
    /// Published keys.
    pub(crate) keys: Vec<SigningKey>,
    /// 503 from everything.
    pub(crate) is_down: bool,
    pub(crate) issuer: Option<String>,
    pub(crate) introspection: Value,
    /// The whole signed answer, where one is wanted.
    pub(crate) signed_introspection: Option<String>,
    pub(crate) has_stream: bool,
    /// SETs that wait, by `jti`.
    pub(crate) sets: BTreeMap<String, String>,
    /// The heartbeat of an answer.
    pub(crate) heartbeat: Option<Value>,
    pub(crate) acknowledged: Vec<String>,
    /// What receivers complained of.
    pub(crate) set_errors: Vec<String>,
    pub(crate) streams: Vec<String>,
    pub(crate) reports: TakenReports,
}

/// What guards reported, and how that is answered.
#[derive(Default)]
pub(crate) struct TakenReports {
    /// By their ids: each once.
    pub(crate) on_record: BTreeMap<String, Value>,
    /// The patients of each batch that came, in order.
    pub(crate) batches: Vec<Vec<String>>,
    /// Takes them, and its answer gets lost.
    pub(crate) is_answer_lost: bool,
    /// A status and code for everything.
    pub(crate) refusal: Option<(StatusCode, &'static str)>,
    /// Whoever names this patient is refused by itself.
    pub(crate) foreign: Option<&'static str>,
    /// Whoever names this patient spoils its batch.
    pub(crate) malformed: Option<&'static str>,
    /// A proxy lets nothing through that names this patient.
    pub(crate) blocked: Option<&'static str>,
}

pub(crate) struct TestIssuer {
    pub(crate) url: String,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) key: SigningKey,
    pub(crate) shared: Arc<Shared>,
    folder: tempfile::TempDir,
}

pub(crate) struct Shared {
    pub(crate) says: Mutex<Says>,
    pub(crate) key_fetches: AtomicUsize,
    pub(crate) introspections: AtomicUsize,
    key: SigningKey,
    url: String,
}

impl TestIssuer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let shared = Arc::new(Shared {
            says: Mutex::new(Says {
                keys: vec![key.clone()],
                is_down: false,
                issuer: None,
                introspection: json!({"active": true}),
                signed_introspection: None,
                has_stream: true,
                sets: BTreeMap::new(),
                heartbeat: Some(json!({"iat": NOW, "since": NOW - 100, "sequence": 0})),
                acknowledged: Vec::new(),
                set_errors: Vec::new(),
                streams: Vec::new(),
                reports: TakenReports::default(),
            }),
            key_fetches: AtomicUsize::new(0),
            introspections: AtomicUsize::new(0),
            key: key.clone(),
            url: url.clone(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/.well-known/ssf-configuration", get(transmitter))
            .route("/jwks", get(jwks))
            .route("/introspect", post(introspect))
            .route("/events", post(events))
            .route("/guard/reports", post(take_reports))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "the-guards-secret\n").unwrap();
        Self {
            url,
            clock: TestClock::new(),
            key,
            shared,
            folder,
        }
    }

    pub(crate) fn say(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.shared.says.lock().unwrap());
    }

    /// A configuration, with these members changed.
    pub(crate) fn config(&self, changes: &Value) -> TokenConfig {
        let mut config = json!({
            "issuer": self.url,
            "audience": AUDIENCE,
            "client_id": "api",
            "client_secret_file": self.folder.path().join("secret"),
            "keys_refresh_seconds": 3600,
            "introspection_kept_milliseconds": 0,
            "revocation": "expiry_alone",
        });
        merge(&mut config, changes);
        serde_json::from_value(config).unwrap()
    }

    /// A check that is ready.
    pub(crate) async fn check(&self, changes: &Value) -> TokenCheck {
        let check = TokenCheck::start_at(&self.config(changes), self.clock.clone()).unwrap();
        until(|| check.check_ready().is_ok()).await;
        check
    }

    /// The claims of a good token that is bound to a key.
    pub(crate) fn claims(&self, bound_to: &SigningKey) -> Value {
        json!({
            "iss": self.url, "sub": "a-person", "aud": AUDIENCE, "client_id": "portal",
            "exp": NOW + 120, "iat": NOW, "jti": "a-token", "scope": "openid records.read",
            "auth_time": NOW - 60, "acr": "urn:cardea:acr:card-pin",
            "amr": ["sc", "pin", "hwk", "mfa"], "sid": "a-session",
            "cnf": {"jkt": bound_to.public_jwk().thumbprint()},
        })
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.key.sign_jwt("at+jwt", claims).unwrap()
    }

    pub(crate) fn set(&self, claims: &Value) -> String {
        let mut all = json!({
            "iss": self.url, "aud": "api", "iat": NOW, "jti": "set", "sequence": 1, "events": {},
        });
        merge(&mut all, claims);
        self.key.sign_jwt("secevent+jwt", &all).unwrap()
    }

    pub(crate) fn introspections(&self) -> usize {
        self.shared.introspections.load(Ordering::Relaxed)
    }

    pub(crate) fn key_fetches(&self) -> usize {
        self.shared.key_fetches.load(Ordering::Relaxed)
    }
}

/// A client with a DPoP key.
pub(crate) struct TestClient {
    pub(crate) key: SigningKey,
}

impl TestClient {
    pub(crate) fn new() -> Self {
        Self {
            key: SigningKey::generate(Algorithm::Es256).unwrap(),
        }
    }

    pub(crate) fn proof(&self, token: &str, nonce: Option<&str>) -> String {
        let target = DpopTarget {
            method: "GET",
            url: URL,
            access_token: Some(token),
        };
        sign_dpop_proof(&self.key, &target, NOW, nonce).unwrap()
    }

    pub(crate) fn headers(&self, token: &str) -> HeaderMap {
        headers(&format!("DPoP {token}"), Some(&self.proof(token, None)))
    }
}

pub(crate) fn headers(authorization: &str, proof: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(authorization).unwrap();
    headers.insert(header::AUTHORIZATION, value);
    if let Some(proof) = proof {
        headers.insert("dpop", HeaderValue::from_str(proof).unwrap());
    }
    headers
}

pub(crate) const SEEN: RequestSeen<'static> = RequestSeen {
    method: "GET",
    url: URL,
    certificate: None,
};

/// What a check says of a request.
pub(crate) async fn ask(
    check: &TokenCheck,
    headers: &HeaderMap,
    demand: &Demand,
) -> Result<VerifiedAccess, &'static str> {
    let demands = std::slice::from_ref(demand);
    let outcome = check.check(headers, &SEEN, demands).await;
    outcome.map_err(|error: AccessError| error.code())
}

/// Waits for something that happens in the background.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it does not happen");
}

pub(crate) fn merge(into: &mut Value, changes: &Value) {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(into.as_object_mut().unwrap().remove(name)),
            value => into[name] = value.clone(),
        }
    }
}

type Answer = Result<Json<Value>, StatusCode>;

impl Shared {
    fn answer(&self, answer: impl FnOnce(&mut Says) -> Value) -> Answer {
        let mut says = self.says.lock().unwrap();
        if says.is_down {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        Ok(Json(answer(&mut says)))
    }
}

async fn discovery(State(shared): State<Arc<Shared>>) -> Answer {
    let url = shared.url.clone();
    shared.answer(|says| {
        json!({
            "issuer": says.issuer.clone().unwrap_or(url.clone()),
            "jwks_uri": format!("{url}/jwks"),
            "introspection_endpoint": format!("{url}/introspect"),
        })
    })
}

async fn transmitter(State(shared): State<Arc<Shared>>) -> Answer {
    if !shared.says.lock().unwrap().has_stream {
        return Err(StatusCode::NOT_FOUND);
    }
    let url = shared.url.clone();
    shared.answer(|_| json!({"issuer": url, "poll_endpoint": format!("{url}/events")}))
}

async fn jwks(State(shared): State<Arc<Shared>>) -> Answer {
    shared.key_fetches.fetch_add(1, Ordering::Relaxed);
    shared.answer(|says| {
        let keys: Vec<_> = says
            .keys
            .iter()
            .map(|key| key.public_jwk().clone())
            .collect();
        json!({ "keys": keys })
    })
}

async fn introspect(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    shared.introspections.fetch_add(1, Ordering::Relaxed);
    let secret = base64_of("api:the%2Dguards%2Dsecret");
    assert_eq!(headers[header::AUTHORIZATION], format!("Basic {secret}"));
    let signed = shared.says.lock().unwrap().signed_introspection.clone();
    if let Some(signed) = signed {
        assert_eq!(
            headers[header::ACCEPT],
            "application/token-introspection+jwt"
        );
        return signed.into_response();
    }
    shared
        .answer(|says| says.introspection.clone())
        .into_response()
}

async fn events(State(shared): State<Arc<Shared>>, Json(asked): Json<Value>) -> Answer {
    // As soon as there is something, or after a while.
    for _ in 0..10 {
        if !shared.says.lock().unwrap().sets.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let url = shared.url.clone();
    let key = shared.key.clone();
    shared.answer(|says| {
        says.streams
            .push(asked["stream"].as_str().unwrap().to_owned());
        for jti in asked["ack"].as_array().unwrap() {
            let jti = jti.as_str().unwrap();
            says.sets.remove(jti);
            says.acknowledged.push(jti.to_owned());
        }
        for (jti, error) in asked["setErrs"].as_object().into_iter().flatten() {
            assert!(error["err"].is_string(), "{error}");
            says.sets.remove(jti);
            says.set_errors.push(jti.to_owned());
        }
        let mut sets = says.sets.clone();
        if let Some(beat) = &says.heartbeat {
            let mut claims = json!({
                "iss": url, "aud": "api", "jti": "beat",
                "sub_id": {"format": "opaque", "id": "x"},
                "events": {"https://schemas.openid.net/secevent/ssf/event-type/verification": {}},
            });
            merge(&mut claims, beat);
            sets.insert(
                "beat".to_owned(),
                key.sign_jwt("secevent+jwt", &claims).unwrap(),
            );
        }
        json!({"sets": sets, "moreAvailable": false})
    })
}

async fn take_reports(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let secret = base64_of("api:the%2Dguards%2Dsecret");
    assert_eq!(headers[header::AUTHORIZATION], format!("Basic {secret}"));
    let mut says = shared.says.lock().unwrap();
    if says.is_down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let says = &mut says.reports;
    let refuse = |status: StatusCode, code: &str| {
        let uri = format!("https://id.example.fr/errors/{code}");
        (status, Json(json!({"error": "x", "error_uri": uri}))).into_response()
    };
    let batch = body["reports"].as_array().unwrap();
    assert!(!batch.is_empty() && batch.len() <= 200, "{}", batch.len());
    assert!(body.to_string().len() <= 40 * 1024);
    let patients = |it: &Value| it["patients"].to_string();
    says.batches.push(batch.iter().map(patients).collect());
    if let Some((status, code)) = says.refusal {
        return refuse(status, code);
    }
    let names = |it: &Value, patient: Option<&str>| {
        patient.is_some_and(|patient| patients(it).contains(patient))
    };
    if batch.iter().any(|it| names(it, says.blocked)) {
        return (StatusCode::FORBIDDEN, "a proxy does not like it").into_response();
    }
    if batch.iter().any(|it| names(it, says.malformed)) {
        return refuse(StatusCode::BAD_REQUEST, "provider.guard_reports_invalid");
    }
    let (mut accepted, mut refused) = (0, json!({}));
    for report in batch {
        let id = report["event_id"].as_str().unwrap();
        if names(report, says.foreign) {
            refused[id] = "provider.guard_report_foreign".into();
        } else if says
            .on_record
            .insert(id.to_owned(), report.clone())
            .is_none()
        {
            accepted += 1;
        }
    }
    if says.is_answer_lost {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    Json(json!({"accepted": accepted, "refused": refused})).into_response()
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// The digest of nothing in particular, as a thumbprint has it.
pub(crate) fn some_digest() -> String {
    base64url(&[7; 32])
}

/// The key files of a portal: for its statements, and for its pseudonyms.
pub(crate) fn portal_keys(folder: &Path) -> (PathBuf, PathBuf) {
    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let file = |name: &str, text: String| {
        let file = folder.join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        file
    };
    let statements = file("statements", format!("k1 {KEY}\n"));
    (statements, file("pseudonyms", KEY.to_owned()))
}
