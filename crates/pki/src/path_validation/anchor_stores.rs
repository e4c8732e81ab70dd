//! OpenSSL's stores, kept from one validation to the next.

use crate::policy::{CertificatePolicies, Conformance, PathPolicy};
use crate::{AlgorithmFloor, Certificate};
use openssl::error::ErrorStack;
use openssl::x509::store::X509Store;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Most stores kept; a trust store has a handful of anchors, and one policy or two.
const KEPT_MAX: usize = 16;

/// Stores of one anchor each. An anchor is named by its instance, which the trust store keeps.
#[derive(Default)]
pub(crate) struct AnchorStores {
    kept: RwLock<Vec<Kept>>,
}

struct Kept {
    anchor: usize,
    conformance: Conformance,
    algorithm_floor: AlgorithmFloor,
    certificate_policies: CertificatePolicies,
    store: Arc<X509Store>,
}

impl Kept {
    /// Whether it is the anchor's, made for all of the policy that a store is made from.
    fn serves(&self, anchor: &Certificate, policy: &PathPolicy) -> bool {
        self.anchor == anchor.instance()
            && self.conformance == policy.conformance
            && self.algorithm_floor == policy.algorithm_floor
            && self.certificate_policies == policy.certificate_policies
    }
}

impl AnchorStores {
    /// The store of one anchor of the trust store that these belong to.
    pub(super) fn find_or_make(
        &self,
        anchor: &Certificate,
        policy: &PathPolicy,
        make: impl FnOnce(&Certificate, &PathPolicy) -> Result<X509Store, ErrorStack>,
    ) -> Result<Arc<X509Store>, ErrorStack> {
        let known = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = known.iter().find(|kept| kept.serves(anchor, policy)) {
            return Ok(Arc::clone(&kept.store));
        }
        drop(known);
        let store = Arc::new(make(anchor, policy)?);
        let mut known = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < KEPT_MAX {
            known.push(Kept {
                anchor: anchor.instance(),
                conformance: policy.conformance,
                algorithm_floor: policy.algorithm_floor,
                certificate_policies: policy.certificate_policies.clone(),
                store: Arc::clone(&store),
            });
        }
        Ok(store)
    }
}

impl fmt::Debug for AnchorStores {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AnchorStores")
    }
}
