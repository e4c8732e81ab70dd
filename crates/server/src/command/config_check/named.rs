//! The files that a configuration names: whether each is what the server needs.

use std::net::IpAddr;
use std::path::Path;

use openssl::asn1::Asn1Time;
use openssl::pkey::PKey;
use openssl::x509::X509;
use url::Url;

use crate::anchor_reload::read_configured;
use crate::config::{
    Config, Mistake, MtlsTrustAnchorConfig, STAND_IN, STAND_IN_ISSUER, TlsConfig,
    TrustAnchorConfig, line_of,
};
use crate::error::Error;
use crate::key_file::read_private;
use crate::named_files::listeners;
use crate::provider_config::load_trust_store;
use crate::server_keys::ServerKeys;

/// Checks every file by itself, and those that belong together against each other.
pub(super) fn find_mistakes(config: &Config) -> Vec<Mistake> {
    let mut found = Vec::new();
    for (table, tls) in listeners(config) {
        found.extend(check_tls(config, table, tls));
    }
    for (index, anchor) in config.trust_anchor.iter().enumerate() {
        found.extend(check_anchor(config, index, anchor));
    }
    let of_clients = config.mtls.iter().flat_map(|mtls| &mtls.trust_anchor);
    for (index, anchor) in of_clients.enumerate() {
        found.extend(check_client_anchor(config, index, anchor));
    }
    found.extend(check_hosts(config));
    found.extend(check_keys(config));
    found
}

pub(super) fn mistake(config: &Config, key: &str, error: &Error) -> Mistake {
    Mistake {
        file: config.file.clone(),
        line: line_of(&config.file, key),
        key: key.to_owned(),
        reason: chain(error),
        code: error.code(),
    }
}

/// An error with its causes, in one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text.replace('\n', " ")
}

fn is_stand_in(file: &Path) -> bool {
    file == Path::new(STAND_IN)
}

/// A certificate that is in date, and the private key that belongs to it.
fn check_tls(config: &Config, table: &str, tls: &TlsConfig) -> Vec<Mistake> {
    let mut found = Vec::new();
    let (of_certificate, of_key) = (format!("{table}.certificate"), format!("{table}.key"));
    let certificate = read_certificate(&tls.certificate);
    if let Err(reason) = &certificate
        && !is_stand_in(&tls.certificate)
    {
        found.push(mistake(
            config,
            &of_certificate,
            &unfit(&tls.certificate, reason),
        ));
    }
    if is_stand_in(&tls.key) {
        return found;
    }
    match read_private(&tls.key) {
        Err(error) => found.push(mistake(config, &of_key, &error)),
        Ok(pem) => {
            let key = PKey::private_key_from_pem(&pem);
            let fits = match (&key, &certificate) {
                (Err(_), _) => Err("is no private key in PEM"),
                (Ok(key), Ok(certificate)) => match certificate.public_key() {
                    Ok(public) if public.public_eq(key) => Ok(()),
                    _ => Err("is not the key of the certificate"),
                },
                (Ok(_), Err(_)) => Ok(()),
            };
            if let Err(reason) = fits {
                found.push(mistake(config, &of_key, &unfit(&tls.key, reason)));
            }
        }
    }
    found
}

/// The certificate that browsers are shown: the first of the file.
fn read_certificate(file: &Path) -> Result<X509, &'static str> {
    let pem = std::fs::read(file).map_err(|_| "cannot be read")?;
    let chain = X509::stack_from_pem(&pem).map_err(|_| "is no certificate in PEM")?;
    let leaf = chain.into_iter().next().ok_or("has no certificate")?;
    let now = Asn1Time::days_from_now(0).map_err(|_| "cannot be compared with the clock")?;
    if leaf.not_before() > &*now {
        return Err("is not valid yet");
    }
    if leaf.not_after() < &*now {
        return Err("has expired");
    }
    Ok(leaf)
}

fn unfit(file: &Path, reason: &'static str) -> Error {
    Error::FileUnusable {
        file: file.to_owned(),
        action: "cannot serve for TLS",
        source: std::io::Error::other(reason),
    }
}

fn check_anchor(config: &Config, index: usize, anchor: &TrustAnchorConfig) -> Option<Mistake> {
    if is_stand_in(&anchor.anchors) {
        return None;
    }
    let error = read_configured(std::slice::from_ref(anchor)).err()?;
    let names = |file: &Path| chain(&error).contains(&file.display().to_string());
    let key = match &anchor.intermediates {
        Some(file) if names(file) => "intermediates",
        _ => "anchors",
    };
    let key = format!("trust_anchor[{index}].{key}");
    Some(mistake(config, &key, &error))
}

/// The authorities that vouch for clients.
fn check_client_anchor(
    config: &Config,
    index: usize,
    anchor: &MtlsTrustAnchorConfig,
) -> Option<Mistake> {
    let roots = load_trust_store(&anchor.anchors, None).err();
    let error = roots.map(|error| ("anchors", error)).or_else(|| {
        let file = anchor.intermediates.as_deref()?;
        let both = load_trust_store(&anchor.anchors, Some(file)).err()?;
        Some(("intermediates", both))
    });
    let (key, error) = error?;
    let key = format!("mtls.trust_anchor[{index}].{key}");
    Some(mistake(config, &key, &error))
}

/// Listeners of hosts of their own: whether the certificate that they show is for that host.
fn check_hosts(config: &Config) -> Vec<Mistake> {
    let agentless = config.agentless.as_ref();
    let mtls = config.mtls.as_ref().filter(|mtls| mtls.proxy.is_none());
    let listeners = [
        agentless.map(|it| ("agentless.url", it.origin(), it.tls.as_ref())),
        mtls.map(|it| ("mtls.url", it.url.as_str(), it.tls.as_ref())),
    ];
    let mut found = Vec::new();
    for (key, origin, own) in listeners.into_iter().flatten() {
        let tls = own.or(config.tls.as_ref());
        let host = Url::parse(origin).ok();
        let host = host.as_ref().and_then(Url::host_str);
        let (Some(tls), Some(host)) = (tls, host) else {
            continue;
        };
        // One that cannot be read is a mistake of its own.
        if read_certificate(&tls.certificate).is_ok_and(|shown| !is_for(&shown, host)) {
            let error = unfit(&tls.certificate, "is for another host than this one");
            found.push(mistake(config, key, &error));
        }
    }
    found
}

/// Whether a certificate names a host (RFC 9525): as it is, or by a star for its first label.
fn is_for(certificate: &X509, host: &str) -> bool {
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let bytes = address.map(|address| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    });
    let rest = host.split_once('.').map(|(_, rest)| rest);
    let names = certificate.subject_alt_names();
    names.into_iter().flatten().any(|name| match &bytes {
        Some(bytes) => name.ipaddress() == Some(bytes.as_slice()),
        None => name.dnsname().is_some_and(|name| {
            let star = name.strip_prefix("*.");
            name.eq_ignore_ascii_case(host)
                || star
                    .zip(rest)
                    .is_some_and(|(star, rest)| star.eq_ignore_ascii_case(rest))
        }),
    })
}

/// The challenge key, and the documents of the offline roots that must fit it.
fn check_keys(config: &Config) -> Option<Mistake> {
    let keys = &config.keys;
    let is_made_up = config.issuer.as_str() == STAND_IN_ISSUER;
    if is_made_up || is_stand_in(&keys.challenge_key) || is_stand_in(&keys.challenge_list) {
        return None;
    }
    let error = ServerKeys::load(keys, &config.issuer).err()?;
    let text = chain(&error);
    let names = |file: &Path| text.starts_with(&file.display().to_string());
    let enrolment = keys.enrolment.as_deref();
    let key = if enrolment.is_some_and(names) {
        "keys.enrolment"
    } else if names(&keys.challenge_list) {
        "keys.challenge_list"
    } else if keys.other_challenge_keys.iter().any(|file| names(file)) {
        "keys.other_challenge_keys"
    } else {
        "keys.challenge_key"
    };
    Some(mistake(config, key, &error))
}
