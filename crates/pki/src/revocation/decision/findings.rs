//! Everything the evidence says about one certificate, and the conclusion from it.

use super::{SourceKind, StatusEvidence};
use crate::revocation::ocsp::{Answer, AnswerStatus};
use crate::revocation::status_policy::{Freshness, UnknownStatus, Window};
use crate::revocation::{Crl, Evidence, RevocationPolicy, RevocationReason, StaleReason};
use crate::{Certificate, Error, Position};
use time::{Duration, OffsetDateTime};

/// A source's statement that the certificate is revoked.
#[derive(Clone, Copy)]
struct Revoked {
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

pub(super) struct Findings<'a> {
    certificate: &'a Certificate,
    issuer: &'a Certificate,
    policy: &'a RevocationPolicy,
    at: OffsetDateTime,
    revoked: Vec<Revoked>,
    good: Vec<StatusEvidence>,
    in_grace: Vec<StatusEvidence>,
    stale: Vec<(OffsetDateTime, StaleReason)>,
    is_unknown: bool,
    is_rolled_back: bool,
    has_failed_responder: bool,
}

impl<'a> Findings<'a> {
    pub(super) fn new(
        certificate: &'a Certificate,
        issuer: &'a Certificate,
        policy: &'a RevocationPolicy,
        at: OffsetDateTime,
    ) -> Self {
        Self {
            certificate,
            issuer,
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

    /// Reads every list that may speak for the certificate. A final revocation counts from any
    /// of them, however old; silence counts only from a list that is in its window.
    pub(super) fn read_crls(
        &mut self,
        evidence: &Evidence,
        position: Position,
    ) -> Result<(), Error> {
        let age_seconds_max = match position {
            Position::EndEntity => self.policy.crl_age_seconds_max,
            Position::Issuer(_) => self.policy.authority_crl_age_seconds_max,
        };
        for crl in &evidence.crls {
            if !crl.speaks_for(self.certificate, self.issuer, self.policy.algorithm_floor)? {
                continue;
            }
            let entry = crl.find(self.certificate).filter(|entry| {
                crl.is_complete() || entry.reason != RevocationReason::RemoveFromCrl
            });
            if let Some(entry) = entry {
                self.revoked.push(Revoked {
                    stated_at: crl.this_update(),
                    revoked_at: entry.revoked_at,
                    reason: entry.reason,
                });
            } else if !crl.is_complete() {
                continue;
            } else if evidence.crl_numbers_seen.is_rolled_back(crl, self.issuer) {
                self.is_rolled_back = true;
            } else {
                self.read_silence_of(crl, age_seconds_max);
            }
        }
        Ok(())
    }

    fn read_silence_of(&mut self, crl: &Crl, age_seconds_max: u32) {
        let window = crl.window();
        let skew = self.policy.clock_skew_seconds;
        match window.freshness(self.at, age_seconds_max, skew) {
            _ if window.next_update.is_none() => {
                self.stale
                    .push((window.this_update, StaleReason::NoNextUpdate));
            }
            Freshness::Current => {
                self.good
                    .push(self.status(SourceKind::Crl, window, Duration::ZERO));
            }
            Freshness::Stale(reason, stale_by) => {
                let grace = Duration::seconds(i64::from(self.policy.crl_grace_seconds));
                if reason != StaleReason::FromTheFuture && stale_by <= grace {
                    self.in_grace
                        .push(self.status(SourceKind::Crl, window, stale_by));
                } else {
                    self.stale.push((window.this_update, reason));
                }
            }
        }
    }

    pub(super) fn read_ocsp(&mut self, evidence: &Evidence) -> Result<(), Error> {
        let floor = self.policy.algorithm_floor;
        let is_revoked = |delegate: &Certificate| -> Result<bool, Error> {
            for crl in &evidence.crls {
                if crl.speaks_for(delegate, self.issuer, floor)? && crl.find(delegate).is_some() {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        let mut answers = Vec::new();
        let mut has_failed_responder = false;
        for response in &evidence.ocsp {
            has_failed_responder |= !response.is_answer();
            answers.append(&mut response.answers(
                self.certificate,
                self.issuer,
                self.policy,
                self.at,
                &is_revoked,
            )?);
        }
        self.has_failed_responder = has_failed_responder;
        answers
            .into_iter()
            .for_each(|answer| self.read_answer(answer));
        Ok(())
    }

    fn read_answer(&mut self, answer: Answer) {
        let window = answer.window;
        let freshness = window.freshness(
            self.at,
            self.policy.ocsp_age_seconds_max,
            self.policy.clock_skew_seconds,
        );
        match (answer.status, freshness) {
            (AnswerStatus::Revoked { revoked_at, reason }, _) => {
                self.revoked.push(Revoked {
                    stated_at: window.this_update,
                    revoked_at,
                    reason,
                });
            }
            (_, Freshness::Stale(reason, _)) => self.stale.push((window.this_update, reason)),
            (AnswerStatus::Unknown, Freshness::Current) => self.is_unknown = true,
            (AnswerStatus::Good, Freshness::Current) => {
                self.good
                    .push(self.status(SourceKind::Ocsp, window, Duration::ZERO));
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

    /// Revoked wins; then a signed `unknown`; then the freshest good; then the grace; then the
    /// most telling of the reasons why nothing speaks for the certificate.
    pub(super) fn conclude(
        mut self,
        evidence: &Evidence,
        position: Position,
    ) -> Result<StatusEvidence, Error> {
        if let Some(revoked) = self.standing_revocation() {
            let Revoked {
                revoked_at, reason, ..
            } = revoked;
            return Err(Error::CertificateRevoked {
                position,
                revoked_at,
                reason,
            });
        }
        if self.is_unknown && self.policy.unknown_status == UnknownStatus::Deny {
            return Err(Error::RevocationUnknown { position });
        }
        let freshest = |statuses: &mut Vec<StatusEvidence>| {
            statuses.sort_by_key(StatusEvidence::this_update);
            statuses.pop()
        };
        if let Some(status) = freshest(&mut self.good).or_else(|| freshest(&mut self.in_grace)) {
            return Ok(status);
        }
        Err(self.why_nothing(evidence, position))
    }

    /// A final revocation stands whatever else is said; a hold stands until later evidence that
    /// is in its window says good.
    fn standing_revocation(&self) -> Option<Revoked> {
        let lifted = self.good.iter().map(StatusEvidence::this_update).max();
        let stands = |revoked: &&Revoked| {
            revoked.is_final() || lifted.is_none_or(|lifted| lifted <= revoked.stated_at)
        };
        let mut standing: Vec<&Revoked> = self.revoked.iter().filter(stands).collect();
        standing.sort_by_key(|revoked| (!revoked.is_final(), revoked.revoked_at));
        standing.first().copied().copied()
    }

    fn why_nothing(&self, evidence: &Evidence, position: Position) -> Error {
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
            .any(|source| source.certificate == *self.certificate);
        if unreachable || self.has_failed_responder {
            Error::RevocationUnreachable { position }
        } else {
            Error::RevocationUnknown { position }
        }
    }
}
