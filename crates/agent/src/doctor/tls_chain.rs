//! Whose certificate answers at the issuer's address, and which authority stands behind it.
//!
//! The handshake goes through whatever the certificate is, so that it can be looked at; nothing is
//! sent over it but a question for the time. The agent's own connections accept no such thing.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::ssl::{SslConnector, SslMethod, SslStream, SslVerifyMode};
use openssl::x509::{X509, X509NameRef, X509VerifyResult};
use url::Url;

use super::clock_check::Clock;
use super::issuers::parse_date;
use super::{PROBE_LIMIT, Surroundings};
use crate::display_text::for_display;
use crate::enrolment::Enrolment;

/// How long each step of the connection may take.
const STEP_LIMIT: Duration = Duration::from_secs(4);
/// Where systems keep the authorities that somebody added.
const LOCAL_AUTHORITIES: [&str; 4] = [
    "usr/local/share/ca-certificates",
    "etc/pki/ca-trust/source/anchors",
    "etc/ca-certificates/trust-source/anchors",
    "etc/pki/trust/anchors",
];
/// Most files of such a folder that are read, and most bytes of each.
const FILES_MAX: usize = 256;
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Most bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// `X509_V_ERR_CERT_NOT_YET_VALID` and `X509_V_ERR_CERT_HAS_EXPIRED`.
const OF_TIME: [i32; 2] = [9, 10];
/// `X509_V_ERR_HOSTNAME_MISMATCH` and `X509_V_ERR_IP_ADDRESS_MISMATCH`.
const OF_NAME: [i32; 2] = [62, 64];

/// What a handshake showed.
#[derive(Debug)]
pub(super) struct Chain {
    refusal: Option<X509VerifyResult>,
    certificates: Vec<X509>,
    date: Option<i64>,
}

/// What that means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    Good,
    /// Only its dates are wrong.
    Outdated,
    /// It is not the issuer's.
    Foreign {
        authority: String,
        reason: (&'static str, &'static str),
    },
    /// It leads to an authority that was added to this workstation.
    LocalAuthority {
        authority: String,
    },
}

/// Connects and looks; nothing where there is no TLS, or no connection.
pub(super) async fn look(enrolment: &Enrolment) -> Option<Chain> {
    let url = Url::parse(enrolment.issuer.as_str()).ok()?;
    if url.scheme() != "https" {
        return None;
    }
    let authorities = enrolment.ca_pem.clone().unwrap_or_default();
    let path = Url::parse(&enrolment.issuer.challenge_keys_url()).ok()?;
    let path = path.path().to_owned();
    let looking = tokio::task::spawn_blocking(move || handshake(&url, &path, &authorities));
    let looked = tokio::time::timeout(PROBE_LIMIT, looking).await;
    looked.ok()?.ok()?
}

fn handshake(url: &Url, path: &str, authorities: &[u8]) -> Option<Chain> {
    let host = url.host_str()?;
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = (name, url.port_or_known_default()?)
        .to_socket_addrs()
        .ok()?;
    let connect = |address| TcpStream::connect_timeout(&address, STEP_LIMIT).ok();
    let connection = addresses.take(2).find_map(connect)?;
    connection.set_read_timeout(Some(STEP_LIMIT)).ok()?;
    connection.set_write_timeout(Some(STEP_LIMIT)).ok()?;
    let refusal = Arc::new(Mutex::new(None));
    let mut connector = SslConnector::builder(SslMethod::tls_client()).ok()?;
    for authority in X509::stack_from_pem(authorities).unwrap_or_default() {
        connector.cert_store_mut().add_cert(authority).ok()?;
    }
    let noted = Arc::clone(&refusal);
    connector.set_verify_callback(SslVerifyMode::PEER, move |is_good, context| {
        if !is_good {
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.get_or_insert(context.error());
        }
        true
    });
    let mut stream = connector.build().connect(name, connection).ok()?;
    let ssl = stream.ssl();
    let sent = || ssl.peer_cert_chain();
    let certificates = ssl.verified_chain().or_else(sent)?;
    let certificates = certificates.iter().map(ToOwned::to_owned).collect();
    let date = ask_for_time(&mut stream, host, path);
    let refusal = *refusal.lock().unwrap_or_else(PoisonError::into_inner);
    Some(Chain {
        refusal,
        certificates,
        date,
    })
}

/// The `Date` of an answer. Whoever answers may lie; it is only shown.
fn ask_for_time(stream: &mut SslStream<TcpStream>, host: &str, path: &str) -> Option<i64> {
    let request = format!("HEAD {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while head.len() < HEAD_BYTES_MAX {
        let Ok(bytes @ 1..) = stream.read(&mut chunk) else {
            break;
        };
        head.extend_from_slice(chunk.get(..bytes)?);
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
    }
    let head = String::from_utf8_lossy(&head);
    let date = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("date").then_some(value)
    });
    parse_date(date?)
}

impl Chain {
    /// This workstation's clock beside the time that the other end told.
    pub(super) fn clock(&self) -> Clock {
        self.date.map_or_else(Clock::default, Clock::of)
    }

    /// Whether it is the issuer's, as far as enrolment and this workstation can tell.
    pub(super) fn judge(&self, enrolment: &Enrolment, surroundings: &Surroundings) -> Judgement {
        let authority = self.authority();
        let foreign = |reason| Judgement::Foreign {
            authority: authority.clone(),
            reason,
        };
        if let Some(refusal) = self.refusal {
            let code = refusal.as_raw();
            return if OF_TIME.contains(&code) {
                Judgement::Outdated
            } else if OF_NAME.contains(&code) {
                foreign((
                    "le certificat présenté est celui d’un autre site.",
                    "the certificate shown is another site's.",
                ))
            } else {
                foreign((
                    "le certificat présenté vient d’une autorité inconnue de ce poste.",
                    "the certificate shown comes from an authority that this workstation does not \
                     know.",
                ))
            };
        }
        let pinned = enrolment.ca_pem.as_deref();
        if let Some(pem) = pinned {
            let pinned = X509::stack_from_pem(pem).unwrap_or_default();
            if self.holds_any(&pinned) {
                return Judgement::Good;
            }
            return foreign((
                "le certificat présenté ne vient pas de l’autorité retenue à l’enregistrement du \
                 poste.",
                "the certificate shown does not come from the authority that enrolment kept.",
            ));
        }
        if self.holds_any(&local_authorities(&surroundings.root)) {
            return Judgement::LocalAuthority { authority };
        }
        Judgement::Good
    }

    fn holds_any(&self, others: &[X509]) -> bool {
        let fingerprint = |it: &X509| {
            it.digest(MessageDigest::sha256())
                .ok()
                .map(|it| it.to_vec())
        };
        let others: Vec<_> = others.iter().filter_map(fingerprint).collect();
        let own = self.certificates.iter().filter_map(fingerprint);
        own.into_iter().any(|it| others.contains(&it))
    }

    /// What the last certificate's issuer calls itself.
    fn authority(&self) -> String {
        let last = self.certificates.last();
        last.map_or_else(|| "?".to_owned(), |it| called(it.issuer_name()))
    }
}

fn called(name: &X509NameRef) -> String {
    let entry = |nid| {
        let entry = name.entries_by_nid(nid).next()?;
        Some(for_display(&entry.data().to_string().ok()?))
    };
    let common = entry(Nid::COMMONNAME).or_else(|| entry(Nid::ORGANIZATIONALUNITNAME));
    match (common, entry(Nid::ORGANIZATIONNAME)) {
        (Some(common), Some(organisation)) => format!("{common} ({organisation})"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "?".to_owned(),
    }
}

/// The authorities that somebody added to this workstation.
fn local_authorities(root: &Path) -> Vec<X509> {
    let mut found = Vec::new();
    for folder in LOCAL_AUTHORITIES {
        let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten();
        for entry in entries.flatten().take(FILES_MAX) {
            let Ok(file) = std::fs::File::open(entry.path()) else {
                continue;
            };
            let mut content = Vec::new();
            if file.take(FILE_BYTES_MAX).read_to_end(&mut content).is_err() {
                continue;
            }
            let of_pem = X509::stack_from_pem(&content).unwrap_or_default();
            match of_pem.is_empty() {
                true => found.extend(X509::from_der(&content)),
                false => found.extend(of_pem),
            }
        }
    }
    found
}
