//! Who signed a list, and whether they may (RFC 5280 section 6.3.3 (f) and (g)).

use super::judge::{Judge, Subject};
use crate::revocation::Crl;
use crate::{Certificate, Error, PathPolicy, TrustStore, name, validate_path};
use std::cell::RefCell;

/// Most certificates off the path with the name of a list's issuer that are tried.
const CANDIDATES_MAX: usize = 8;
/// Most certificates off the path that may help to build a signer's path.
const HELPERS_MAX: usize = 64;
/// How many signers may vouch for one another, each with a list of the next.
const SIGNERS_IN_QUESTION_MAX: usize = 3;

impl Judge<'_> {
    /// The certificate whose key signed `list`, when it is entitled to speak about `subject`:
    /// the issuer, as a rule; another certificate above it on the path, such as the same
    /// authority's with another key; or one off the path that leads to the same anchor and is
    /// itself not revoked.
    pub(super) fn signer_of(
        &self,
        list: &Crl,
        subject: Subject<'_>,
    ) -> Result<Option<Certificate>, Error> {
        let floor = self.policy.algorithm_floor;
        for superior in subject.superiors {
            if list.is_signed_by(superior, floor)? {
                return Ok(Some(superior.clone()));
            }
        }
        let mut tried = 0;
        for candidate in self.candidates() {
            let candidate_name = candidate.openssl().subject_name();
            if !name::names_match(candidate_name, list.issuer_name())? {
                continue;
            }
            tried += 1;
            if tried > CANDIDATES_MAX {
                break;
            }
            if list.is_signed_by(candidate, floor)?
                && (self.may_vouch_for_itself(candidate, list, subject)?
                    || (!self.is_judged_with(candidate, subject) && self.is_entitled(candidate)?))
            {
                return Ok(Some(candidate.clone()));
            }
        }
        Ok(None)
    }

    /// Certificates that may have signed a list or lead to one that did: those the caller has,
    /// and the issuers on the path that the decision is about.
    fn candidates(&self) -> impl Iterator<Item = &Certificate> {
        let issuers = self.target.iter().skip(1);
        self.evidence.certificates.iter().chain(issuers)
    }

    /// Whether the signer's key stands or falls with the status that is asked for, so that it
    /// cannot give it: the key of the subject itself, of what is below it on the path, and ever
    /// of the end entity. Keys are compared, for one key may have several certificates.
    fn is_judged_with(&self, signer: &Certificate, subject: Subject<'_>) -> bool {
        let has_its_key =
            |certificate: &Certificate| certificate.public_key_info() == signer.public_key_info();
        let is_top = self.signers_in_question.is_empty();
        has_its_key(subject.certificate)
            || self.target.first().is_some_and(has_its_key)
            || (is_top
                && self.target.iter().any(has_its_key)
                && !subject.superiors.iter().any(has_its_key))
    }

    /// Whether the signer whose own status is in question may give it: only when the authority
    /// that issued its certificate named the signer itself as the issuer of that certificate's
    /// lists (`cRLIssuer`, RFC 5280 section 4.2.1.13), for then there is no other list. A list in
    /// the name of the authority never comes from the certificate that it is about.
    fn may_vouch_for_itself(
        &self,
        signer: &Certificate,
        list: &Crl,
        subject: Subject<'_>,
    ) -> Result<bool, Error> {
        let is_in_question = self.signers_in_question.last() == Some(signer);
        let authority = subject.certificate.openssl().issuer_name();
        Ok(is_in_question
            && subject.certificate == signer
            && !name::names_match(list.issuer_name(), authority)?)
    }

    /// Whether a signer off the path leads to the path's own anchor, and neither it nor anything
    /// above it is revoked. A circle of signers that vouch for one another proves nothing.
    fn is_entitled(&self, signer: &Certificate) -> Result<bool, Error> {
        let in_question = &self.signers_in_question;
        let is_in_question =
            |other: &Certificate| other.public_key_info() == signer.public_key_info();
        if in_question.len() >= SIGNERS_IN_QUESTION_MAX || in_question.iter().any(is_in_question) {
            return Ok(false);
        }
        let known = |judged: &Vec<(Certificate, bool)>| {
            let mut judged = judged.iter();
            judged.find_map(|(known, entitled)| (known == signer).then_some(*entitled))
        };
        if let Some(entitled) = known(&self.judged_signers.borrow()) {
            return Ok(entitled);
        }
        let entitled = self.validate_signer(signer)?;
        self.judged_signers
            .borrow_mut()
            .push((signer.clone(), entitled));
        Ok(entitled)
    }

    fn validate_signer(&self, signer: &Certificate) -> Result<bool, Error> {
        let helpers = self.candidates().take(HELPERS_MAX).cloned().collect();
        let store = TrustStore::new(vec![self.path.anchor().clone()], helpers);
        let policy = PathPolicy {
            algorithm_floor: self.policy.algorithm_floor,
            ..PathPolicy::rfc5280()
        };
        let path = match validate_path(signer, &[], &store, &policy, self.at) {
            Ok(path) => path,
            Err(error @ Error::Cryptography(_)) => return Err(error),
            Err(_) => return Ok(false),
        };
        let mut signers_in_question = self.signers_in_question.clone();
        signers_in_question.push(signer.clone());
        let judge = Judge {
            path: &path,
            signers_in_question,
            judged_signers: RefCell::default(),
            ..*self
        };
        for (depth, (certificate, _)) in path.issued_pairs().enumerate() {
            // What stands on the path itself is judged with it.
            if self.target.contains(certificate) {
                continue;
            }
            match judge.status(depth) {
                Ok(_) => {}
                Err(error @ Error::Cryptography(_)) => return Err(error),
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }
}
