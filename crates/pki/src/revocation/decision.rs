//! The decision: one answer per certificate out of all evidence.

mod findings;
mod judge;
mod lists;
mod responders;
mod signers;

use super::evidence::Evidence;
use super::status_policy::RevocationPolicy;
use crate::{Error, Position, ValidatedPath};
use judge::Judge;
use time::{Duration, OffsetDateTime};

/// The kind of evidence an answer rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A certificate revocation list.
    Crl,
    /// An OCSP response.
    Ocsp,
}

impl SourceKind {
    /// A short name for logs: `crl` or `ocsp`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crl => "crl",
            Self::Ocsp => "ocsp",
        }
    }
}

/// The evidence that one certificate is not revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusEvidence {
    source: SourceKind,
    this_update: OffsetDateTime,
    age: Duration,
    stale_by: Duration,
}

impl StatusEvidence {
    /// What kind of evidence it is.
    #[must_use]
    pub fn source(&self) -> SourceKind {
        self.source
    }

    /// When it was issued.
    #[must_use]
    pub fn this_update(&self) -> OffsetDateTime {
        self.this_update
    }

    /// Its age in seconds at the moment of judgement, never negative.
    #[must_use]
    pub fn age_seconds(&self) -> i64 {
        self.age.whole_seconds().max(0)
    }

    /// How far into the operator's grace it is used, in seconds; 0 for current evidence.
    #[must_use]
    pub fn stale_by_seconds(&self) -> i64 {
        self.stale_by.whole_seconds()
    }
}

/// Proof that no certificate of a path is revoked; only [`check_revocation`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationGood {
    end_entity: StatusEvidence,
    authorities: Vec<StatusEvidence>,
}

impl RevocationGood {
    /// What kind of evidence speaks for the end entity.
    #[must_use]
    pub fn source(&self) -> SourceKind {
        self.end_entity.source
    }

    /// When the end entity's evidence was issued.
    #[must_use]
    pub fn this_update(&self) -> OffsetDateTime {
        self.end_entity.this_update
    }

    /// The age of the end entity's evidence in seconds: the token's `revocation_age`.
    #[must_use]
    pub fn age_seconds(&self) -> i64 {
        self.end_entity.age_seconds()
    }

    /// How far into the operator's grace the stalest evidence of the whole path is used, in
    /// seconds; not 0 means that the use must be logged.
    #[must_use]
    pub fn stale_by_seconds(&self) -> i64 {
        let all = std::iter::once(&self.end_entity).chain(&self.authorities);
        all.map(StatusEvidence::stale_by_seconds).max().unwrap_or(0)
    }

    /// The end entity's evidence.
    #[must_use]
    pub fn end_entity(&self) -> &StatusEvidence {
        &self.end_entity
    }

    /// The issuing authorities' evidence, from the end entity's issuer upwards.
    #[must_use]
    pub fn authorities(&self) -> &[StatusEvidence] {
        &self.authorities
    }
}

/// Decides whether any certificate of `path` is revoked at `at`.
///
/// It says nothing about validity: a caller that rechecks a live session later than
/// [`ValidatedPath::validated_at`] also compares the card's `not_after` with its own time.
///
/// # Errors
/// [`Error::CertificateRevoked`] when any usable source says so, for any certificate of the path;
/// else, for the first certificate without an answer, in this order of precedence:
/// [`Error::CrlRolledBack`], [`Error::RevocationStale`], [`Error::RevocationUnknown`] (a responder
/// that does not know it), [`Error::RevocationUnreachable`], and [`Error::RevocationUnknown`] when
/// there was no evidence at all.
pub fn check_revocation(
    path: &ValidatedPath,
    evidence: &Evidence,
    policy: &RevocationPolicy,
    at: OffsetDateTime,
) -> Result<RevocationGood, Error> {
    let mut good = Vec::new();
    let mut refusal = None;
    let judge = Judge::of(path, evidence, policy, at);
    for depth in 0..path.issued_pairs().count() {
        match judge.status(depth) {
            Ok(status) => good.push(status),
            // Revoked wins over what is merely missing, wherever on the path it stands.
            Err(error @ (Error::CertificateRevoked { .. } | Error::Cryptography(_))) => {
                return Err(error);
            }
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    let mut good = good.into_iter();
    match (refusal, good.next()) {
        (Some(error), _) => Err(error),
        (None, Some(end_entity)) => Ok(RevocationGood {
            end_entity,
            authorities: good.collect(),
        }),
        (None, None) => Err(Error::RevocationUnknown {
            position: Position::EndEntity,
        }),
    }
}
