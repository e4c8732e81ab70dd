//! What a caller demands of a certification path.

use crate::{AlgorithmFloor, Oid};

/// What the end entity's key is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Logging in: `digitalSignature` in the key usage and `id-kp-clientAuth` in the extended
    /// key usage, both present (RFC 5280 sections 4.2.1.3 and 4.2.1.12).
    ClientAuthentication,
    /// No demand on the end entity's usage extensions; for plain path validation.
    Any,
}

/// Whether the extended key usages of authorities limit what is issued below them.
///
/// RFC 5280 section 4.2.1.12 speaks of the certificate's own key only; every large verifier lets
/// an authority that is certified for one purpose issue for no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendedKeyUsageChaining {
    /// Each certificate of the path with the extension must allow the purpose, or
    /// `anyExtendedKeyUsage`. With [`Purpose::Any`], at least one purpose must be allowed by all.
    Enforced,
    /// Only the end entity's own extension counts.
    EndEntityOnly,
}

/// What happens to certificates that break a rule of RFC 5280 which the RFC itself asks
/// verifiers to bear with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conformance {
    /// Refused: OpenSSL's strict mode (key identifiers, critical basic constraints, key usage on
    /// every authority, section 4.2.1), and positive serial numbers only (section 4.1.2.2).
    /// No issuer of cards breaks these, so whoever does is not one.
    Strict,
    /// Handled gracefully, as a general verifier must.
    Tolerant,
}

/// `initial-explicit-policy` (RFC 5280 section 6.1.1 (e)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExplicitPolicy {
    /// The path must be valid for at least one of the initial policies.
    Required,
    /// Only what the certificates themselves demand.
    AsCertificatesAsk,
}

/// `initial-policy-mapping-inhibit` and `initial-any-policy-inhibit`
/// (RFC 5280 section 6.1.1 (d) and (f)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inhibit {
    /// Refused from the start of the path.
    FromTheStart,
    /// Only where the certificates themselves forbid it.
    AsCertificatesAsk,
}

/// The policy inputs of path validation (RFC 5280 section 6.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePolicies {
    /// `user-initial-policy-set`; empty means any policy.
    pub initial: Vec<Oid>,
    /// Whether the path must be valid for one of them.
    pub explicit_policy: ExplicitPolicy,
    /// Whether policy mappings are ignored.
    pub policy_mapping: Inhibit,
    /// Whether `anyPolicy` counts as a policy.
    pub any_policy: Inhibit,
}

/// What a certification path must satisfy, and how much work may go into finding it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPolicy {
    /// What the end entity's key is used for.
    pub purpose: Purpose,
    /// Whether authorities' extended key usages limit that use.
    pub extended_key_usage_chaining: ExtendedKeyUsageChaining,
    /// The weakest algorithms and keys accepted below and at the anchor.
    pub algorithm_floor: AlgorithmFloor,
    /// Whether rules for issuers are enforced that verifiers may bear with.
    pub conformance: Conformance,
    /// The policy inputs.
    pub certificate_policies: CertificatePolicies,
    /// Most certificates between the end entity and the anchor.
    pub intermediates_max: usize,
    /// Most signature checks in one validation, over all candidate paths together. A check with
    /// RSA up to 4096 bits, P-256 or an Edwards curve counts as one (0.3 ms at most); one with
    /// P-521 or brainpoolP256r1 as two; one with another curve, or with a longer RSA modulus or an
    /// exponent beyond 32 bits, as five.
    pub signature_checks_max: u32,
}

impl PathPolicy {
    /// Logging in with a card: client authentication, today's algorithms, strict conformance.
    ///
    /// Six intermediates are three times what any health professionals' PKI has; 64 signature
    /// checks are some ten candidate paths and cost under 20 ms, whatever keys a stranger brings.
    #[must_use]
    pub fn login() -> Self {
        Self {
            purpose: Purpose::ClientAuthentication,
            conformance: Conformance::Strict,
            intermediates_max: 6,
            signature_checks_max: 64,
            ..Self::rfc5280()
        }
    }

    /// Plain RFC 5280 validation without a demand on the end entity's usage.
    ///
    /// The bounds leave room for meshes of cross-certified authorities: 512 signature checks cost
    /// some 150 ms at most.
    #[must_use]
    pub fn rfc5280() -> Self {
        Self {
            purpose: Purpose::Any,
            extended_key_usage_chaining: ExtendedKeyUsageChaining::Enforced,
            algorithm_floor: AlgorithmFloor::Current,
            conformance: Conformance::Tolerant,
            certificate_policies: CertificatePolicies {
                initial: Vec::new(),
                explicit_policy: ExplicitPolicy::AsCertificatesAsk,
                policy_mapping: Inhibit::AsCertificatesAsk,
                any_policy: Inhibit::AsCertificatesAsk,
            },
            intermediates_max: 16,
            signature_checks_max: 512,
        }
    }
}
