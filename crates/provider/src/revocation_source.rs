//! Where revocation evidence comes from.

use async_trait::async_trait;
use cardea_pki::{Evidence, RevocationPolicy, ValidatedPath};
use time::OffsetDateTime;

/// The path whose evidence is wanted, and what will judge it.
#[derive(Clone, Copy, Debug)]
pub struct EvidenceRequest<'a> {
    /// Name of the card rules whose anchors the path leads to: hosts, time and order of asking are
    /// configured for each.
    pub card_rules: &'a str,
    /// The certification path.
    pub path: &'a ValidatedPath,
    /// The rules that the evidence will be judged by, so that a source need not be asked when
    /// another has said enough.
    pub policy: &'a RevocationPolicy,
    /// The moment of judgement.
    pub at: OffsetDateTime,
}

/// Fetches CRLs and OCSP responses. The server implements it over HTTP with bounds; tests hold the
/// evidence in memory.
///
/// It never fails: a source that did not answer is noted in the evidence as unreachable, so that
/// *revoked*, *unknown*, *stale* and *unreachable* stay four outcomes.
#[async_trait]
pub trait RevocationSource: Send + Sync {
    /// Fetches what the sources of one certification path offer.
    async fn fetch(&self, wanted: EvidenceRequest<'_>) -> Evidence;
}
