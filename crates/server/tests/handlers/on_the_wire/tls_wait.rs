//! TLS handshakes that nobody ends, and connections over TLS that ask for nothing.

use std::io::Read as _;
use std::path::Path;

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use openssl::x509::{X509Builder, X509NameBuilder};
use tokio::task::spawn_blocking;

use super::*;
use crate::test_app::write_private;

fn write_certificate(folder: &Path) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "login.example.test")
        .unwrap();
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    let day = |days| Asn1Time::days_from_now(days).unwrap();
    builder.set_not_before(&day(0)).unwrap();
    builder.set_not_after(&day(1)).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = builder.build().to_pem().unwrap();
    std::fs::write(folder.join("tls.pem"), certificate).unwrap();
    let key = key.private_key_to_pem_pkcs8().unwrap();
    write_private(&folder.join("tls.key"), &key);
    let config = folder.join("cardea.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let tls = "[tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\n";
    std::fs::write(&config, format!("{text}{tls}")).unwrap();
}

/// A whole handshake for a protocol, and not one byte of a request; true once the server hangs up.
fn ask_nothing(address: &str, protocol: &[u8]) -> bool {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_alpn_protos(protocol).unwrap();
    let stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = builder
        .build()
        .connect("login.example.test", stream)
        .unwrap();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => true,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

#[tokio::test]
async fn h10_over_tls_whoever_ends_no_handshake_or_asks_nothing_is_sent_away() {
    let app = TestApp::start_with(Changes::behind_proxy("https://login.example.test")).await;
    write_certificate(app.folder());
    let address = Program::unused_address().await;
    let _program = Program::start(app.folder(), &address).await;
    let half = async |bytes: &[u8]| {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        answer_to(&mut stream).await
    };
    let whole = async |protocol: &'static [u8]| {
        let address = address.clone();
        spawn_blocking(move || ask_nothing(&address, protocol))
            .await
            .unwrap()
    };
    // The beginning of a TLS record that is to hold 512 bytes of handshake (RFC 8446 section 5.1).
    let (silent, begun, http1, http2) = tokio::join!(
        half(b""),
        half(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]),
        whole(b"\x08http/1.1"),
        whole(b"\x02h2"),
    );
    assert_eq!((silent.as_str(), begun.as_str()), ("", ""));
    assert!(http1, "HTTP/1.1");
    assert!(http2, "HTTP/2");
}
