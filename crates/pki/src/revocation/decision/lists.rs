//! What the lists say about one certificate (RFC 5280 section 6.3.3).

use super::findings::{Findings, ListNumber};
use super::judge::{Judge, Subject};
use crate::revocation::distribution_point::Points;
use crate::revocation::reason::ReasonSet;
use crate::revocation::{Crl, RevocationReason};
use crate::{Certificate, Error};

/// A list that may speak about the certificate, and whose signature holds.
struct Usable<'a> {
    number: ListNumber,
    list: &'a Crl,
    signer: Certificate,
    reasons: ReasonSet,
}

impl Judge<'_> {
    /// Reads every list that may speak for the certificate. A final revocation counts from any
    /// of them, however old, and from a delta list also without the list it completes; silence
    /// counts only from a complete list, alone or brought up to date, that is in its window.
    pub(super) fn read_lists(
        &self,
        findings: &mut Findings<'_>,
        subject: Subject<'_>,
    ) -> Result<(), Error> {
        let usable = self.usable_lists(subject)?;
        for Usable { number, list, .. } in &usable {
            // Only a delta list takes entries back; on a complete one that is nonsense, and a
            // revocation.
            let entry = list.find(subject.certificate)?.filter(|entry| {
                !list.is_delta() || entry.reason != RevocationReason::RemoveFromCrl
            });
            if let Some(entry) = entry {
                findings.note_revoked(Some(*number), list.this_update(), entry);
            }
        }
        for complete in usable.iter().filter(|usable| !usable.list.is_delta()) {
            self.read_silence(findings, subject, complete, &usable)?;
        }
        Ok(())
    }

    fn usable_lists(&self, subject: Subject<'_>) -> Result<Vec<Usable<'_>>, Error> {
        let points = Points::of(subject.certificate);
        let mut usable = Vec::new();
        for (number, list) in self.evidence.crls.iter().enumerate() {
            let reasons = list.reasons_for(&points)?;
            if reasons.is_empty() {
                continue;
            }
            if let Some(signer) = self.signer_of(list, subject)? {
                usable.push(Usable {
                    number,
                    list,
                    signer,
                    reasons,
                });
            }
        }
        Ok(usable)
    }

    /// What a complete list does not say, by itself and with each delta list that completes it.
    /// The two together have the delta list's window (RFC 5280 section 5.2.4).
    fn read_silence(
        &self,
        findings: &mut Findings<'_>,
        subject: Subject<'_>,
        complete: &Usable<'_>,
        usable: &[Usable<'_>],
    ) -> Result<(), Error> {
        let seen = &self.evidence.crl_numbers_seen;
        if seen.is_rolled_back(complete.list, &complete.signer) {
            findings.is_rolled_back = true;
            return Ok(());
        }
        let listed = complete.list.find(subject.certificate)?.is_some();
        if !listed {
            findings.note_silence(complete.list.window(), complete.reasons, None);
        }
        for delta in usable {
            if !self.completes(delta, complete)? {
                continue;
            }
            if seen.is_rolled_back(delta.list, &delta.signer) {
                findings.is_rolled_back = true;
                continue;
            }
            let is_silent = match delta.list.find(subject.certificate)? {
                Some(entry) => entry.reason == RevocationReason::RemoveFromCrl,
                None => !listed,
            };
            if is_silent {
                let takes_back = listed.then_some(complete.number);
                findings.note_silence(delta.list.window(), complete.reasons, takes_back);
            }
        }
        Ok(())
    }

    /// Both lists must be of one key as well (RFC 5280 section 6.3.3 (h)).
    fn completes(&self, delta: &Usable<'_>, complete: &Usable<'_>) -> Result<bool, Error> {
        Ok(delta.list.updates(complete.list)?
            && delta.signer.public_key_info() == complete.signer.public_key_info())
    }
}
