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
    /// Hosts that may be asked, besides those named by the configured certificates.
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

/// A host with its port, as a URL's authority names them; none for the scheme's own port.
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
        // The parser writes hosts of http and https in one form; those of ldap it leaves as they
        // are.
        let host = url.host_str()?.to_ascii_lowercase();
        let default_port = match url.scheme() {
            "ldap" => Some(389),
            "ldaps" => Some(636),
            _ => None,
        };
        Some(Self {
            host,
            port: url.port().filter(|port| Some(*port) != default_port),
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
            (
                "capital letters, which no address would ever match",
                "CRL.example.test",
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
    fn a_port_that_is_the_schemes_own_is_no_other_port() {
        let of = |url: &str| HostAndPort::of(&url.parse().unwrap()).unwrap().to_string();
        for (url, expected) in [
            ("http://crl.example.test:80/x", "crl.example.test"),
            ("https://crl.example.test:443/x", "crl.example.test"),
            ("ldap://CRL.example.test:389/x", "crl.example.test"),
            ("ldaps://crl.example.test:636/x", "crl.example.test"),
            ("ldap://crl.example.test:636/x", "crl.example.test:636"),
            ("http://crl.example.test:389/x", "crl.example.test:389"),
        ] {
            assert_eq!(of(url), expected);
        }
    }
}
