//! What enrolment fixed about an issuer: its address, its pages' origins, its pinned root keys.

use cardea_assertion::Origin;
use cardea_jose::Jwk;
use url::{Host, Url};

use crate::log_memory::KnownLog;

/// One issuer that this workstation is enrolled with.
///
/// A challenge's issuer, the page's origin and the key that signed the challenge must all belong to
/// one and the same enrolment: otherwise one enrolled issuer could ask in another's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// The issuer identifier.
    pub issuer: IssuerUrl,
    /// The name that prompts show.
    pub name: String,
    /// The origins of the issuer's login pages.
    pub origins: Vec<Origin>,
    /// The pinned offline root keys, which sign the list of challenge keys.
    pub roots: Vec<Jwk>,
    /// Certificates of a private certification authority for the issuer's TLS, in PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// Its log, where the enrolment names it.
    pub log: Option<KnownLog>,
}

/// An issuer identifier (RFC 8414 section 2): https, or http on a loopback address for trials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerUrl {
    url: Url,
    text: String,
    origin: Origin,
}

impl IssuerUrl {
    /// Reads an issuer identifier exactly as the issuer writes it.
    ///
    /// # Errors
    /// The reason why it is none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "is not a URL")?;
        check_transport(&url)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err("has a query or a fragment");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("names a user");
        }
        // Identifiers are compared as text: one that is not in normal form would never match.
        if url.as_str().trim_end_matches('/') != text {
            return Err("is not in normal form, or ends with a slash");
        }
        let origin = Origin::of_url(text).map_err(|_| "has no origin")?;
        Ok(Self {
            url,
            text: text.to_owned(),
            origin,
        })
    }

    /// The identifier as `iss` carries it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The origin of the issuer's own pages.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin.clone()
    }

    /// The host's name.
    #[must_use]
    pub fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    /// Whether the issuer is on this very machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// The address of the signed list of challenge keys.
    #[must_use]
    pub fn challenge_keys_url(&self) -> String {
        format!("{}/.well-known/cardea-challenge-keys", self.text)
    }

    /// The address of the signed enrolment document.
    #[must_use]
    pub fn enrolment_url(&self) -> String {
        format!("{}/.well-known/cardea-enrolment", self.text)
    }

    /// The address where business software gets the challenge of a card grant.
    #[must_use]
    pub fn grant_challenge_url(&self) -> String {
        format!("{}/card-grant/challenge", self.text)
    }

    /// The address of the token endpoint.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}/token", self.text)
    }

    /// The address of the userinfo endpoint.
    #[must_use]
    pub fn userinfo_url(&self) -> String {
        format!("{}/userinfo", self.text)
    }

    /// The address of the presence connection.
    #[must_use]
    pub fn presence_url(&self) -> String {
        // "https" becomes "wss", "http" becomes "ws".
        format!("ws{}/presence", self.text.trim_start_matches("http"))
    }
}

/// Reads an origin of login pages: https, or http on a loopback address.
///
/// # Errors
/// The reason why it is none.
pub(crate) fn parse_origin(text: &str) -> Result<Origin, &'static str> {
    let origin = Origin::parse(text)
        .map_err(|_| "is not an origin such as https://login.example, in normal form")?;
    check_transport(&Url::parse(text).map_err(|_| "is not a URL")?)?;
    Ok(origin)
}

/// Reads the address of an API: https, or http on a loopback address, without query or fragment.
///
/// # Errors
/// The reason why it is none.
pub(crate) fn parse_address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    check_transport(&url)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or a fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("names a user");
    }
    Ok(url)
}

fn check_transport(url: &Url) -> Result<(), &'static str> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => Err("must be https, except on a loopback address"),
        _ => Err("must be https"),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_follow_from_the_issuer() {
        let cases = [
            ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/presence"),
            ("https://login.example", "wss://login.example/presence"),
            ("https://login.example/a", "wss://login.example/a/presence"),
        ];
        for (issuer, presence) in cases {
            assert_eq!(IssuerUrl::parse(issuer).unwrap().presence_url(), presence);
        }
        let issuer = IssuerUrl::parse("https://login.example/a").unwrap();
        assert_eq!(issuer.origin().as_str(), "https://login.example");
        assert_eq!(
            issuer.challenge_keys_url(),
            "https://login.example/a/.well-known/cardea-challenge-keys"
        );
    }

    #[test]
    fn issuers_that_could_be_misread_are_refused() {
        for text in [
            "login.example",
            "http://login.example",
            "http://localhost.evil.example",
            "ftp://login.example",
            "https://login.example/",
            "https://LOGIN.example",
            "https://user@login.example",
            "https://login.example#x",
            "https://login.example:443",
        ] {
            assert!(IssuerUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn origins_are_exactly_what_a_browser_sends() {
        for text in [
            "https://login.example",
            "https://a.example:8443",
            "http://localhost:8080",
        ] {
            assert!(parse_origin(text).is_ok(), "{text}");
        }
        for text in [
            "null",
            "*",
            "https://login.example/",
            "https://login.example:443",
            "data:x",
            "http://login.example",
        ] {
            assert!(parse_origin(text).is_err(), "{text}");
        }
    }
}
