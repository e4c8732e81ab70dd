//! What the operator demands of revocation evidence, and the judgement of its age.

use super::decision::SourceKind;
use super::reason::StaleReason;
use crate::{AlgorithmFloor, Certificate};
use time::{Duration, OffsetDateTime};

/// What a signed OCSP answer `unknown` means (RFC 6960 section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownStatus {
    /// Refuse, whatever a CRL says: the responder states that nobody issued this certificate.
    Deny,
    /// Treat it as no answer, so that an in-date CRL may still speak. For responders that learn
    /// of new cards late.
    FallBackToCrl,
}

/// What an OCSP answer without the nonce that was sent means (RFC 9654 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceAbsent {
    /// Use the answer; its window and age bound a replay. A *different* nonce is always refused.
    Accept,
    /// Do not use the answer.
    Refuse,
}

/// What the answers of a responder are worth whose certificate has no `id-pkix-ocsp-nocheck` while
/// nothing tells whether it is revoked (RFC 6960 section 4.2.2.2.1 leaves it to local policy).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponderStatusAbsent {
    /// They are no evidence: whoever stole a responder's key could otherwise answer for it for as
    /// long as its certificate lives.
    Refuse,
    /// They count, as with `id-pkix-ocsp-nocheck`. A list that revokes the responder still counts.
    Accept,
}

/// Which kinds of evidence are read, and which is preferred when several say good.
///
/// A revocation counts from every kind that is read; whoever fetches asks for the preferred kind
/// first, and need not ask for the other when it was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourcePreference {
    /// OCSP, and CRLs where it gives no answer.
    #[default]
    OcspThenCrl,
    /// CRLs, and OCSP where they give no answer.
    CrlThenOcsp,
    /// OCSP alone. Lists are read only about certificates that name no responder, as those of
    /// issuing authorities do.
    OcspOnly,
    /// CRLs alone; OCSP responses are not read.
    CrlOnly,
}

impl SourcePreference {
    /// Whether CRLs are read about a certificate.
    #[must_use]
    pub fn reads_crls_about(self, certificate: &Certificate) -> bool {
        self != Self::OcspOnly || certificate.ocsp_urls().is_empty()
    }

    /// Whether OCSP responses are read at all.
    #[must_use]
    pub fn reads_ocsp(self) -> bool {
        self != Self::CrlOnly
    }

    /// The kinds of sources, the preferred one first.
    pub(super) fn kinds(self) -> [SourceKind; 2] {
        match self {
            Self::OcspThenCrl | Self::OcspOnly => [SourceKind::Ocsp, SourceKind::Crl],
            Self::CrlThenOcsp | Self::CrlOnly => [SourceKind::Crl, SourceKind::Ocsp],
        }
    }
}

/// The operator's demands on revocation evidence. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationPolicy {
    /// Which evidence is read and preferred.
    pub preference: SourcePreference,
    /// How far a source's clock may be ahead of ours.
    pub clock_skew_seconds: u32,
    /// Oldest CRL that may speak for an end entity.
    pub crl_age_seconds_max: u32,
    /// Oldest CRL that may speak for an issuing authority.
    pub authority_crl_age_seconds_max: u32,
    /// How long past its end a CRL may still be used when nothing better is there; each use is
    /// reported by [`super::RevocationGood::stale_by_seconds`].
    pub crl_grace_seconds: u32,
    /// Oldest OCSP answer that is used, also when it names no `nextUpdate`.
    pub ocsp_age_seconds_max: u32,
    /// What `unknown` means.
    pub unknown_status: UnknownStatus,
    /// What a missing nonce means.
    pub nonce_absent: NonceAbsent,
    /// What a responder without a status of its own means.
    pub responder_status_absent: ResponderStatusAbsent,
    /// The weakest algorithms and keys accepted on evidence.
    pub algorithm_floor: AlgorithmFloor,
}

const DAY_SECONDS: u32 = 86_400;

impl Default for RevocationPolicy {
    /// Fail closed: no grace, `unknown` refuses. CRLs of issuing authorities live 6 days and
    /// those of roots 45 in the PKI of French health professionals, so the age limits lie one
    /// day above; an OCSP answer is good for a day at most.
    fn default() -> Self {
        Self {
            preference: SourcePreference::OcspThenCrl,
            clock_skew_seconds: 120,
            crl_age_seconds_max: 7 * DAY_SECONDS,
            authority_crl_age_seconds_max: 46 * DAY_SECONDS,
            crl_grace_seconds: 0,
            ocsp_age_seconds_max: DAY_SECONDS,
            unknown_status: UnknownStatus::Deny,
            nonce_absent: NonceAbsent::Accept,
            responder_status_absent: ResponderStatusAbsent::Refuse,
            algorithm_floor: AlgorithmFloor::Current,
        }
    }
}

/// When evidence was issued, and until when it claims to hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) this_update: OffsetDateTime,
    pub(super) next_update: Option<OffsetDateTime>,
}

/// The judgement of a window at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Within the window and under the age limit.
    Current,
    /// Stale by so much, and why; [`StaleReason::FromTheFuture`] has no measure.
    Stale(StaleReason, Duration),
}

impl Window {
    /// Judges the window at `at`: it ends at `nextUpdate` or at the age limit, whichever is first.
    pub(super) fn freshness(
        self,
        at: OffsetDateTime,
        age_seconds_max: u32,
        clock_skew_seconds: u32,
    ) -> Freshness {
        let skew = Duration::seconds(i64::from(clock_skew_seconds));
        let age = at - self.this_update;
        if age < -skew {
            return Freshness::Stale(StaleReason::FromTheFuture, Duration::ZERO);
        }
        let over_age = age - Duration::seconds(i64::from(age_seconds_max));
        let over_window = self
            .next_update
            .map_or(Duration::MIN, |next_update| at - next_update);
        if over_window.is_positive() && over_window >= over_age {
            Freshness::Stale(StaleReason::PastNextUpdate, over_window)
        } else if over_age.is_positive() {
            Freshness::Stale(StaleReason::OverAgeLimit, over_age)
        } else {
            Freshness::Current
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Freshness, Window};
    use crate::revocation::StaleReason;
    use time::{Duration, OffsetDateTime};

    #[test]
    fn a_window_is_judged_at_the_given_moment() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let judge = |age: i64, next: Option<i64>| {
            let window = Window {
                this_update: start,
                next_update: next.map(|seconds| start + Duration::seconds(seconds)),
            };
            window.freshness(start + Duration::seconds(age), 1000, 60)
        };
        let stale = |reason, seconds| Freshness::Stale(reason, Duration::seconds(seconds));
        for (age, next, expected) in [
            (0, Some(500), Freshness::Current),
            (500, Some(500), Freshness::Current),
            (501, Some(500), stale(StaleReason::PastNextUpdate, 1)),
            (1000, Some(5000), Freshness::Current),
            (1001, Some(5000), stale(StaleReason::OverAgeLimit, 1)),
            (1001, None, stale(StaleReason::OverAgeLimit, 1)),
            (1000, None, Freshness::Current),
            (-60, Some(500), Freshness::Current),
            (-61, Some(500), stale(StaleReason::FromTheFuture, 0)),
        ] {
            assert_eq!(judge(age, next), expected, "age {age}, next {next:?}");
        }
    }
}
