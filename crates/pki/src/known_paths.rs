//! Paths that have been validated before, by the end entity's bytes.

use crate::path_validation::refused_authority;
use crate::trust_anchor::StoreIdentity;
use crate::{Certificate, Error, PathPolicy, TrustStore, ValidatedPath, other_path, validate_path};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use time::OffsetDateTime;

/// The signature ends a certificate, and no two of one issuer are alike; so hashing the end is as
/// good as hashing all of it.
const HASHED_BYTES: usize = 64;

/// Remembers validated paths, so that a card that comes again costs a look-up.
///
/// A path is given again only for the same bytes, the same [`TrustStore`], the same
/// [`PathPolicy`], and a moment at which every certificate of the path is valid; that is all a
/// path depends on. Revocation is no part of it and must be asked every time. Refusals are never
/// remembered. Another store or policy starts afresh: keep one `KnownPaths` for each set of rules.
///
/// A remembered card takes some 12 kB. When the bound is reached, those that have not been seen
/// for longest go first, about half at a time.
#[derive(Debug)]
pub struct KnownPaths {
    generation_max: usize,
    hasher: RandomState,
    known: RwLock<Generations>,
}

/// What the paths rest on, and the paths seen of late and before.
#[derive(Debug, Default)]
struct Generations {
    rules: Option<(StoreIdentity, PathPolicy)>,
    recent: HashMap<u64, ValidatedPath>,
    earlier: HashMap<u64, ValidatedPath>,
}

impl KnownPaths {
    /// Remembers at most `capacity` paths; 0 remembers none.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            generation_max: capacity / 2,
            hasher: RandomState::new(),
            known: RwLock::default(),
        }
    }

    /// As [`validate_path`] on a certificate's bytes, which are parsed only when they are new.
    ///
    /// # Errors
    /// As [`Certificate::parse`] and [`validate_path`].
    pub fn validate(
        &self,
        end_entity_der: &[u8],
        extra: &[Certificate],
        store: &TrustStore,
        policy: &PathPolicy,
        at: OffsetDateTime,
    ) -> Result<ValidatedPath, Error> {
        if let Some(path) = self.find(end_entity_der, store, policy, at) {
            return Ok(path);
        }
        let end_entity = Certificate::parse(end_entity_der)?;
        self.validate_new(&end_entity, extra, store, policy, at)
    }

    /// As [`validate_path`], for a certificate that is parsed already.
    ///
    /// # Errors
    /// As [`validate_path`].
    pub fn validate_certificate(
        &self,
        end_entity: &Certificate,
        extra: &[Certificate],
        store: &TrustStore,
        policy: &PathPolicy,
        at: OffsetDateTime,
    ) -> Result<ValidatedPath, Error> {
        match self.find(end_entity.der(), store, policy, at) {
            Some(path) => Ok(path),
            None => self.validate_new(end_entity, extra, store, policy, at),
        }
    }

    /// As [`other_path`]; also forgets every path through an authority that is revoked, and
    /// remembers the other one.
    pub fn other_path(
        &self,
        path: &ValidatedPath,
        refusal: &Error,
        extra: &[Certificate],
        store: &TrustStore,
        policy: &PathPolicy,
    ) -> Option<ValidatedPath> {
        let authority = refused_authority(path, refusal)?;
        // An outage of one list must not have every card of the authority searched for again.
        if matches!(refusal, Error::CertificateRevoked { .. }) {
            self.forget_issuer(authority);
        }
        let other = other_path(path, refusal, extra, store, policy)?;
        let key = self.key_of(other.end_entity().der());
        self.remember(key, other.clone(), store, policy);
        Some(other)
    }

    /// Forgets every path that an authority is part of, such as one that turned out revoked.
    pub fn forget_issuer(&self, issuer: &Certificate) {
        let keeps =
            |path: &ValidatedPath| !path.certificates().iter().skip(1).any(|it| it == issuer);
        let mut known = self.write();
        known.recent.retain(|_, path| keeps(path));
        known.earlier.retain(|_, path| keeps(path));
    }

    /// Forgets every path.
    pub fn clear(&self) {
        *self.write() = Generations::default();
    }

    /// How many paths are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        let known = self.read();
        known.recent.len() + known.earlier.len()
    }

    /// Whether no path is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn find(
        &self,
        der: &[u8],
        store: &TrustStore,
        policy: &PathPolicy,
        at: OffsetDateTime,
    ) -> Option<ValidatedPath> {
        let key = self.key_of(der);
        let (path, is_recent) = {
            let known = self.read();
            if !known.rest_on(store, policy) {
                return None;
            }
            let recent = known.recent.get(&key);
            let path = recent.or_else(|| known.earlier.get(&key))?;
            // The key only narrows the search; the bytes decide.
            if path.end_entity().der() != der {
                return None;
            }
            (path.at(at)?, recent.is_some())
        };
        if !is_recent {
            self.write().renew(key, self.generation_max);
        }
        Some(path)
    }

    fn validate_new(
        &self,
        end_entity: &Certificate,
        extra: &[Certificate],
        store: &TrustStore,
        policy: &PathPolicy,
        at: OffsetDateTime,
    ) -> Result<ValidatedPath, Error> {
        let path = validate_path(end_entity, extra, store, policy, at)?;
        self.remember(self.key_of(end_entity.der()), path.clone(), store, policy);
        Ok(path)
    }

    fn remember(&self, key: u64, path: ValidatedPath, store: &TrustStore, policy: &PathPolicy) {
        if self.generation_max == 0 {
            return;
        }
        let mut known = self.write();
        if !known.rest_on(store, policy) {
            *known = Generations {
                rules: Some((store.identity(), policy.clone())),
                ..Generations::default()
            };
        }
        known.earlier.remove(&key);
        known.add(key, path, self.generation_max);
    }

    fn key_of(&self, der: &[u8]) -> u64 {
        let begin = der.len().saturating_sub(HASHED_BYTES);
        self.hasher.hash_one(der.get(begin..).unwrap_or(der))
    }

    /// A thread that panicked left whole entries behind, so its poison is no harm.
    fn read(&self) -> RwLockReadGuard<'_, Generations> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Generations> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    /// Makes a path of the earlier generation one of the recent, unless it has been forgotten.
    fn renew(&mut self, key: u64, generation_max: usize) {
        if let Some(path) = self.earlier.remove(&key) {
            self.add(key, path, generation_max);
        }
    }

    fn add(&mut self, key: u64, path: ValidatedPath, generation_max: usize) {
        if self.recent.len() >= generation_max {
            self.earlier = std::mem::take(&mut self.recent);
        }
        self.recent.insert(key, path);
    }

    fn rest_on(&self, store: &TrustStore, policy: &PathPolicy) -> bool {
        self.rules
            .as_ref()
            .is_some_and(|(identity, known)| *identity == store.identity() && known == policy)
    }
}
