//! Finds candidate paths from an end entity to a trust anchor (RFC 4158).
//!
//! Depth first, with issuers in a promising order. An edge is followed only after the issuer's
//! key has verified the signature, so a crowd of certificates with the right name costs one
//! check each and never a deeper search. All checks come out of one budget.

use crate::budget::Budget;
use crate::{Certificate, Error, Position, TrustStore, name};
use std::collections::HashSet;
use time::OffsetDateTime;

/// Where candidate issuers come from, and the limits of the search.
pub(crate) struct Search<'a> {
    pub(crate) store: &'a TrustStore,
    /// Certificates the end entity brought along; candidates only.
    pub(crate) extra: &'a [Certificate],
    pub(crate) intermediates_max: usize,
    pub(crate) at: OffsetDateTime,
}

/// Judges one complete candidate path (end entity first, anchor last), on the same budget.
pub(crate) type Accept<'f, T> = dyn FnMut(&[Certificate], &mut Budget) -> Result<T, Error> + 'f;

/// What is learned on the way: the most useful refusal so far.
struct Refusals {
    best: Option<Error>,
    same_name_issuers: usize,
}

impl Refusals {
    fn note(&mut self, error: Error) {
        if self
            .best
            .as_ref()
            .is_none_or(|best| error.usefulness() > best.usefulness())
        {
            self.best = Some(error);
        }
    }
}

impl Search<'_> {
    /// Offers complete candidate paths to `accept` until it takes one.
    ///
    /// # Errors
    /// The most useful refusal when no path is accepted; [`Error::PathBudgetExceeded`] when the
    /// budget ends the search and no path had got as far as a refusal that says more.
    pub(crate) fn find<T>(
        &self,
        end_entity: &Certificate,
        budget: &mut Budget,
        accept: &mut Accept<'_, T>,
    ) -> Result<T, Error> {
        let mut refusals = Refusals {
            best: None,
            same_name_issuers: 0,
        };
        let mut path = vec![end_entity.clone()];
        match self.extend(&mut path, budget, &mut refusals, accept) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) => refusals.note(error),
        }
        let same_name_issuers = refusals.same_name_issuers;
        Err(refusals
            .best
            .unwrap_or(Error::UntrustedAnchor { same_name_issuers }))
    }

    /// One step of the search; an error ends all of it.
    fn extend<T>(
        &self,
        path: &mut Vec<Certificate>,
        budget: &mut Budget,
        refusals: &mut Refusals,
        accept: &mut Accept<'_, T>,
    ) -> Result<Option<T>, Error> {
        let Some(subject) = path.last().cloned() else {
            return Ok(None);
        };
        for anchor in in_order(self.store.anchors_for(&subject)?, &subject) {
            if !self.is_next(&anchor, &subject, path, budget, refusals)? {
                continue;
            }
            path.push(anchor);
            let verdict = accept(path, budget);
            path.pop();
            match verdict {
                Ok(found) => return Ok(Some(found)),
                Err(error @ (Error::PathBudgetExceeded | Error::Cryptography(_))) => {
                    return Err(error);
                }
                Err(refusal) => refusals.note(refusal),
            }
        }
        if path.len() > self.intermediates_max {
            return Ok(None);
        }
        for intermediate in in_order(self.intermediates_for(&subject)?, &subject) {
            let position = Position::Issuer(path.len());
            if let Err(refusal) = check_authority(&intermediate, position, self.at) {
                refusals.note(refusal);
                continue;
            }
            if !self.is_next(&intermediate, &subject, path, budget, refusals)? {
                continue;
            }
            path.push(intermediate);
            let found = self.extend(path, budget, refusals, accept)?;
            path.pop();
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn intermediates_for(&self, subject: &Certificate) -> Result<Vec<&Certificate>, Error> {
        let mut candidates = self.store.intermediates_for(subject)?;
        for extra in self.extra {
            let issuer_name = subject.openssl().issuer_name();
            if name::names_match(extra.openssl().subject_name(), issuer_name)? {
                candidates.push(extra);
            }
        }
        Ok(candidates)
    }

    /// Whether `issuer` may follow `subject`: it is no loop, and its key made the signature.
    fn is_next(
        &self,
        issuer: &Certificate,
        subject: &Certificate,
        path: &[Certificate],
        budget: &mut Budget,
        refusals: &mut Refusals,
    ) -> Result<bool, Error> {
        if path.iter().any(|earlier| is_same_entity(earlier, issuer)) {
            return Ok(false);
        }
        budget.spend(1)?;
        // An algorithm that OpenSSL cannot check with this key is a failed check, not a fault.
        let signed = subject
            .openssl()
            .verify(issuer.public_key())
            .unwrap_or(false);
        if !signed {
            refusals.same_name_issuers += 1;
        }
        Ok(signed)
    }
}

/// A path never holds the same name and key twice (RFC 4158 section 2.4.2), so cross-certified
/// circles end.
fn is_same_entity(left: &Certificate, right: &Certificate) -> bool {
    left == right
        || (left.subject() == right.subject() && left.public_key().public_eq(right.public_key()))
}

/// An intermediate that cannot issue anything at this time is not worth a signature check
/// (RFC 5280 section 6.1.4 (k), (n), section 6.1.3 (a)(2)).
fn check_authority(
    issuer: &Certificate,
    position: Position,
    at: OffsetDateTime,
) -> Result<(), Error> {
    if !issuer.is_authority() {
        return Err(Error::IssuerNotAuthority { position });
    }
    if issuer
        .key_usage()
        .is_some_and(|usage| !usage.key_cert_sign())
    {
        return Err(Error::KeyUsageWrong { position });
    }
    crate::path_validation::check_validity(issuer, position, at)
}

/// Drops repeated candidates and those whose key identifier contradicts the subject's; puts
/// those whose identifier is the very one first (RFC 4158 section 3.5.12).
fn in_order(candidates: Vec<&Certificate>, subject: &Certificate) -> Vec<Certificate> {
    let wanted = subject.authority_key_identifier();
    let mut seen = HashSet::new();
    let (mut matching, mut silent) = (Vec::new(), Vec::new());
    for candidate in candidates {
        if !seen.insert(candidate.sha256().to_vec()) {
            continue;
        }
        match (wanted, candidate.subject_key_identifier()) {
            (Some(wanted), Some(identifier)) if wanted == identifier => {
                matching.push(candidate.clone());
            }
            (Some(_), Some(_)) => {}
            _ => silent.push(candidate.clone()),
        }
    }
    matching.append(&mut silent);
    matching
}
