//! TLS certificates exchanged while the server runs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use openssl::ssl::{SslConnector, SslMethod, SslStream};

use super::stand::{Stand, write};

/// A connection that stands, over which requests are made one after another.
struct Connection(SslStream<TcpStream>);

impl Connection {
    fn open(stand: &Stand) -> Self {
        let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
        builder.set_ca_file(stand.path("anchors.pem")).unwrap();
        let stream = TcpStream::connect(stand.url.trim_start_matches("https://")).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Self(builder.build().connect("localhost", stream).unwrap())
    }

    fn certificate(&self) -> Vec<u8> {
        self.0.ssl().peer_certificate().unwrap().to_der().unwrap()
    }

    fn still_answers(&mut self) -> bool {
        let request = b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
        self.0.write_all(request).unwrap();
        let mut begin = [0; 9];
        self.0.read_exact(&mut begin).is_ok() && begin == *b"HTTP/1.1 "
    }
}

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..600 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not happen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_is_shown_from_then_on_and_no_connection_ends() {
    let stand = Stand::open("").await;
    let mut standing = Connection::open(&stand);
    let old = standing.certificate();
    let renewed = stand.host.pki.issue(&stand.spec("localhost")).unwrap();
    write(&stand.folder, "server", &renewed);
    stand.program.hang_up();
    until(|| Connection::open(&stand).certificate() == renewed.der).await;
    assert_ne!(old, renewed.der);
    assert!(standing.still_answers());

    // A certificate beside another one's key: what was there stays.
    let other = stand.host.pki.issue(&stand.spec("localhost")).unwrap();
    write(&stand.folder, "next", &other);
    std::fs::copy(stand.path("next.pem"), stand.path("server.pem")).unwrap();
    stand.program.hang_up();
    let log = || String::from_utf8_lossy(&stand.program.log()).into_owned();
    until(|| log().contains("server.tls_unusable")).await;
    assert_eq!(Connection::open(&stand).certificate(), renewed.der);
    std::fs::remove_file(stand.path("server.key")).unwrap();
    stand.program.hang_up();
    until(|| log().contains("server.file_unusable")).await;
    assert_eq!(Connection::open(&stand).certificate(), renewed.der);
}
