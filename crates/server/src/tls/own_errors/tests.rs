//! An error that some handler left on the thread's list, and a connection that waits on that
//! thread.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;

use axum::Router;
use axum::routing::get;
use axum_server::tls_openssl::{OpenSSLAcceptor, OpenSSLConfig};
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use openssl::x509::X509;

use crate::config::{LimitsConfig, PresenceConfig, TlsConfig};
use crate::connection_limit::BoundedAcceptor;
use crate::listener::{Listener, serve_all};
use crate::shutdown::Shutdown;
use crate::tls::client_certificate::ClientCertificates;
use crate::tls::tests::{certificate, p256};
use crate::tls::{ReloadableTls, read};

/// A certificate with its key, in files.
fn files() -> (tempfile::TempDir, TlsConfig) {
    let folder = tempfile::tempdir().unwrap();
    let key = p256();
    let files = TlsConfig {
        certificate: folder.path().join("chain.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&files.certificate, certificate(&key).to_pem().unwrap()).unwrap();
    std::fs::write(&files.key, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    set_mode(&files, 0o600);
    (folder, files)
}

fn set_mode(files: &TlsConfig, mode: u32) {
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(&files.key, mode).unwrap();
}

#[test]
fn a_key_that_others_may_read_is_refused_at_the_start_and_at_a_reload() {
    let (_folder, files) = files();
    let clients = ClientCertificates::default();
    let listener = ReloadableTls::load(&files, &clients).unwrap();
    assert!(listener.prepare(&files, &clients).is_ok());
    set_mode(&files, 0o644);
    let reloaded = listener.prepare(&files, &clients).err().unwrap();
    assert_eq!(reloaded.code(), "server.key_not_private");
    let started = ReloadableTls::load(&files, &clients).unwrap_err();
    assert_eq!(started.code(), "server.key_not_private");
}

/// A handler that refuses something and tidies nothing up.
fn careless() -> Router {
    let handler = || async {
        X509::from_der(b"no certificate").unwrap_err().put();
        "refused"
    };
    Router::new().route("/", get(handler))
}

/// How many of three requests on one connection are answered.
fn answered(address: SocketAddr) -> usize {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    let stream = TcpStream::connect(address).unwrap();
    let mut stream = builder.build().connect("localhost", stream).unwrap();
    let mut bytes = [0; 1024];
    (0..3)
        .take_while(|_| {
            let sent = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let read = stream.read(&mut bytes).unwrap_or(0);
            sent.is_ok() && bytes[..read].ends_with(b"refused")
        })
        .count()
}

/// The tests' runtime has one thread, as a worker of the server's is one.
async fn count(address: SocketAddr) -> usize {
    let asking = tokio::task::spawn_blocking(move || answered(address));
    asking.await.unwrap()
}

#[tokio::test]
async fn a_waiting_connection_outlives_what_others_left_on_the_list() {
    let (_folder, files) = files();
    let tls = ReloadableTls::load(&files, &ClientCertificates::default()).unwrap();
    let at = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::bind(at, Some(tls), careless()).unwrap();
    let address = listener.address();
    let bounded = BoundedAcceptor::new(&LimitsConfig::default(), &PresenceConfig::default());
    let shutdown = Shutdown::new();
    let serving = tokio::spawn(serve_all(vec![listener], shutdown.clone(), bounded));
    assert_eq!(count(address).await, 3);
    shutdown.stop_at_once();
    serving.await.unwrap().unwrap();
}

/// What the test above is worth: the same without [`OwnErrors`].
#[tokio::test]
async fn openssl_blames_a_waiting_connection_for_the_errors_of_others() {
    let (_folder, files) = files();
    let acceptor = read(&files, &ClientCertificates::default()).unwrap();
    let config = OpenSSLConfig::from_acceptor(std::sync::Arc::new(acceptor));
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let server = axum_server::from_tcp(socket).unwrap();
    let server = server.acceptor(OpenSSLAcceptor::new(config));
    let serving = tokio::spawn(server.serve(careless().into_make_service()));
    assert_eq!(count(address).await, 1);
    serving.abort();
}
