//! `[trust_anchor.revocation]`: where evidence may come from, and how old it may be; and
//! `[revocation]`: where fetched lists are kept.

use std::fmt;
use std::path::PathBuf;

use cardea_pki::RevocationPolicy;
use cardea_pki::revocation::SourcePreference;
use serde::Deserialize;
use url::Url;

/// `[revocation]`: what belongs to all trust anchors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RevocationStoreConfig {
    /// Folder of the fetched lists, which this program alone uses and keeps to its own user: after
    /// a restart they are verified again and used, and need not be fetched.
    pub dir: PathBuf,
}

impl Default for RevocationStoreConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("revocation"),
        }
    }
}

/// `[trust_anchor.revocation]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RevocationConfig {
    /// Servers that may be asked, besides those named by the configured certificates.
    pub hosts: Vec<HostAndPort>,
    /// Which evidence is asked for, and which first.
    pub order: EvidenceOrder,
    /// Milliseconds that a login waits for evidence at most; then what is there decides.
    pub time_budget_ms: u32,
    /// Seconds after its `nextUpdate` during which a CRL still serves; each use is logged.
    pub stale_crl_grace_seconds: u32,
    /// Oldest CRL that speaks for a card, in seconds.
    pub crl_age_seconds_max: u32,
    /// Oldest CRL that speaks for an issuing authority, in seconds.
    pub authority_crl_age_seconds_max: u32,
    /// Seconds after which a CRL is fetched anew, even if it promises to hold for longer.
    pub crl_refresh_seconds: u32,
    /// Oldest OCSP answer that is used, in seconds.
    pub ocsp_age_seconds_max: u32,
    /// What an OCSP answer without our nonce is worth.
    pub ocsp_nonce: OcspNonce,
}

/// `order`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EvidenceOrder {
    /// OCSP, and lists where it gives no answer; a list at hand that names the card refuses it
    /// whatever OCSP says.
    #[default]
    OcspThenCrl,
    /// Lists, and OCSP where no current list speaks.
    CrlThenOcsp,
    /// OCSP alone.
    OcspOnly,
    /// Lists alone.
    CrlOnly,
}

impl EvidenceOrder {
    pub(crate) fn preference(self) -> SourcePreference {
        match self {
            Self::OcspThenCrl => SourcePreference::OcspThenCrl,
            Self::CrlThenOcsp => SourcePreference::CrlThenOcsp,
            Self::OcspOnly => SourcePreference::OcspOnly,
            Self::CrlOnly => SourcePreference::CrlOnly,
        }
    }
}

/// `ocsp_nonce`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OcspNonce {
    /// An answer without nonce is used: many responders sign in advance. A wrong one never is.
    #[default]
    Optional,
    /// An answer without nonce is not used.
    Required,
}

impl Default for RevocationConfig {
    fn default() -> Self {
        let policy = RevocationPolicy::default();
        Self {
            hosts: Vec::new(),
            order: EvidenceOrder::default(),
            time_budget_ms: 4_000,
            stale_crl_grace_seconds: policy.crl_grace_seconds,
            crl_age_seconds_max: policy.crl_age_seconds_max,
            authority_crl_age_seconds_max: policy.authority_crl_age_seconds_max,
            crl_refresh_seconds: 600,
            ocsp_age_seconds_max: policy.ocsp_age_seconds_max,
            ocsp_nonce: OcspNonce::Optional,
        }
    }
}

/// What speaks at a port of a host: one may be allowed without the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    /// `http` and `https`.
    Web,
    /// `ldap` and `ldaps`.
    Directory,
}

/// One server that may be asked: a host, the port in effect, and what speaks there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Service {
    host: String,
    port: u16,
    protocol: Protocol,
}

impl Service {
    /// The server that `url` leads to; none for other schemes.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let (protocol, own_port) = match url.scheme() {
            "http" => (Protocol::Web, HTTP_PORT),
            "https" => (Protocol::Web, HTTPS_PORT),
            "ldap" => (Protocol::Directory, 389),
            "ldaps" => (Protocol::Directory, 636),
            _ => return None,
        };
        Some(Self {
            // The parser writes hosts of http and https in one form; those of ldap it leaves as
            // they are.
            host: url.host_str()?.to_ascii_lowercase(),
            port: url.port().unwrap_or(own_port),
            protocol,
        })
    }
}

const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// An entry of `hosts`: `host` is a web server at the ports of `http` and `https`, `host:port` one
/// at that port alone; `ldap://host[:port]` and `ldaps://host[:port]` are directories.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct HostAndPort {
    text: String,
    services: Vec<Service>,
}

impl HostAndPort {
    /// The servers that it allows.
    pub(crate) fn services(&self) -> &[Service] {
        &self.services
    }
}

impl fmt::Display for HostAndPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for HostAndPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for HostAndPort {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const REASON: &str =
            "must be host, host:port, ldap://host[:port] or ldaps://host[:port], without a path";
        let is_directory = text.starts_with("ldap://") || text.starts_with("ldaps://");
        let url = match is_directory {
            true => Url::parse(&text),
            false => Url::parse(&format!("http://{text}")),
        }
        .map_err(|_| REASON)?;
        let service = Service::of(&url).ok_or(REASON)?;
        // What is written is what is read: nothing else is in it, and the host is in the form that
        // addresses are compared in.
        let authority = text
            .split_once("://")
            .map_or(text.as_str(), |(_, rest)| rest);
        let port = authority
            .strip_prefix(service.host.as_str())
            .ok_or(REASON)?;
        let given = port.strip_prefix(':').unwrap_or_default();
        if service.host.is_empty() || !(port.is_empty() || given == service.port.to_string()) {
            return Err(REASON);
        }
        let mut services = vec![service];
        if !is_directory && port.is_empty() {
            let https = services.iter().cloned().map(|http| Service {
                port: HTTPS_PORT,
                ..http
            });
            services.extend(https.collect::<Vec<_>>());
        }
        Ok(Self { text, services })
    }
}

#[cfg(test)]
mod tests {
    use super::{HostAndPort, Service};

    #[test]
    fn hosts_are_bare_or_directories() {
        let cases = [
            ("host", "crl.example.test", true),
            ("host and port", "127.0.0.1:8090", true),
            ("v6", "[::1]:8090", true),
            ("directory", "ldap://directory.example.test", true),
            (
                "directory and port",
                "ldaps://directory.example.test:6360",
                true,
            ),
            ("scheme", "http://crl.example.test", false),
            ("path", "crl.example.test/crl", false),
            (
                "path of a directory",
                "ldap://directory.example.test/cn=x",
                false,
            ),
            ("slash", "ldap://directory.example.test/", false),
            ("directory without a host", "ldap://", false),
            ("user", "me@crl.example.test", false),
            ("port that is none", "crl.example.test:", false),
            ("port too high", "crl.example.test:65536", false),
            ("nothing", "", false),
            (
                "capital letters, which no address would ever match",
                "CRL.example.test",
                false,
            ),
            (
                "capital letters of a directory",
                "ldap://D.example.test",
                false,
            ),
        ];
        for (name, text, accepted) in cases {
            assert_eq!(
                HostAndPort::try_from(text.to_owned()).is_ok(),
                accepted,
                "{name}"
            );
        }
    }

    #[test]
    fn an_entry_allows_its_ports_and_protocol_alone() {
        const URLS: [&str; 8] = [
            "http://a.test/x",
            "https://a.test/x",
            "http://a.test:443/x",
            "http://a.test:8090/x",
            "http://a.test:389/x",
            "ldap://A.test/cn=x",
            "ldaps://a.test/cn=x",
            "ldap://a.test:8090/cn=x",
        ];
        for (entry, allowed) in [
            ("a.test", &[0_usize, 1, 2][..]),
            ("a.test:80", &[0]),
            ("a.test:443", &[1, 2]),
            ("a.test:8090", &[3]),
            ("a.test:389", &[4]),
            ("ldap://a.test", &[5]),
            ("ldap://a.test:389", &[5]),
            ("ldaps://a.test", &[6]),
            ("ldap://a.test:8090", &[7]),
            ("a.test.evil.test", &[]),
        ] {
            let entry = HostAndPort::try_from(entry.to_owned()).unwrap();
            for (position, url) in URLS.iter().enumerate() {
                let service = Service::of(&url.parse().unwrap()).unwrap();
                assert_eq!(
                    entry.services().contains(&service),
                    allowed.contains(&position),
                    "{entry} and {url}"
                );
            }
        }
        assert!(Service::of(&"ftp://a.test/x".parse().unwrap()).is_none());
    }
}
