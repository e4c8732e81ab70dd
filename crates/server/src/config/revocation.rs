//! `[trust_anchor.revocation]`: where evidence may come from, and how old it may be.

use std::fmt;

use cardea_pki::RevocationPolicy;
use serde::Deserialize;
use url::Url;

/// `[trust_anchor.revocation]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RevocationConfig {
    /// Hosts that may be asked, besides those named by the configured certificates.
    pub hosts: Vec<HostAndPort>,
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
            stale_crl_grace_seconds: policy.crl_grace_seconds,
            crl_age_seconds_max: policy.crl_age_seconds_max,
            authority_crl_age_seconds_max: policy.authority_crl_age_seconds_max,
            crl_refresh_seconds: 600,
            ocsp_age_seconds_max: policy.ocsp_age_seconds_max,
            ocsp_nonce: OcspNonce::Optional,
        }
    }
}

/// A host with its port, as a URL's authority names them.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct HostAndPort {
    host: String,
    port: Option<u16>,
}

impl HostAndPort {
    /// The host and port that `url` leads to.
    #[must_use]
    pub fn of(url: &Url) -> Option<Self> {
        let host = url.host_str()?.to_owned();
        Some(Self {
            host,
            port: url.port(),
        })
    }
}

impl fmt::Display for HostAndPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
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
        const REASON: &str = "must be a host or host:port, without scheme or path";
        let url = Url::parse(&format!("http://{text}")).map_err(|_| REASON)?;
        let host_and_port = Self::of(&url).ok_or(REASON)?;
        if host_and_port.to_string() != text {
            return Err(REASON);
        }
        Ok(host_and_port)
    }
}

#[cfg(test)]
mod tests {
    use super::HostAndPort;

    #[test]
    fn hosts_are_bare() {
        let cases = [
            ("host", "crl.example.test", true),
            ("host and port", "127.0.0.1:8090", true),
            ("v6", "[::1]:8090", true),
            ("scheme", "http://crl.example.test", false),
            ("path", "crl.example.test/crl", false),
            ("user", "me@crl.example.test", false),
            ("nothing", "", false),
        ];
        for (name, text, accepted) in cases {
            assert_eq!(
                HostAndPort::try_from(text.to_owned()).is_ok(),
                accepted,
                "{name}"
            );
        }
    }
}
