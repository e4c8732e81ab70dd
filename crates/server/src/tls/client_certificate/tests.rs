//! Attacks H11 and F11 on a listener that asks for certificates, by clients of one's own making.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    SslConnector, SslConnectorBuilder, SslMethod, SslSession, SslSessionCacheMode, SslVerifyMode,
};
use openssl::x509::X509;

use super::*;
use crate::tls::{new_builder, set_chain, set_key, tests::certificate, tests::p256};

/// A certificate and its key.
struct Own {
    certificate: X509,
    key: PKey<Private>,
}

impl Own {
    fn new() -> Self {
        let key = p256();
        let certificate = certificate(&key);
        Self { certificate, key }
    }

    fn der(&self) -> Vec<u8> {
        self.certificate.to_der().unwrap()
    }
}

/// What the server saw of a connection: its certificates, whether it was resumed, the version.
type Seen = (Option<PeerCertificates>, bool, &'static str);

/// Serves `count` connections and gives back what was seen of those that were accepted.
fn serve(clients: &ClientCertificates, count: usize) -> (String, thread::JoinHandle<Vec<Seen>>) {
    let own = Own::new();
    let mut builder = new_builder().unwrap();
    set_chain(&mut builder, &own.certificate.to_pem().unwrap()).unwrap();
    set_key(&mut builder, &own.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    clients.set(&mut builder).unwrap();
    let acceptor = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || {
        let mut seen = Vec::new();
        for _ in 0..count {
            let (stream, _) = listener.accept().unwrap();
            let Ok(mut stream) = acceptor.accept(stream) else {
                continue;
            };
            let mut byte = [0; 1];
            if stream.read_exact(&mut byte).is_ok() {
                let _ = stream.write_all(&byte);
            }
            let ssl = stream.ssl();
            let certificates = PeerCertificates::of(ssl).unwrap();
            seen.push((certificates, ssl.session_reused(), ssl.version_str()));
        }
        seen
    });
    (address, thread)
}

fn connector(change: impl FnOnce(&mut SslConnectorBuilder)) -> SslConnector {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    change(&mut builder);
    builder.build()
}

/// Whether a byte comes back.
fn echo(connector: &SslConnector, address: &str, session: Option<&SslSession>) -> bool {
    let mut ssl = connector
        .configure()
        .unwrap()
        .into_ssl("localhost")
        .unwrap();
    if let Some(session) = session {
        #[expect(unsafe_code, reason = "the session was made with this very connector")]
        // SAFETY: `session` comes from a connection of the same `SslContext`.
        unsafe {
            ssl.set_session(session).unwrap();
        }
    }
    let Ok(mut stream) = ssl.connect(TcpStream::connect(address).unwrap()) else {
        return false;
    };
    let answered = stream.write_all(b"x").is_ok() && stream.read_exact(&mut [0]).is_ok();
    // Without an orderly end OpenSSL would not take the session up again by itself.
    let _ = stream.shutdown();
    answered
}

fn asking(demand: CertificateDemand) -> ClientCertificates {
    ClientCertificates {
        demand,
        ..ClientCertificates::default()
    }
}

fn show(own: &Own) -> impl FnOnce(&mut SslConnectorBuilder) {
    |builder| {
        builder.set_certificate(&own.certificate).unwrap();
        builder.set_private_key(&own.key).unwrap();
    }
}

#[test]
fn a_certificate_is_asked_for_as_configured() {
    let own = Own::new();
    for (demand, without, with) in [
        (CertificateDemand::None, true, None),
        (CertificateDemand::Optional, true, Some(own.der())),
        (CertificateDemand::Required, false, Some(own.der())),
    ] {
        let (address, thread) = serve(&asking(demand), 2);
        assert_eq!(
            echo(&connector(|_| {}), &address, None),
            without,
            "{demand:?}"
        );
        assert!(echo(&connector(show(&own)), &address, None), "{demand:?}");
        let seen = thread.join().unwrap();
        let (last, others) = seen.split_last().unwrap();
        let leaf = last.0.as_ref().map(|it| it.leaf_first()[0].clone());
        assert_eq!(leaf, with, "{demand:?}");
        assert!(others.iter().all(|(shown, ..)| shown.is_none()));
    }
}

/// On a server's side OpenSSL's chain lacks the leaf: whoever takes its first certificate for the
/// leaf takes one that anybody can send along.
#[test]
fn f11_the_leaf_is_the_certificate_whose_key_was_proven() {
    let (own, stolen) = (Own::new(), Own::new());
    let (address, thread) = serve(&asking(CertificateDemand::Optional), 1);
    let connector = connector(|builder| {
        show(&own)(builder);
        builder
            .add_extra_chain_cert(stolen.certificate.clone())
            .unwrap();
    });
    assert!(echo(&connector, &address, None));
    let seen = thread.join().unwrap();
    let shown = seen[0].0.as_ref().unwrap();
    assert_eq!(shown.leaf_first(), [own.der(), stolen.der()]);
}

/// A session of another handshake would bring that handshake's certificate along.
#[test]
fn h11_no_session_is_resumed_where_certificates_are_asked_for() {
    let own = Own::new();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let sessions: Arc<Mutex<Vec<SslSession>>> = Arc::default();
        let resuming = |demand| {
            let (address, thread) = serve(&asking(demand), 2);
            let kept = Arc::clone(&sessions);
            let connector = connector(|builder| {
                show(&own)(builder);
                builder.set_max_proto_version(Some(version)).unwrap();
                builder.set_session_cache_mode(SslSessionCacheMode::CLIENT);
                builder.set_new_session_callback(move |_, session| {
                    kept.lock().unwrap().push(session);
                });
            });
            assert!(echo(&connector, &address, None));
            let session = sessions.lock().unwrap().pop();
            assert!(echo(&connector, &address, session.as_ref()));
            let seen = thread.join().unwrap();
            (session.is_some(), seen[1].1)
        };
        // The client is able to: a listener that asks for nothing resumes.
        assert_eq!(
            resuming(CertificateDemand::None),
            (true, true),
            "{version:?}"
        );
        let (_, resumed) = resuming(CertificateDemand::Optional);
        assert!(!resumed, "{version:?}");
    }
}

#[test]
fn a_listener_may_speak_tls_1_2_alone() {
    let clients = ClientCertificates {
        versions: TlsVersions::Tls12Alone,
        ..asking(CertificateDemand::Required)
    };
    let own = Own::new();
    let (address, thread) = serve(&clients, 2);
    assert!(echo(&connector(show(&own)), &address, None));
    let only_1_3 = connector(|builder| {
        show(&own)(builder);
        builder
            .set_min_proto_version(Some(SslVersion::TLS1_3))
            .unwrap();
    });
    assert!(!echo(&only_1_3, &address, None));
    let seen = thread.join().unwrap();
    assert_eq!((seen.len(), seen[0].2), (1, "TLSv1.2"));
}

#[test]
fn what_no_pki_has_is_not_taken() {
    let taken = |certificates: Vec<Vec<u8>>| PeerCertificates::new(certificates);
    assert!(taken(Vec::new()).unwrap().is_none());
    assert!(taken(vec![vec![0; CERTIFICATE_BYTES_MAX]]).is_ok());
    assert!(taken(vec![vec![0; CERTIFICATE_BYTES_MAX + 1]]).is_err());
    assert!(taken(vec![vec![0]; EXTRA_CERTIFICATES_MAX + 1]).is_ok());
    assert!(taken(vec![vec![0]; EXTRA_CERTIFICATES_MAX + 2]).is_err());
}
