//! The issuer identifier, fixed by configuration and never taken from a request.

use cardea_assertion::Origin;
use url::{Host, Url};

use crate::Error;

/// An issuer identifier (OIDC Core section 1.2) that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    origin: Origin,
}

impl Issuer {
    /// Accepts an `https` URL without query, fragment, user information and trailing slash; `http`
    /// only on a loopback host.
    ///
    /// # Errors
    /// [`Error::IssuerInvalid`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |reason| Error::IssuerInvalid { reason };
        let url = Url::parse(text).map_err(|_| invalid("not a URL"))?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            _ => return Err(invalid("neither https nor http on a loopback host")),
        }
        if url.query().is_some() || url.fragment().is_some() || text.ends_with('/') {
            return Err(invalid("has a query, a fragment or a trailing slash"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("has user information"));
        }
        // `Url` writes the root path as "/"; the identifier itself goes without it.
        if url.as_str().trim_end_matches('/') != text {
            return Err(invalid("not in canonical form"));
        }
        let origin = Origin::of_url(text).map_err(|_| invalid("has no origin"))?;
        Ok(Self {
            text: text.to_owned(),
            origin,
        })
    }

    /// The identifier, letter for letter.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands behind the origin: empty, or a path such as `/auth/realms/esante-wallet`.
    #[must_use]
    pub fn path(&self) -> &str {
        let path = self.text.strip_prefix(self.origin.as_str());
        path.unwrap_or_default()
    }

    /// The origin of the login page: what a card assertion must name.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// Whether a URL points at this machine by a name that no resolver can redirect.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Issuer;

    #[test]
    fn only_canonical_secure_issuers_are_accepted() {
        for good in [
            "https://id.example.fr",
            "https://id.example.fr/cards",
            "http://127.0.0.1:8080",
            "http://localhost:8080",
            "http://[::1]:8080",
        ] {
            assert!(Issuer::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://id.example.fr",
            "https://id.example.fr/",
            "https://ID.example.fr",
            "https://id.example.fr:443",
            "https://id.example.fr?x=1",
            "https://id.example.fr#x",
            "https://user@id.example.fr",
            "ftp://id.example.fr",
            "id.example.fr",
            "",
        ] {
            assert_eq!(
                Issuer::parse(bad).unwrap_err().code(),
                "provider.issuer_invalid",
                "{bad}"
            );
        }
    }
}
