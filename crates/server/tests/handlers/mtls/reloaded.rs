//! TLS certificates exchanged while the server runs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use cardea_test_pki::CountryPki;
use openssl::ssl::{SslConnector, SslMethod, SslStream};

use super::FORM;
use super::stand::{SERVICE, Stand, pem_of, write};
use crate::revocation_host::now;

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

/// What is on record of the reloads, once there are that many.
async fn reloaded(stand: &Stand, count: usize) -> Vec<String> {
    for _ in 0..600 {
        let events = stand.app.events().await;
        let reloads = events
            .into_iter()
            .filter(|it| it.kind == "configuration.reloaded");
        let details: Vec<String> = reloads.map(|it| it.details).collect();
        if details.len() >= count {
            return details;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it was not read anew");
}

/// Attack H14: who vouches for clients changes by the files, all or nothing, and on record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h14_who_vouches_for_clients_follows_the_files() {
    let stand = Stand::open("").await;
    stand.issue("own", &stand.spec(SERVICE));
    let elsewhere = CountryPki::germany(now()).unwrap();
    let spec = stand.spec(SERVICE);
    let stranger = elsewhere.issuing().issue(&spec).unwrap();
    write(&stand.folder, "stranger", &stranger);
    let answer = async |name| stand.curl(Some(name), "/token", &FORM).await;
    let code = "pki.untrusted_anchor";
    let untrusted = (401, "invalid_client", code);
    assert_eq!(answer("own").await.status, 200);
    assert_eq!(answer("stranger").await.refusal(), untrusted);
    let log = || String::from_utf8_lossy(&stand.program.log()).into_owned();

    // A file that is no certificate: everybody is judged as before.
    let issuing = std::fs::read_to_string(stand.path("intermediates.pem")).unwrap();
    std::fs::write(stand.path("intermediates.pem"), "nothing").unwrap();
    stand.program.hang_up();
    assert_eq!(reloaded(&stand, 1).await.len(), 1);
    assert!(log().contains("server.reload_refused"), "{}", log());
    assert_eq!(answer("own").await.status, 200);

    // Another authority, and nothing published by it.
    std::fs::write(stand.path("intermediates.pem"), issuing).unwrap();
    let anchor = pem_of(elsewhere.anchor_der());
    std::fs::write(stand.path("elsewhere.pem"), anchor).unwrap();
    let file = stand.app.folder().join("program.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let name = "name = \"services\"";
    let off = format!("{name}\nrevocation_check = \"off\"");
    let other = text.replace(name, &off);
    let other = other.replace(&stand.path("anchors.pem"), &stand.path("elsewhere.pem"));
    std::fs::write(&file, other).unwrap();
    stand.program.hang_up();
    reloaded(&stand, 2).await;
    assert_eq!(answer("stranger").await.status, 200);
    assert_eq!(answer("own").await.refusal(), untrusted);
    assert!(!log().contains("server.reload_needs_restart"), "{}", log());

    std::fs::write(&file, text).unwrap();
    stand.program.hang_up();
    let details = reloaded(&stand, 3).await;
    assert_eq!(answer("own").await.status, 200);
    assert_eq!(answer("stranger").await.refusal(), untrusted);
    assert_eq!(details.len(), 3, "{details:?}");
    assert!(details.iter().all(|it| it.contains("client_trust_anchors")));
}
