//! An issuer that gives out an enrolment document, or something else.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::routing::get;
use cardea_assertion::{EnrolmentDocument, Origin, UncomparedEnrolment};
use cardea_jose::{Algorithm, JwkSet, SigningKey};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};

pub(super) struct Issuer {
    pub(super) url: String,
    roots: Vec<SigningKey>,
    answer: Arc<Mutex<Answer>>,
}

#[derive(Clone)]
pub(super) struct Answer {
    status: u16,
    text: String,
    location: Option<String>,
}

impl Answer {
    pub(super) fn of(status: u16, text: &str) -> Self {
        Self {
            status,
            text: text.to_owned(),
            location: None,
        }
    }

    /// A redirect to where a good document is.
    pub(super) fn elsewhere(url: &str) -> Self {
        Self {
            location: Some(format!("{url}/.well-known/cardea-enrolment")),
            ..Self::of(302, "")
        }
    }
}

impl Issuer {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Self::at(format!("http://{}", listener.local_addr().unwrap()));
        issuer.answer(Answer::of(200, &issuer.document()));
        let router = Router::new()
            .route("/.well-known/cardea-enrolment", get(give))
            .with_state(Arc::clone(&issuer.answer));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        issuer
    }

    fn at(url: String) -> Self {
        let roots = [(); 2].map(|()| SigningKey::generate(Algorithm::Es256).unwrap());
        Self {
            url,
            roots: roots.to_vec(),
            answer: Arc::new(Mutex::new(Answer::of(500, ""))),
        }
    }

    pub(super) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// The same address under other keys.
    pub(super) fn with_new_roots(&self) -> Self {
        Self::at(self.url.clone())
    }

    pub(super) fn document(&self) -> String {
        self.document_of(1, &[&self.url])
    }

    /// What its roots signed at that time, with login pages of these origins.
    pub(super) fn document_of(&self, iat: i64, origins: &[&str]) -> String {
        let keys = self.roots.iter().map(|root| root.public_jwk().clone());
        let document = EnrolmentDocument {
            iss: self.url.clone(),
            name: "Portail d’essai".to_owned(),
            origins: origins
                .iter()
                .map(|it| Origin::of_url(it).unwrap())
                .collect(),
            roots: JwkSet {
                keys: keys.collect(),
            },
            iat,
            log: None,
        };
        document.sign(&self.roots[0]).unwrap()
    }

    pub(super) fn fingerprints(&self) -> Vec<String> {
        let read = UncomparedEnrolment::read(&self.document()).unwrap();
        read.fingerprints()
    }
}

async fn give(State(answer): State<Arc<Mutex<Answer>>>) -> (StatusCode, HeaderMap, String) {
    let answer = answer.lock().unwrap().clone();
    let mut headers = HeaderMap::new();
    if let Some(location) = answer.location {
        let location = HeaderValue::from_str(&location).unwrap();
        headers.insert(header::LOCATION, location);
    }
    let status = StatusCode::from_u16(answer.status).unwrap();
    (status, headers, answer.text)
}

/// An issuer behind TLS of a private authority, and that authority's certificate.
pub(super) fn serve_tls() -> (Issuer, Vec<u8>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let number = BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap();
    builder.set_serial_number(&number).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    let begins = Asn1Time::days_from_now(0).unwrap();
    builder.set_not_before(&begins).unwrap();
    let ends = Asn1Time::days_from_now(2).unwrap();
    builder.set_not_after(&ends).unwrap();
    let authority = BasicConstraints::new().critical().ca().build().unwrap();
    builder.append_extension(authority).unwrap();
    let context = builder.x509v3_context(None, None);
    let names = SubjectAlternativeName::new()
        .dns("localhost")
        .build(&context);
    builder.append_extension(names.unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = builder.build().to_pem().unwrap();
    let key = key.private_key_to_pem_pkcs8().unwrap();
    let identity = native_tls::Identity::from_pkcs8(&certificate, &key).unwrap();
    let acceptor = native_tls::TlsAcceptor::new(identity).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let issuer = Issuer::at(format!("https://localhost:{port}"));
    let document = issuer.document();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that does not trust us breaks off.
            let Ok(mut stream) = acceptor.accept(stream.unwrap()) else {
                continue;
            };
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                document.len()
            );
            let _ = stream.write_all(format!("{head}{document}").as_bytes());
        }
    });
    (issuer, certificate)
}
