//! What events say of evidence that was relied on, and of what ended with something.

use cardea_storage::client::EndedHoldings;
use serde::Serialize;

/// The revocation evidence for a card, as an accepted login names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EvidenceUsed {
    /// `crl` or `ocsp`.
    #[serde(rename = "revocation_source")]
    pub source: &'static str,
    /// Its age at the login, in seconds.
    #[serde(rename = "revocation_age_seconds")]
    pub age_seconds: i64,
    /// How far into the operator's grace it was used, in seconds; 0 for current evidence.
    #[serde(rename = "revocation_stale_by_seconds")]
    pub stale_by_seconds: i64,
}

/// Evidence, of a card or of an authority, that only the operator's grace let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GraceUsed {
    /// Its age at the login, in seconds.
    pub age_seconds: i64,
    /// How far into the grace it was used, in seconds.
    pub stale_by_seconds: i64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What a client held when it was taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HoldingsEnded {
    /// Unredeemed codes that died with it.
    pub codes_revoked: u64,
    /// Access tokens that died with it.
    pub grants_revoked: u64,
    /// Refresh tokens that died with it.
    pub refresh_tokens_revoked: u64,
    /// Sessions that it was in, and is no more.
    pub sessions_left: u64,
}

impl From<EndedHoldings> for HoldingsEnded {
    fn from(ended: EndedHoldings) -> Self {
        Self {
            codes_revoked: ended.codes,
            grants_revoked: ended.access_grants,
            refresh_tokens_revoked: ended.refresh_tokens,
            sessions_left: ended.client_sessions,
        }
    }
}
