//! Everything the evidence says about one certificate, and the conclusion from it.

use super::judge::Subject;
use super::{SourceKind, StatusEvidence};
use crate::revocation::crl::Entry;
use crate::revocation::ocsp::{Answer, AnswerStatus};
use crate::revocation::reason::ReasonSet;
use crate::revocation::status_policy::{Freshness, UnknownStatus, Window};
use crate::revocation::{Evidence, RevocationPolicy, RevocationReason, StaleReason};
use crate::{Error, Position};
use time::{Duration, OffsetDateTime};

/// How long an OCSP answer without `nextUpdate` counts at most, whatever the policy says: no end is
/// no promise that it holds for ever.
const OPEN_ENDED_SECONDS_MAX: u32 = 86_400;

/// A list's place in the evidence.
pub(super) type ListNumber = usize;

/// A source's statement that the certificate is revoked.
#[derive(Clone, Copy)]
struct Revoked {
    /// The list that states it; `None` for a responder's answer.
    list: Option<ListNumber>,
    stated_at: OffsetDateTime,
    revoked_at: OffsetDateTime,
    reason: RevocationReason,
}

impl Revoked {
    /// Only a hold can be taken back (RFC 5280 section 5.3.1).
    fn is_final(&self) -> bool {
        self.reason != RevocationReason::CertificateHold
    }
}

/// A source in its window, or in the operator's grace, that does not say revoked.
struct Silence {
    status: StatusEvidence,
    /// The reasons for which it would have said so.
    reasons: ReasonSet,
    /// The complete list whose hold this delta list takes back by its number, which is higher.
    takes_back: Option<ListNumber>,
}

impl Silence {
    /// Numbers order the lists of one pair, which may be of one second; only time orders sources
    /// that have nothing to do with each other.
    fn lifts(&self, hold: &Revoked) -> bool {
        let is_of_its_pair = self.takes_back.is_some() && self.takes_back == hold.list;
        self.reasons.covers_hold() && (is_of_its_pair || self.status.this_update > hold.stated_at)
    }
}

/// What is found about one certificate.
pub(super) struct Findings<'a> {
    subject: Subject<'a>,
    policy: &'a RevocationPolicy,
    at: OffsetDateTime,
    revoked: Vec<Revoked>,
    good: Vec<Silence>,
    in_grace: Vec<Silence>,
    stale: Vec<(OffsetDateTime, StaleReason)>,
    is_unknown: bool,
    pub(super) is_rolled_back: bool,
    pub(super) has_failed_responder: bool,
}

impl<'a> Findings<'a> {
    pub(super) fn new(
        subject: Subject<'a>,
        policy: &'a RevocationPolicy,
        at: OffsetDateTime,
    ) -> Self {
        Self {
            subject,
            policy,
            at,
            revoked: Vec::new(),
            good: Vec::new(),
            in_grace: Vec::new(),
            stale: Vec::new(),
            is_unknown: false,
            is_rolled_back: false,
            has_failed_responder: false,
        }
    }

    /// Notes what `list` says, or a responder where it is `None`.
    pub(super) fn note_revoked(
        &mut self,
        list: Option<ListNumber>,
        stated_at: OffsetDateTime,
        entry: Entry,
    ) {
        self.revoked.push(Revoked {
            list,
            stated_at,
            revoked_at: entry.revoked_at,
            reason: entry.reason,
        });
    }

    /// Notes that lists with this window say nothing about the certificate, and which complete
    /// list's entry the delta list among them takes back.
    pub(super) fn note_silence(
        &mut self,
        window: Window,
        reasons: ReasonSet,
        takes_back: Option<ListNumber>,
    ) {
        let age_seconds_max = match self.subject.position {
            Position::EndEntity => self.policy.crl_age_seconds_max,
            Position::Issuer(_) => self.policy.authority_crl_age_seconds_max,
        };
        let skew = self.policy.clock_skew_seconds;
        let grace = Duration::seconds(i64::from(self.policy.crl_grace_seconds));
        match window.freshness(self.at, age_seconds_max, skew) {
            _ if window.next_update.is_none() => {
                self.stale
                    .push((window.this_update, StaleReason::NoNextUpdate));
            }
            Freshness::Current => {
                let status = self.status(SourceKind::Crl, window, Duration::ZERO);
                self.good.push(Silence {
                    status,
                    reasons,
                    takes_back,
                });
            }
            Freshness::Stale(reason, stale_by)
                if reason != StaleReason::FromTheFuture && stale_by <= grace =>
            {
                let status = self.status(SourceKind::Crl, window, stale_by);
                self.in_grace.push(Silence {
                    status,
                    reasons,
                    takes_back,
                });
            }
            Freshness::Stale(reason, _) => self.stale.push((window.this_update, reason)),
        }
    }

    pub(super) fn note_answer(&mut self, answer: Answer) {
        let window = answer.window;
        let age_seconds_max = match window.next_update {
            Some(_) => self.policy.ocsp_age_seconds_max,
            // "Newer revocation information is available all the time" (RFC 6960 section 4.2.2.1).
            None => self.policy.ocsp_age_seconds_max.min(OPEN_ENDED_SECONDS_MAX),
        };
        let skew = self.policy.clock_skew_seconds;
        let freshness = window.freshness(self.at, age_seconds_max, skew);
        match (answer.status, freshness) {
            (AnswerStatus::Revoked { revoked_at, reason }, _) => {
                let entry = Entry { revoked_at, reason };
                self.note_revoked(None, window.this_update, entry);
            }
            (_, Freshness::Stale(reason, _)) => self.stale.push((window.this_update, reason)),
            (AnswerStatus::Unknown, Freshness::Current) => self.is_unknown = true,
            (AnswerStatus::Good, Freshness::Current) => {
                let status = self.status(SourceKind::Ocsp, window, Duration::ZERO);
                self.good.push(Silence {
                    status,
                    reasons: ReasonSet::ALL,
                    takes_back: None,
                });
            }
        }
    }

    fn status(&self, source: SourceKind, window: Window, stale_by: Duration) -> StatusEvidence {
        let age = self.at - window.this_update;
        StatusEvidence {
            source,
            this_update: window.this_update,
            age,
            stale_by,
        }
    }

    /// Revoked wins; then a signed `unknown`; then good from the preferred kind of source, from
    /// the other, and in the grace; then the most telling of the reasons why nothing speaks for
    /// the certificate.
    pub(super) fn conclude(&self, evidence: &Evidence) -> Result<StatusEvidence, Error> {
        let position = self.subject.position;
        if let Some(revoked) = self.standing_revocation() {
            return Err(Error::CertificateRevoked {
                position,
                revoked_at: revoked.revoked_at,
                reason: revoked.reason,
            });
        }
        if self.is_unknown && self.policy.unknown_status == UnknownStatus::Deny {
            return Err(Error::RevocationUnknown { position });
        }
        let of_kind = |kind: SourceKind| {
            let good = self.good.iter();
            covering(good.filter(|silence| silence.status.source == kind))
        };
        let [first, second] = self.policy.preference.kinds();
        of_kind(first)
            .or_else(|| of_kind(second))
            .or_else(|| {
                let lists = self
                    .good
                    .iter()
                    .filter(|silence| silence.status.source == SourceKind::Crl);
                covering(lists.chain(&self.in_grace))
            })
            .ok_or_else(|| self.why_nothing(evidence))
    }

    /// A final revocation stands whatever else is said; a hold stands until later evidence that
    /// is in its window, and that would tell of a hold, says good.
    fn standing_revocation(&self) -> Option<Revoked> {
        let is_lifted = |hold: &Revoked| self.good.iter().any(|good| good.lifts(hold));
        let stands = |revoked: &&Revoked| revoked.is_final() || !is_lifted(revoked);
        let mut standing: Vec<&Revoked> = self.revoked.iter().filter(stands).collect();
        standing.sort_by_key(|revoked| (!revoked.is_final(), revoked.revoked_at));
        standing.first().copied().copied()
    }

    fn why_nothing(&self, evidence: &Evidence) -> Error {
        let position = self.subject.position;
        if self.is_rolled_back {
            return Error::CrlRolledBack { position };
        }
        if let Some((this_update, reason)) = self.stale.iter().max_by_key(|(time, _)| *time) {
            return Error::RevocationStale {
                position,
                reason: *reason,
                this_update: *this_update,
            };
        }
        if self.is_unknown {
            return Error::RevocationUnknown { position };
        }
        let unreachable = evidence
            .unreachable
            .iter()
            .any(|source| source.certificate == *self.subject.certificate);
        if unreachable || self.has_failed_responder {
            Error::RevocationUnreachable { position }
        } else {
            Error::RevocationUnknown { position }
        }
    }
}

/// The freshest sources that together would have told of every reason (RFC 5280
/// section 6.3.3 (l)), told by the oldest of them and by the one used deepest in its grace.
fn covering<'s>(silences: impl Iterator<Item = &'s Silence>) -> Option<StatusEvidence> {
    let mut silences: Vec<&Silence> = silences.collect();
    silences.sort_by_key(|silence| std::cmp::Reverse(silence.status.this_update));
    let mut reasons = ReasonSet::NONE;
    let mut stale_by = Duration::ZERO;
    for silence in silences {
        let more = reasons.union(silence.reasons);
        if more == reasons {
            continue;
        }
        reasons = more;
        stale_by = stale_by.max(silence.status.stale_by);
        if reasons == ReasonSet::ALL {
            return Some(StatusEvidence {
                stale_by,
                ..silence.status.clone()
            });
        }
    }
    None
}
