//! What OCSP responses say about one certificate, and whether their responders still stand.

use super::findings::Findings;
use super::judge::{Judge, Subject};
use crate::revocation::ResponderStatusAbsent;
use crate::revocation::ocsp::Appointment;
use crate::{Certificate, Error};

/// `id-pkix-ocsp-nocheck` (RFC 6960 section 4.2.2.2.1).
const NO_CHECK: &str = "1.3.6.1.5.5.7.48.1.5";

impl Judge<'_> {
    pub(super) fn read_ocsp(
        &self,
        findings: &mut Findings<'_>,
        subject: Subject<'_>,
    ) -> Result<(), Error> {
        let stands = |delegate: &Certificate| self.responder_stands(delegate, subject);
        let appointment = Appointment {
            issuer: subject.issuer,
            floor: self.policy.algorithm_floor,
            at: self.at,
            stands: &stands,
            known: &self.evidence.known_responders,
        };
        let nonce_absent = self.policy.nonce_absent;
        for response in &self.evidence.ocsp {
            findings.has_failed_responder |= !response.is_answer();
            for answer in response.answers(subject.certificate, nonce_absent, &appointment)? {
                findings.note_answer(answer);
            }
        }
        Ok(())
    }

    /// Whether a responder's certificate, issued by the subject's own issuer, is not revoked.
    ///
    /// With `id-pkix-ocsp-nocheck` the issuer asks nobody to look, but a list at hand that
    /// revokes it counts all the same. Without it, a list must say that it is not revoked, unless
    /// the operator does without.
    fn responder_stands(
        &self,
        delegate: &Certificate,
        subject: Subject<'_>,
    ) -> Result<bool, Error> {
        let responder = Subject {
            certificate: delegate,
            ..subject
        };
        let mut findings = Findings::new(responder, self.policy, self.at);
        self.read_lists(&mut findings, responder)?;
        let is_unchecked = delegate.private_extension(NO_CHECK).is_some();
        match findings.conclude(self.evidence) {
            Ok(_) => Ok(true),
            Err(error @ Error::Cryptography(_)) => Err(error),
            Err(Error::CertificateRevoked { .. }) => Ok(false),
            Err(_) => Ok(is_unchecked
                || self.policy.responder_status_absent == ResponderStatusAbsent::Accept),
        }
    }
}
