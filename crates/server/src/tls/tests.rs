//! Attack H11: what the listener speaks, tried with clients that would take less.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslConnector, SslConnectorBuilder, SslVerifyMode};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509Builder, X509NameBuilder};

use super::*;

const HOST: &str = "login.example.test";
/// So that it is the server that refuses, not this machine's policy for clients.
const EVERY_SUITE: &str = "ALL:NULL:@SECLEVEL=0";

pub(super) fn certificate(key: &PKey<Private>) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", HOST).unwrap();
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(key).unwrap();
    let day = |days| Asn1Time::days_from_now(days).unwrap();
    builder.set_not_before(&day(0)).unwrap();
    builder.set_not_after(&day(1)).unwrap();
    let mut names = SubjectAlternativeName::new();
    let names = names.dns(HOST).build(&builder.x509v3_context(None, None));
    builder.append_extension(names.unwrap()).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}

fn rsa() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

pub(super) fn p256() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// A listener that accepts one connection, answers its first byte, and ends.
struct Listener {
    address: SocketAddr,
    certificate: X509,
    thread: JoinHandle<()>,
}

fn listen(builder: SslAcceptorBuilder, key: &PKey<Private>) -> Listener {
    let mut builder = builder;
    let certificate = certificate(key);
    set_chain(&mut builder, &certificate.to_pem().unwrap()).unwrap();
    set_key(&mut builder, &key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let acceptor = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let Ok(mut stream) = acceptor.accept(stream) else {
            return;
        };
        let mut byte = [0; 1];
        while let Ok(1) = stream.read(&mut byte) {
            if stream.write_all(&byte).is_err() {
                return;
            }
        }
    });
    Listener {
        address,
        certificate,
        thread,
    }
}

/// What a client of one's own making gets: version and suite, or nothing.
fn connect(
    listener: Listener,
    host: &str,
    change: impl FnOnce(&mut SslConnectorBuilder),
) -> Option<(&'static str, String)> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_min_proto_version(None).unwrap();
    builder.set_cipher_list(EVERY_SUITE).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    let trusted = builder.cert_store_mut();
    trusted.add_cert(listener.certificate).unwrap();
    change(&mut builder);
    let stream = TcpStream::connect(listener.address).unwrap();
    let connection = builder.build().connect(host, stream).ok();
    let got = connection.and_then(|mut connection| {
        // In TLS 1.3 a client is done before the server has judged.
        connection.write_all(b"x").ok()?;
        connection.read_exact(&mut [0]).ok()?;
        let suite = connection.ssl().current_cipher()?.name().to_owned();
        Some((connection.ssl().version_str(), suite))
    });
    listener.thread.join().unwrap();
    got
}

fn only(version: SslVersion) -> impl FnOnce(&mut SslConnectorBuilder) {
    move |builder| {
        builder.set_min_proto_version(Some(version)).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
    }
}

#[test]
fn h11_versions_before_1_2_are_refused() {
    let key = rsa();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let listener = listen(new_builder().unwrap(), &key);
        assert!(
            connect(listener, HOST, only(version)).is_some(),
            "{version:?}"
        );
    }
    for version in [SslVersion::TLS1, SslVersion::TLS1_1] {
        let listener = listen(new_builder().unwrap(), &key);
        assert_eq!(connect(listener, HOST, only(version)), None, "{version:?}");
        // The client is able to: a listener without our bounds speaks with it.
        let mut loose = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        loose.clear_options(SslOptions::NO_TLSV1 | SslOptions::NO_TLSV1_1);
        loose.set_min_proto_version(None).unwrap();
        loose.set_cipher_list(EVERY_SUITE).unwrap();
        let spoken = connect(listen(loose, &key), HOST, only(version));
        assert!(spoken.is_some(), "{version:?}");
    }
}

#[test]
fn h11_suites_without_forward_secrecy_or_authentication_are_refused() {
    let (rsa, p256) = (rsa(), p256());
    let offering = |suite: &'static str| {
        move |builder: &mut SslConnectorBuilder| {
            only(SslVersion::TLS1_2)(builder);
            let list = format!("{suite}:@SECLEVEL=0");
            builder.set_cipher_list(&list).unwrap();
        }
    };
    for suite in [
        "AES128-SHA",
        "AES256-SHA256",
        "AES256-GCM-SHA384",
        "DHE-RSA-AES128-SHA",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-RSA-AES256-SHA384",
        "AECDH-AES256-SHA",
        "ADH-AES256-GCM-SHA384",
        "NULL-SHA256",
        "ECDHE-RSA-NULL-SHA",
    ] {
        let listener = listen(new_builder().unwrap(), &rsa);
        assert_eq!(connect(listener, HOST, offering(suite)), None, "{suite}");
    }
    for (suite, key) in [
        ("ECDHE-RSA-AES128-GCM-SHA256", &rsa),
        ("ECDHE-RSA-CHACHA20-POLY1305", &rsa),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", &p256),
    ] {
        let listener = listen(new_builder().unwrap(), key);
        let got = connect(listener, HOST, offering(suite));
        assert_eq!(got, Some(("TLSv1.2", suite.to_owned())));
    }
}

/// One certificate, whatever name is asked for: who asks for another name does not go on.
#[test]
fn h11_another_host_s_name_is_never_proven() {
    let key = p256();
    for (host, is_ours) in [(HOST, true), ("evil.test", false), ("example.test", false)] {
        let listener = listen(new_builder().unwrap(), &key);
        let got = connect(listener, host, |builder| {
            builder.set_verify(SslVerifyMode::PEER);
        });
        assert_eq!(got.is_some(), is_ours, "{host}");
    }
}

/// OpenSSL's own client asks for a second handshake on the same connection.
#[test]
fn h11_nothing_is_negotiated_again() {
    let listener = listen(new_builder().unwrap(), &rsa());
    let mut client = Command::new("openssl")
        .args(["s_client", "-tls1_2", "-connect"])
        .arg(listener.address.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A line that begins with R is s_client's command for it.
    client.stdin.take().unwrap().write_all(b"R\n").unwrap();
    let output = client.wait_with_output().unwrap();
    listener.thread.join().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("RENEGOTIATING"), "{said}");
    assert!(said.contains("no renegotiation"), "{said}");
}
