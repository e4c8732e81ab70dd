//! CRLs and OCSP answers over HTTP, by the authorities of a test PKI with the model's key sizes.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use cardea_test_pki::{
    AuthorityName, CardProfile, CrlSpec, IssuedCertificate, KeyKind, OcspSpec, OcspStatus,
    PersonIdentifier, PkiSettings, PublicationSettings, RevokedEntry, TestPki,
};
use openssl::x509::X509;
use time::OffsetDateTime;

use crate::Failure;

/// Entries of each issuing authority's list, as many as lists of the model have.
const ENTRIES: u64 = 1000;

/// Serves as long as the runtime lives.
pub(crate) struct RevocationHost {
    pki: Arc<TestPki>,
}

struct Published {
    pki: Arc<TestPki>,
    lists: HashMap<String, Vec<u8>>,
    /// A certificate of the authority whose responder answers for all.
    card: IssuedCertificate,
}

/// Now, by the clock of the machine: the program under test has no other.
fn now() -> OffsetDateTime {
    #[expect(
        clippy::disallowed_methods,
        reason = "the program under test uses the same clock"
    )]
    OffsetDateTime::now_utc()
}

impl RevocationHost {
    /// Makes the PKI, which takes some seconds for keys of the model's sizes.
    pub(crate) async fn start(faithful: bool) -> Result<Self, Failure> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let mut settings = match faithful {
            true => PkiSettings::faithful(now()),
            false => PkiSettings::fast(now()),
        };
        settings.publication = PublicationSettings {
            base_url: address.clone(),
            ocsp_url: format!("{address}/ocsp"),
            ..PublicationSettings::default()
        };
        let pki = Arc::new(TestPki::new(&settings)?);
        let published = Published {
            lists: make_lists(&pki)?,
            card: issue(&pki, KeyKind::P256, 0)?,
            pki: Arc::clone(&pki),
        };
        let router = Router::new()
            .route("/CRL/{file}", get(give_list))
            .route("/ocsp/{authority}", post(give_answer))
            .with_state(Arc::new(published));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { pki })
    }

    /// The authentication certificate of one of several invented pharmacists.
    pub(crate) fn issue(&self, key: KeyKind, number: usize) -> Result<IssuedCertificate, Failure> {
        issue(&self.pki, key, number)
    }

    pub(crate) fn anchors_pem(&self) -> Result<String, Failure> {
        pem(&self.pki.card_anchors_der())
    }

    pub(crate) fn intermediates_pem(&self) -> Result<String, Failure> {
        pem(&self.pki.intermediates_der())
    }
}

fn issue(pki: &TestPki, key: KeyKind, number: usize) -> Result<IssuedCertificate, Failure> {
    let identifier = PersonIdentifier::rpps(&format!("9970000{number:04}"))?;
    let profile = CardProfile::pharmacist()
        .with_key(key)
        .with_identifier(identifier);
    Ok(pki.issue_card(&profile)?.authentication)
}

fn make_lists(pki: &TestPki) -> Result<HashMap<String, Vec<u8>>, Failure> {
    let mut lists = HashMap::new();
    for name in AuthorityName::all() {
        let mut spec = CrlSpec::new(name, pki.at());
        if !name.is_root() {
            spec.revoked = (0..ENTRIES)
                .map(|entry| RevokedEntry {
                    serial: [&[0x4a; 8][..], &entry.to_be_bytes()].concat(),
                    at: pki.at(),
                    reason: None,
                })
                .collect();
        }
        let file = format!("{}.crl", name.file_name());
        lists.insert(file, pki.authority(name)?.crl(&spec)?);
    }
    Ok(lists)
}

fn pem(certificates: &[Vec<u8>]) -> Result<String, Failure> {
    let mut text = String::new();
    for der in certificates {
        text.push_str(&String::from_utf8(X509::from_der(der)?.to_pem()?)?);
    }
    Ok(text)
}

async fn give_list(State(published): State<Arc<Published>>, Path(file): Path<String>) -> Response {
    match published.lists.get(&file) {
        Some(list) => list.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn give_answer(State(published): State<Arc<Published>>, request: Bytes) -> Response {
    let spec = OcspSpec::new(OcspStatus::Good, now());
    let answer = published
        .pki
        .answer_ocsp_request(&published.card, &request, &spec);
    match answer {
        Ok(der) => ([(header::CONTENT_TYPE, "application/ocsp-response")], der).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
