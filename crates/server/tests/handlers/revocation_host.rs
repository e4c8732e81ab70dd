//! CRLs and OCSP over HTTP as a card issuer gives them, with every fault a test asks for; and the
//! address that a portal is told of ended sessions at.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use cardea_test_pki::{
    AuthorityName, CrlSpec, IssuedCertificate, OcspSpec, OcspStatus, PkiSettings,
    PublicationSettings, TestPki,
};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// How a service answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    #[default]
    Good,
    Revoked,
    Stale,
    Missing,
    Garbage,
    Slow,
    Redirect,
}

#[derive(Clone)]
pub(crate) struct RevocationHost {
    pub(crate) pki: Arc<TestPki>,
    shared: Arc<Shared>,
    address: String,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    logout_tokens: mpsc::UnboundedSender<String>,
    received: Mutex<Option<mpsc::UnboundedReceiver<String>>>,
}

#[derive(Default)]
pub(crate) struct Behaviour {
    pub(crate) crl: Answer,
    pub(crate) ocsp: Answer,
    pub(crate) crl_requests: usize,
    /// How long a list holds, where it is not as long as usual.
    pub(crate) crl_lifetime: Option<Duration>,
    pub(crate) logout_status: Option<u16>,
    card: Option<IssuedCertificate>,
}

/// Now, by the machine's clock: the server has no other.
pub(crate) fn now() -> OffsetDateTime {
    #[expect(
        clippy::disallowed_methods,
        reason = "the server under test uses the same clock"
    )]
    OffsetDateTime::now_utc()
}

impl RevocationHost {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let mut settings = PkiSettings::fast(now());
        settings.publication = PublicationSettings {
            base_url: address.clone(),
            ocsp_url: format!("{address}/ocsp"),
            ..PublicationSettings::default()
        };
        let pki = Arc::new(TestPki::new(&settings).unwrap());
        let (logout_tokens, received) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            behaviour: Mutex::default(),
            logout_tokens,
            received: Mutex::new(Some(received)),
        });
        let host = Self {
            pki,
            shared,
            address,
        };
        let router = Router::new()
            .route("/CRL/{file}", get(give_crl))
            .route("/ocsp/{file}", post(give_ocsp))
            .route("/logout", post(take_logout_token))
            .with_state(host.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        host
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.behaviour.lock().unwrap());
    }

    /// Answers about `card` from now on.
    pub(crate) fn know(&self, card: &IssuedCertificate) {
        self.change(|behaviour| behaviour.card = Some(card.clone()));
    }

    pub(crate) fn crl_requests(&self) -> usize {
        self.shared.behaviour.lock().unwrap().crl_requests
    }

    pub(crate) fn logout_uri(&self) -> String {
        format!("{}/logout", self.address)
    }

    /// Waits for the next logout token that the portal was sent.
    pub(crate) async fn logout_token(&self) -> String {
        let mut received = self
            .shared
            .received
            .lock()
            .unwrap()
            .take()
            .expect("one waits");
        let wait = tokio::time::timeout(Duration::from_secs(60), received.recv());
        let token = wait.await.expect("a logout token within a minute").unwrap();
        *self.shared.received.lock().unwrap() = Some(received);
        token
    }

    /// How many more the portal was sent, beyond those that were waited for.
    pub(crate) fn logout_tokens_waiting(&self) -> usize {
        let received = self.shared.received.lock().unwrap();
        received.as_ref().expect("nobody waits").len()
    }

    pub(crate) fn anchors_pem(&self) -> String {
        pem(self.pki.card_anchors_der())
    }

    pub(crate) fn intermediates_pem(&self) -> String {
        pem(self.pki.intermediates_der())
    }
}

fn pem(certificates: Vec<Vec<u8>>) -> String {
    let pem = |der: Vec<u8>| {
        let certificate = openssl::x509::X509::from_der(&der).unwrap();
        String::from_utf8(certificate.to_pem().unwrap()).unwrap()
    };
    certificates.into_iter().map(pem).collect()
}

async fn faulty(answer: Answer) -> Option<Response> {
    match answer {
        Answer::Good | Answer::Revoked | Answer::Stale => None,
        Answer::Missing => Some(StatusCode::NOT_FOUND.into_response()),
        Answer::Garbage => Some("<html>maintenance</html>".into_response()),
        Answer::Slow => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            Some(StatusCode::OK.into_response())
        }
        Answer::Redirect => Some(Redirect::temporary("/elsewhere").into_response()),
    }
}

async fn give_crl(State(host): State<RevocationHost>, Path(file): Path<String>) -> Response {
    let (answer, card, lifetime) = {
        let mut behaviour = host.shared.behaviour.lock().unwrap();
        behaviour.crl_requests += 1;
        (
            behaviour.crl,
            behaviour.card.clone(),
            behaviour.crl_lifetime,
        )
    };
    if let Some(response) = faulty(answer).await {
        return response;
    }
    let name = AuthorityName::all().find(|name| file == format!("{}.crl", name.file_name()));
    let name = name.expect("an authority of the PKI");
    let mut at = now();
    if answer == Answer::Stale {
        at -= time::Duration::days(60);
    }
    let mut list = CrlSpec::new(name, at);
    if let Some(lifetime) = lifetime {
        list.next_update = Some(at + lifetime);
    }
    if let Some(card) = card.filter(|card| answer == Answer::Revoked && card.spec.issuer == name) {
        list = list.revoke(&card, at);
    }
    host.pki
        .authority(name)
        .unwrap()
        .crl(&list)
        .unwrap()
        .into_response()
}

async fn give_ocsp(State(host): State<RevocationHost>, body: Bytes) -> Response {
    let (answer, card) = {
        let behaviour = host.shared.behaviour.lock().unwrap();
        (behaviour.ocsp, behaviour.card.clone())
    };
    if let Some(response) = faulty(answer).await {
        return response;
    }
    let status = match answer {
        Answer::Revoked => OcspStatus::Revoked {
            at: now(),
            reason: None,
        },
        _ => OcspStatus::Good,
    };
    let mut spec = OcspSpec::new(status, now());
    // The request's nonce comes back; it is its last 32 bytes.
    spec.nonce = Some(body[body.len() - 32..].to_vec());
    let der = host
        .pki
        .ocsp_response(&card.expect("a known card"), &spec)
        .unwrap();
    ([(header::CONTENT_TYPE, "application/ocsp-response")], der).into_response()
}

async fn take_logout_token(State(host): State<RevocationHost>, body: String) -> StatusCode {
    let status = host
        .shared
        .behaviour
        .lock()
        .unwrap()
        .logout_status
        .unwrap_or(200);
    let token = body
        .strip_prefix("logout_token=")
        .unwrap_or_default()
        .to_owned();
    host.shared.logout_tokens.send(token).unwrap();
    StatusCode::from_u16(status).unwrap()
}
