//! Where a list is, and what it has to be.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use cardea_jose::sha256_base64url;
use cardea_pki::Certificate;
use cardea_pki::revocation::Crl;
use url::Url;

/// An address, and the authority and kind of list that are asked for there: authorities may share
/// an address, and card rules an authority.
#[derive(Clone)]
pub(super) struct Address {
    rules: Arc<str>,
    url: Url,
    issuer: Certificate,
    kind: Kind,
}

/// Which kind of list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// By the CRL distribution points.
    Complete,
    /// By the freshest CRL extension.
    Delta,
}

impl Kind {
    pub(super) fn of(list: &Crl) -> Self {
        match list.is_delta() {
            true => Self::Delta,
            false => Self::Complete,
        }
    }
}

impl Address {
    /// The list of `issuer` at `url`, for the card rules named `rules`.
    pub(super) fn new(rules: &str, url: &Url, issuer: &Certificate, kind: Kind) -> Self {
        Self {
            rules: rules.into(),
            url: url.clone(),
            issuer: issuer.clone(),
            kind,
        }
    }

    /// The name of the card rules that it is fetched for.
    pub(super) fn rules(&self) -> &str {
        &self.rules
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
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

    /// A name for a list of `series` there that is safe as a file's.
    pub(super) fn digest(&self, series: &[u8]) -> String {
        let is_delta = u8::from(self.kind == Kind::Delta);
        let mut all = self.issuer.sha256().to_vec();
        // Neither of the texts has a zero octet.
        for part in [
            self.rules.as_bytes(),
            self.url.as_str().as_bytes(),
            &[is_delta],
        ] {
            all.extend_from_slice(part);
            all.push(0);
        }
        all.extend_from_slice(series);
        sha256_base64url(&all)
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
            && self.url == other.url
            && self.issuer == other.issuer
            && self.kind == other.kind
    }
}

impl Eq for Address {}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rules.hash(state);
        self.url.hash(state);
        self.kind.hash(state);
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
