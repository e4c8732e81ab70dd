//! Whether the certificates of a path are revoked, from evidence that the caller fetched.
//!
//! Rules: *revoked* always wins, from whichever source. If OCSP fails, an in-date CRL under the
//! configured age suffices; a stale CRL only within a grace that the operator set, which the
//! result reports. A signed OCSP `unknown` refuses. Every certificate below the anchor needs an
//! answer, so an issuing authority's own status comes from its superior's CRL.

mod crl;
mod decision;
mod distribution_point;
mod evidence;
mod numbers_seen;
mod ocsp;
mod reason;
mod status_policy;

pub use crl::{CRL_BYTES_MAX, Crl, CrlNumber};
pub use decision::{RevocationGood, SourceKind, StatusEvidence, check_revocation};
pub use evidence::{Evidence, EvidenceSource, UnreachableSource, sources};
pub use numbers_seen::{CrlNumbersSeen, CrlSeries};
pub use ocsp::{KnownResponders, OCSP_RESPONSE_BYTES_MAX, OcspResponse, ocsp_request};
pub use reason::{RevocationReason, StaleReason};
pub use status_policy::{
    NonceAbsent, ResponderStatusAbsent, RevocationPolicy, SourcePreference, UnknownStatus,
};
