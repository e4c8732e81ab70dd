//! Addresses that a browser will be sent to: the issuer and the agent.

use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;
use url::{Host, Url};

const PATH_BYTES_MAX: usize = 128;

/// What stays at the root of the host, whatever the issuer's path is.
const PAGES: [&str; 8] = [
    "login",
    "consent",
    "new-workstations",
    "logout",
    "static",
    "errors",
    "healthz",
    "readyz",
];

/// The issuer identifier: a bare origin, because every cookie and page of the provider lives
/// directly under it and a path would widen nothing but the ways of writing it (attack G11); or
/// with a path, where a profile's clients have one in their configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Issuer(Url);

/// The agent's address on each workstation: plain http on a loopback address with a port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct AgentUrl(Url);

impl Issuer {
    /// The identifier exactly as tokens carry it, without trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        without_trailing_slash(&self.0)
    }

    /// The issuer as a URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Whether something stands behind the origin, such as `/auth/realms/esante-wallet`.
    #[must_use]
    pub fn has_path(&self) -> bool {
        self.0.path() != "/"
    }

    /// True when browsers reach the provider through TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl AgentUrl {
    /// The address without trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        without_trailing_slash(&self.0)
    }
}

impl Default for AgentUrl {
    fn default() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the constant is an absolute URL; a test parses it"
        )]
        Self("http://127.0.0.1:47110/".parse().expect("a constant"))
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Issuer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let url = parse_issuer(&text)?;
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if is_loopback(&url) => Ok(Self(url)),
            "http" => {
                Err("must use https: plain http is accepted for a loopback address only".into())
            }
            _ => Err("must be an https URL".into()),
        }
    }
}

impl TryFrom<String> for AgentUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let url = parse_origin(&text)?;
        if url.scheme() != "http" || !is_loopback(&url) {
            return Err(
                "must be http on a loopback address, such as http://127.0.0.1:47110".into(),
            );
        }
        Ok(Self(url))
    }
}

/// True for 127.0.0.0/8, ::1 and the name `localhost` (RFC 6761 section 6.3).
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Segments of an issuer's path: letters, digits and what no proxy or client writes in two ways.
fn parse_issuer(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    let origin = url.origin().ascii_serialization();
    let path = text.strip_prefix(&origin).unwrap_or_default();
    let Some(path) = path.strip_prefix('/').filter(|path| !path.is_empty()) else {
        return parse_origin(text);
    };
    let is_plain = |segment: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !segment.is_empty() && segment.bytes().all(allowed)
    };
    if path.len() > PATH_BYTES_MAX || !path.split('/').all(is_plain) {
        let reason = "its path may have letters, digits, - and _ between slashes, no slash at its \
                      end, and 128 bytes at most";
        return Err(reason.to_owned());
    }
    let first = path.split('/').next().unwrap_or_default();
    if PAGES.contains(&first) {
        return Err(format!(
            "its path must not begin with /{first}: our pages are there"
        ));
    }
    Ok(url)
}

fn parse_origin(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    // The text must already be in normal form: tokens compare the issuer byte by byte
    // (OpenID Connect Core 1.0 section 3.1.3.7), so two spellings would be two issuers.
    if without_trailing_slash(&url) != text {
        return Err(format!(
            "must be scheme, host and port alone, in normal form: write {}",
            url.origin().ascii_serialization()
        ));
    }
    if url.origin().ascii_serialization() != text {
        return Err("must not have a user, path, query or fragment".into());
    }
    Ok(url)
}

fn without_trailing_slash(url: &Url) -> &str {
    url.as_str().strip_suffix('/').unwrap_or(url.as_str())
}

#[cfg(test)]
mod tests {
    use super::{AgentUrl, Issuer};

    #[test]
    fn issuers_are_canonical_and_over_https_or_loopback() {
        let cases = [
            ("https", "https://login.example.test", true),
            ("https with a port", "https://login.example.test:8443", true),
            ("loopback http", "http://127.0.0.1:8080", true),
            ("loopback http v6", "http://[::1]:8080", true),
            ("localhost", "http://localhost:8080", true),
            ("http elsewhere", "http://login.example.test", false),
            (
                "name that begins like loopback",
                "http://127.0.0.1.example.test",
                false,
            ),
            ("trailing slash", "https://login.example.test/", false),
            ("path", "https://login.example.test/auth/realms/r-1", true),
            (
                "slash behind a path",
                "https://login.example.test/realm/",
                false,
            ),
            ("empty segment", "https://login.example.test/a//b", false),
            ("dots", "https://login.example.test/a/../b", false),
            ("a dot", "https://login.example.test/a.b", false),
            ("encoded", "https://login.example.test/a%2fb", false),
            (
                "a path of our pages",
                "https://login.example.test/login",
                false,
            ),
            (
                "query behind a path",
                "https://login.example.test/a?x=1",
                false,
            ),
            ("user and path", "https://me@login.example.test/a", false),
            ("query", "https://login.example.test?x=1", false),
            ("fragment", "https://login.example.test#x", false),
            ("user", "https://me@login.example.test", false),
            (
                "default port spelt out",
                "https://login.example.test:443",
                false,
            ),
            ("upper case", "https://LOGIN.example.test", false),
            ("other scheme", "ftp://login.example.test", false),
            ("not a URL", "login.example.test", false),
        ];
        for (name, text, accepted) in cases {
            assert_eq!(
                Issuer::try_from(text.to_owned()).is_ok(),
                accepted,
                "{name}"
            );
        }
    }

    #[test]
    fn agent_is_on_loopback_only() {
        let cases = [
            ("loopback", "http://127.0.0.1:47110", true),
            ("https", "https://127.0.0.1:47110", false),
            ("another machine", "http://192.0.2.1:47110", false),
        ];
        for (name, text, accepted) in cases {
            assert_eq!(
                AgentUrl::try_from(text.to_owned()).is_ok(),
                accepted,
                "{name}"
            );
        }
        assert_eq!(AgentUrl::default().as_str(), "http://127.0.0.1:47110");
    }
}
