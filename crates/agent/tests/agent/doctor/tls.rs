//! What answers in the issuer's place by TLS, clocks that are off, and a card that is none of ours.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;

use cardea_agent::config::Environment;
use cardea_agent::doctor::{self, Cause, Surroundings};
use cardea_virtual_card::own_process;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name, X509NameRef};
use serde_json::Value;

use super::{BOUND, Desk, detail, examined, first, has};
use crate::workstation::enrolment;

/// A certification authority.
struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn named(name: &str) -> X509Name {
    let mut builder = X509Name::builder().unwrap();
    builder.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    builder.build()
}

fn begun(
    subject: &X509NameRef,
    issuer: &X509NameRef,
    key: &PKey<Private>,
    days: u32,
) -> X509Builder {
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(days + 1).unwrap().to_asn1_integer();
    builder.set_serial_number(&serial.unwrap()).unwrap();
    builder.set_subject_name(subject).unwrap();
    builder.set_issuer_name(issuer).unwrap();
    builder.set_pubkey(key).unwrap();
    let (begin, end) = (
        Asn1Time::from_unix(1_600_000_000),
        Asn1Time::days_from_now(days),
    );
    builder.set_not_before(&begin.unwrap()).unwrap();
    builder.set_not_after(&end.unwrap()).unwrap();
    builder
}

impl Authority {
    fn new(name: &str) -> Self {
        let (key, name) = (key(), named(name));
        let mut builder = begun(&name, &name, &key, 3650);
        let ca = BasicConstraints::new().critical().ca().build().unwrap();
        builder.append_extension(ca).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self {
            certificate: builder.build(),
            key,
        }
    }

    fn pem(&self) -> String {
        String::from_utf8(self.certificate.to_pem().unwrap()).unwrap()
    }

    /// Answers for `localhost` by TLS with what the issuer has, under a certificate of this
    /// authority. It is there until the test's process ends.
    fn stands_in_for(&self, issuer: &str, days: u32) -> String {
        let own = key();
        let (subject, above) = (named("localhost"), self.certificate.subject_name());
        let mut builder = begun(&subject, above, &own, days);
        let context = builder.x509v3_context(Some(&self.certificate), None);
        let name = SubjectAlternativeName::new()
            .dns("localhost")
            .build(&context);
        builder.append_extension(name.unwrap()).unwrap();
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_certificate(&builder.build()).unwrap();
        acceptor
            .add_extra_chain_cert(self.certificate.clone())
            .unwrap();
        acceptor.set_private_key(&own).unwrap();
        let acceptor = Arc::new(acceptor.build());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let behind = issuer.strip_prefix("http://").unwrap().to_owned();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (acceptor, behind) = (Arc::clone(&acceptor), behind.clone());
                std::thread::spawn(move || {
                    if let Ok(stream) = acceptor.accept(connection) {
                        pass_on(stream, &behind);
                    }
                });
            }
        });
        format!("https://localhost:{port}")
    }
}

/// One request and its answer, as a program in between has it.
fn pass_on(mut stream: impl std::io::Read + std::io::Write, behind: &str) {
    let mut reader = BufReader::new(&mut stream);
    let mut request = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() || line.trim().is_empty() {
            break;
        }
        if !line.to_ascii_lowercase().starts_with("connection:") {
            request.push_str(&line);
        }
    }
    request.push_str("connection: close\r\n\r\n");
    let mut issuer = TcpStream::connect(behind).unwrap();
    issuer.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = issuer.read_to_end(&mut answer);
    let _ = stream.write_all(&answer);
}

impl Desk {
    /// Enrols the issuer under another address, whose list it signs, and with this authority.
    fn enrol_at(&self, address: &str, authority: Option<&Authority>) {
        let mut table = enrolment(&self.issuer).replace(&self.issuer.url, address);
        if let Some(authority) = authority {
            std::fs::write(self.folder.path().join("ca.pem"), authority.pem()).unwrap();
            table.push_str("ca_file = \"ca.pem\"\n");
        }
        self.configure(0, "off", &table);
        self.issuer.publish_keys_as(address);
    }

    /// What is found besides the readers that nobody has here.
    fn examined_without_readers(&self, change: impl FnOnce(&mut Command)) -> Value {
        let mut command = self.doctor();
        command.env("PCSCLITE_CSOCK_NAME", "/nowhere");
        change(&mut command);
        let mut report = examined(&mut command);
        assert_eq!(first(&report), "doctor.reader_service_stopped");
        report["findings"].as_array_mut().unwrap().remove(0);
        report
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_answers_in_the_issuers_place_is_named() {
    let desk = Desk::set().await;
    let (own, proxy) = (
        Authority::new("Own CA"),
        Authority::new("Antivirus Web Shield Root"),
    );
    // As it should be: under the authority that was pinned.
    desk.enrol_at(&own.stands_in_for(&desk.issuer.url, 300), Some(&own));
    let report = desk.examined_without_readers(|_| {});
    assert_eq!(first(&report), "doctor.agent_stopped", "{report}");

    // An authority that nobody here knows.
    let between = proxy.stands_in_for(&desk.issuer.url, 300);
    for pinned in [None, Some(&own)] {
        desk.enrol_at(&between, pinned);
        let report = desk.examined_without_readers(|_| {});
        assert_eq!(first(&report), "doctor.tls_intercepted", "{report}");
        assert!(
            detail(&report).contains("Antivirus Web Shield Root"),
            "{report}"
        );
    }

    // One that the system trusts, and enrolment did not see.
    let trusted = desk.folder.path().join("trusted.pem");
    std::fs::write(&trusted, proxy.pem()).unwrap();
    let report = desk.examined_without_readers(|command| {
        command.env("SSL_CERT_FILE", &trusted);
    });
    assert_eq!(first(&report), "doctor.tls_intercepted", "{report}");
    assert!(detail(&report).contains("enrolment kept"), "{report}");
}

const TRUSTED: &str = "CARDEA_TEST_TRUSTED";

/// Added to the workstation as an administrator does it: in its folder, and so in the system's
/// trust. The folder is below one that stands for `/`.
#[test]
fn an_authority_that_was_added_to_the_workstation_is_named() {
    let name = "doctor::tls::an_authority_that_was_added_to_the_workstation_is_named";
    let Some(folder) = std::env::var_os(TRUSTED) else {
        let folder = tempfile::tempdir().unwrap();
        let trusted = folder.path().join("trusted.pem");
        let ran = own_process::run_test(name, |command| {
            command
                .env(TRUSTED, folder.path())
                .env("SSL_CERT_FILE", trusted);
            command.env("PCSCLITE_CSOCK_NAME", "/nowhere");
        });
        return ran.unwrap_or_else(|error| panic!("{error}"));
    };
    let root = std::path::PathBuf::from(folder);
    let authority = Authority::new("Hospital Proxy CA");
    std::fs::write(root.join("trusted.pem"), authority.pem()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let desk = Desk::set().await;
        desk.enrol_at(&authority.stands_in_for(&desk.issuer.url, 300), None);
        let surroundings = Surroundings {
            named: Some(desk.config()),
            usual: None,
            environment: Environment::default(),
            homes: None,
            root: root.clone(),
        };
        let report = doctor::examine(&surroundings).await;
        assert!(!report.has(Cause::TlsLocalAuthority), "{}", report.text());
        let added = root.join("usr/local/share/ca-certificates/proxy.crt");
        super::write(&added, &authority.pem());
        let report = doctor::examine(&surroundings).await;
        // Nobody is at the readers here.
        assert_eq!(report.findings()[1].cause(), Cause::TlsLocalAuthority);
        assert!(
            report.findings()[1]
                .detail(report.language())
                .contains("Hospital Proxy CA")
        );
    });
}

fn faketime() -> &'static str {
    let libraries = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib64/faketime/libfaketime.so.1",
        "/usr/lib/faketime/libfaketime.so.1",
    ];
    let found = libraries
        .into_iter()
        .find(|it| std::path::Path::new(it).exists());
    found.expect("libfaketime (Debian: faketime) is needed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_named_and_nothing_that_follows_from_it() {
    let desk = Desk::set().await;
    let own = Authority::new("Own CA");
    let at = own.stands_in_for(&desk.issuer.url, 300);
    desk.enrol_at(&at, Some(&own));
    // An hour only confuses; three years make the issuer's certificate look expired.
    for (offset, words) in [
        ("-1h", "1 hour slow"),
        ("+3y", "days fast"),
        ("-9y", "days slow"),
    ] {
        let report = desk.examined_without_readers(|command| {
            command
                .env("LD_PRELOAD", faketime())
                .env("FAKETIME", offset);
        });
        assert_eq!(first(&report), "doctor.clock_off", "{offset}: {report}");
        assert!(detail(&report).contains(words), "{offset}: {report}");
        for consequence in [
            "tls_intercepted",
            "issuer_certificate_outdated",
            "issuer_unreachable",
        ] {
            assert!(
                !has(&report, &format!("doctor.{consequence}")),
                "{offset}: {report}"
            );
        }
    }
    // The other way round: the certificate is out of date, and the clock is right.
    let outdated = own.stands_in_for(&desk.issuer.url, 0);
    desk.enrol_at(&outdated, Some(&own));
    let began = std::time::Instant::now();
    let report = loop {
        let report = desk.examined_without_readers(|_| {});
        if has(&report, "doctor.issuer_certificate_outdated") {
            break report;
        }
        assert!(began.elapsed() < BOUND, "{report}");
    };
    assert_eq!(first(&report), "doctor.issuer_certificate_outdated");
}

/// A card in the reader that answers as a bank's does: every application is unknown to it.
pub(super) fn bank_card(vpcd: &str) -> TcpStream {
    const ATR: [u8; 9] = [0x3B, 0x65, 0x00, 0x00, 0x20, 0x63, 0xCB, 0x6A, 0x00];
    answering(vpcd, &ATR)
}

fn answering(vpcd: &str, atr: &'static [u8]) -> TcpStream {
    let stream = TcpStream::connect(vpcd).unwrap();
    let mut card = stream.try_clone().unwrap();
    std::thread::spawn(move || {
        loop {
            let mut length = [0; 2];
            if card.read_exact(&mut length).is_err() {
                return;
            }
            let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
            card.read_exact(&mut body).unwrap();
            let answer: &[u8] = match *body {
                [4] => atr,
                [_] | [] => continue,
                _ => &[0x6A, 0x82],
            };
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            let _ = card.write_all(&[&length, answer].concat());
        }
    });
    stream
}
