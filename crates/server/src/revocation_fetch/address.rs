//! Where a list is, and whose it has to be.

use std::fmt;
use std::hash::{Hash, Hasher};

use cardea_jose::sha256_base64url;
use cardea_pki::Certificate;
use url::Url;

/// An address and the authority that a list is asked for there: authorities may share an address.
#[derive(Clone)]
pub(super) struct Address {
    url: Url,
    issuer: Certificate,
}

impl Address {
    pub(super) fn new(url: &Url, issuer: &Certificate) -> Self {
        Self {
            url: url.clone(),
            issuer: issuer.clone(),
        }
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn issuer(&self) -> &Certificate {
        &self.issuer
    }

    pub(super) fn issuer_der(&self) -> &[u8] {
        self.issuer.der()
    }

    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// A name for both that is safe as a file's.
    pub(super) fn digest(&self) -> String {
        let mut both = self.issuer.sha256().to_vec();
        both.extend_from_slice(self.url.as_str().as_bytes());
        sha256_base64url(&both)
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url && self.issuer == other.issuer
    }
}

impl Eq for Address {}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.url.hash(state);
        self.issuer.sha256().hash(state);
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Address")
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}
