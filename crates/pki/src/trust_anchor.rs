//! Trust anchors and the intermediate certificates an operator configured beside them.

use crate::path_validation::AnchorStores;
use crate::{Certificate, Error, name};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

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
    signed: Arc<SignedPairs>,
    anchor_stores: Arc<AnchorStores>,
}

/// Pairs of the store's own certificates of which one is known to have signed the other. They are
/// named by their instances, which the store keeps alive.
#[derive(Debug, Default)]
struct SignedPairs {
    own: HashSet<usize>,
    known: RwLock<HashSet<(usize, usize)>>,
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
        let own = anchors.iter().chain(&intermediates);
        let signed = SignedPairs {
            own: own.map(Certificate::instance).collect(),
            known: RwLock::default(),
        };
        Self {
            identity: StoreIdentity::next(),
            signed: Arc::new(signed),
            anchor_stores: Arc::default(),
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

    /// OpenSSL's stores of these anchors.
    pub(crate) fn anchor_stores(&self) -> &AnchorStores {
        &self.anchor_stores
    }

    /// Whether an earlier validation has seen that `issuer` signed `subject`.
    pub(crate) fn is_known_signed(&self, subject: &Certificate, issuer: &Certificate) -> bool {
        let known = &self.signed.known;
        let known = known.read().unwrap_or_else(PoisonError::into_inner);
        known.contains(&(subject.instance(), issuer.instance()))
    }

    /// Notes that `issuer` signed `subject`, if both are the store's own: what a card brings along
    /// is never remembered.
    pub(crate) fn note_signed(&self, subject: &Certificate, issuer: &Certificate) {
        let pair = (subject.instance(), issuer.instance());
        let own = &self.signed.own;
        if !own.contains(&pair.0) || !own.contains(&pair.1) || self.is_known_signed(subject, issuer)
        {
            return;
        }
        let known = &self.signed.known;
        let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(pair);
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
