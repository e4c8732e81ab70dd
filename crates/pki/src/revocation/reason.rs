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

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::CaCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::CertificateHold => 6,
            Self::RemoveFromCrl => 8,
            Self::PrivilegeWithdrawn => 9,
            Self::AaCompromise => 10,
            Self::Other(code) => code,
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

/// A set of revocation reasons: what a list speaks about (RFC 5280 section 4.2.1.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReasonSet(u16);

impl ReasonSet {
    pub(crate) const NONE: Self = Self(0);
    /// Every reason that a list can be limited to: the bits 1 to 8 of `ReasonFlags`.
    pub(crate) const ALL: Self = Self(0x1fe);
    const CERTIFICATE_HOLD: u16 = 1 << 6;

    /// `bits` as the decoder gives them: bit 1 is `keyCompromise`; bit 0 is unused.
    pub(crate) fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL.0)
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Whether a list that says nothing about a certificate says that it is not on hold.
    pub(crate) fn covers_hold(self) -> bool {
        self.0 & Self::CERTIFICATE_HOLD != 0
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
