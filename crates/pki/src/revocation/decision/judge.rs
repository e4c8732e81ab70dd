//! One path, all evidence, and the judgement of each certificate of the path.

use super::StatusEvidence;
use super::findings::Findings;
use crate::revocation::{Evidence, RevocationPolicy};
use crate::{Certificate, Error, Position, ValidatedPath};
use std::cell::RefCell;
use time::OffsetDateTime;

/// Judges the certificates of one path.
pub(super) struct Judge<'a> {
    pub(super) path: &'a ValidatedPath,
    pub(super) evidence: &'a Evidence,
    pub(super) policy: &'a RevocationPolicy,
    pub(super) at: OffsetDateTime,
    /// Certificates of the path that the decision is about; their own status is part of it.
    pub(super) target: &'a [Certificate],
    /// Signers of lists whose own status is being judged, the outermost first.
    pub(super) signers_in_question: Vec<Certificate>,
    /// Signers off the path that have been judged, and whether they are entitled.
    pub(super) judged_signers: RefCell<Vec<(Certificate, bool)>>,
}

/// A certificate to be judged, in its place.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) certificate: &'a Certificate,
    pub(super) issuer: &'a Certificate,
    /// The certificates above it, its issuer first, the anchor last.
    pub(super) superiors: &'a [Certificate],
    pub(super) position: Position,
}

impl<'a> Judge<'a> {
    pub(super) fn of(
        path: &'a ValidatedPath,
        evidence: &'a Evidence,
        policy: &'a RevocationPolicy,
        at: OffsetDateTime,
    ) -> Self {
        Self {
            path,
            evidence,
            policy,
            at,
            target: path.certificates(),
            signers_in_question: Vec::new(),
            judged_signers: RefCell::default(),
        }
    }

    /// The status of the certificate at `depth` of the path, the end entity's being 0.
    pub(super) fn status(&self, depth: usize) -> Result<StatusEvidence, Error> {
        let position = Position::from_depth(depth);
        let Some([certificate, superiors @ ..]) = self.path.certificates().get(depth..) else {
            return Err(Error::RevocationUnknown { position });
        };
        let Some(issuer) = superiors.first() else {
            return Err(Error::RevocationUnknown { position });
        };
        let subject = Subject {
            certificate,
            issuer,
            superiors,
            position,
        };
        let mut findings = Findings::new(subject, self.policy, self.at);
        if self.policy.preference.reads_crls_about(certificate) {
            self.read_lists(&mut findings, subject)?;
        }
        if self.policy.preference.reads_ocsp() {
            self.read_ocsp(&mut findings, subject)?;
        }
        findings.conclude(self.evidence)
    }
}
