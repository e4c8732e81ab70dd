//! Why a certificate is revoked, and why evidence is stale.

use std::fmt;

/// A revocation reason (RFC 5280 section 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationReason {
    /// No reason given, or `unspecified`.
    Unspecified,
    /// The key was compromised.
    KeyCompromise,
    /// The issuing authority was compromised.
    CaCompromise,
    /// The person's affiliation changed.
    AffiliationChanged,
    /// Another certificate replaces this one.
    Superseded,
    /// No longer needed.
    CessationOfOperation,
    /// On hold: the only reason that can be taken back.
    CertificateHold,
    /// Taken off the list again; only a delta list says so.
    RemoveFromCrl,
    /// A privilege was withdrawn.
    PrivilegeWithdrawn,
    /// An attribute authority was compromised.
    AaCompromise,
    /// A code this crate does not know.
    Other(u8),
}

impl RevocationReason {
    pub(crate) fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Unspecified,
            1 => Self::KeyCompromise,
            2 => Self::CaCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            8 => Self::RemoveFromCrl,
            9 => Self::PrivilegeWithdrawn,
            10 => Self::AaCompromise,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key compromise",
            Self::CaCompromise => "authority compromise",
            Self::AffiliationChanged => "affiliation changed",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation of operation",
            Self::CertificateHold => "certificate hold",
            Self::RemoveFromCrl => "removed from the list",
            Self::PrivilegeWithdrawn => "privilege withdrawn",
            Self::AaCompromise => "attribute authority compromise",
            Self::Other(_) => "other reason",
        })
    }
}

/// Why evidence cannot be used at the moment of judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StaleReason {
    /// Past its `nextUpdate`.
    PastNextUpdate,
    /// Within its window, but older than the operator's age limit.
    OverAgeLimit,
    /// A CRL without `nextUpdate`, which RFC 5280 section 5.1.2.5 demands.
    NoNextUpdate,
    /// Its `thisUpdate` lies in the future, beyond the allowance for clock skew.
    FromTheFuture,
}

impl fmt::Display for StaleReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::PastNextUpdate => "past its next update",
            Self::OverAgeLimit => "over the age limit",
            Self::NoNextUpdate => "without a next update",
            Self::FromTheFuture => "from the future",
        })
    }
}
