//! Trust anchors and the intermediate certificates an operator configured beside them.

use crate::{Certificate, Error, name};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Trust anchors, and intermediates that may help to build a path to them.
///
/// An anchor is trusted for its key: two certificates with the same name are two anchors.
/// Intermediates are not trusted at all; they are only candidates.
///
/// A store never changes; a new set of anchors is a new store with an identity of its own, which
/// clones share.
#[derive(Clone, Debug)]
pub struct TrustStore {
    identity: StoreIdentity,
    anchors: NameIndex,
    intermediates: NameIndex,
}

/// Tells one store from every other of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreIdentity(u64);

impl StoreIdentity {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Default for TrustStore {
    /// A store that trusts nothing.
    fn default() -> Self {
        Self::new(Vec::new(), Vec::new())
    }
}

impl TrustStore {
    /// Builds the store; the order of the certificates does not matter.
    #[must_use]
    pub fn new(anchors: Vec<Certificate>, intermediates: Vec<Certificate>) -> Self {
        Self {
            identity: StoreIdentity::next(),
            anchors: NameIndex::new(anchors),
            intermediates: NameIndex::new(intermediates),
        }
    }

    /// The trust anchors.
    pub fn anchors(&self) -> impl Iterator<Item = &Certificate> {
        self.anchors.certificates.iter()
    }

    /// The configured intermediates.
    pub fn intermediates(&self) -> impl Iterator<Item = &Certificate> {
        self.intermediates.certificates.iter()
    }

    pub(crate) fn identity(&self) -> StoreIdentity {
        self.identity
    }

    /// Anchors whose subject is the issuer of `certificate`.
    pub(crate) fn anchors_for(
        &self,
        certificate: &Certificate,
    ) -> Result<Vec<&Certificate>, Error> {
        self.anchors.issuers_of(certificate)
    }

    /// Intermediates whose subject is the issuer of `certificate`.
    pub(crate) fn intermediates_for(
        &self,
        certificate: &Certificate,
    ) -> Result<Vec<&Certificate>, Error> {
        self.intermediates.issuers_of(certificate)
    }
}

/// Certificates by the hash of their canonical subject, the index OpenSSL's stores use too.
#[derive(Clone, Debug, Default)]
struct NameIndex {
    certificates: Vec<Certificate>,
    by_subject: HashMap<u32, Vec<usize>>,
}

impl NameIndex {
    fn new(certificates: Vec<Certificate>) -> Self {
        let mut by_subject: HashMap<u32, Vec<usize>> = HashMap::new();
        for (index, certificate) in certificates.iter().enumerate() {
            by_subject
                .entry(certificate.openssl().subject_name_hash())
                .or_default()
                .push(index);
        }
        Self {
            certificates,
            by_subject,
        }
    }

    /// The hash only narrows the search; the names are then compared themselves.
    fn issuers_of(&self, certificate: &Certificate) -> Result<Vec<&Certificate>, Error> {
        let wanted = certificate.openssl();
        let mut found = Vec::new();
        for index in self
            .by_subject
            .get(&certificate.issuer_name_hash())
            .into_iter()
            .flatten()
        {
            let Some(candidate) = self.certificates.get(*index) else {
                continue;
            };
            if name::names_match(candidate.openssl().subject_name(), wanted.issuer_name())? {
                found.push(candidate);
            }
        }
        Ok(found)
    }
}
