//! Where revocation evidence comes from.

use async_trait::async_trait;
use cardea_pki::{Evidence, EvidenceSource};

/// Fetches CRLs and OCSP responses. The server implements it over HTTP with bounds; tests hold the
/// evidence in memory.
///
/// It never fails: a source that did not answer is noted in the evidence as unreachable, so that
/// *revoked*, *unknown*, *stale* and *unreachable* stay four outcomes.
#[async_trait]
pub trait RevocationSource: Send + Sync {
    /// Fetches what the sources of one certification path offer.
    async fn fetch(&self, sources: &[EvidenceSource]) -> Evidence;
}
