//! Finds candidate paths from an end entity to a trust anchor (RFC 4158).
//!
//! Depth first, with issuers in a promising order. Where one subject has several candidate
//! issuers, an edge is followed only after the issuer's key has verified the signature, so a crowd
//! of certificates with the right name costs one check each and never a deeper search. An only
//! candidate is followed unverified: OpenSSL verifies the complete path anyway. All checks come
//! out of one budget.

use crate::budget::Budget;
use crate::path_validation::{check_anchor, check_intermediate};
use crate::policy::PathPolicy;
use crate::{Certificate, Error, Position, TrustStore, name, openssl_errors};
use std::collections::{HashMap, HashSet};
use time::OffsetDateTime;

/// Where candidate issuers come from, and what they must satisfy.
pub(crate) struct Search<'a> {
    pub(crate) store: &'a TrustStore,
    /// Certificates the end entity brought along; candidates only.
    pub(crate) extra: &'a [Certificate],
    /// An authority's certificate that must not be used, unless it is an anchor itself.
    pub(crate) excluded: Option<&'a Certificate>,
    pub(crate) policy: &'a PathPolicy,
    pub(crate) at: OffsetDateTime,
}

/// Judges one complete candidate path (end entity first, anchor last), on the same budget; the
/// second argument says of each certificate below the anchor whether its signature is checked.
pub(crate) type Accept<'f, T> =
    dyn FnMut(&[Certificate], &[bool], &mut Budget) -> Result<T, Error> + 'f;

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
        let mut walk = Walk {
            search: self,
            budget,
            accept,
            path: vec![end_entity.clone()],
            signed: Vec::new(),
            checked: HashMap::new(),
            refusals: Refusals::default(),
        };
        match walk.extend() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) => walk.refusals.note(error),
        }
        Err(walk.refusals.most_useful())
    }

    /// The certificates whose subject is the issuer of `subject`, the most promising first; each
    /// says whether it is an anchor.
    fn candidates_for(&self, subject: &Certificate) -> Result<Vec<Candidate>, Error> {
        let mut candidates = Candidates::new(subject);
        for anchor in self.store.anchors_for(subject)? {
            candidates.add(anchor, true);
        }
        for intermediate in self.store.intermediates_for(subject)? {
            candidates.add(intermediate, false);
        }
        for extra in self.extra {
            let issuer_name = subject.openssl().issuer_name();
            if name::names_match(extra.openssl().subject_name(), issuer_name)? {
                candidates.add(extra, false);
            }
        }
        Ok(candidates.in_order())
    }
}

struct Candidate {
    certificate: Certificate,
    is_anchor: bool,
    rank: u8,
}

/// Collects candidates for one subject without repetition.
struct Candidates<'a> {
    wanted_key: Option<&'a [u8]>,
    seen: HashSet<(bool, Vec<u8>)>,
    found: Vec<Candidate>,
}

impl<'a> Candidates<'a> {
    fn new(subject: &'a Certificate) -> Self {
        Self {
            wanted_key: subject.authority_key_identifier(),
            seen: HashSet::new(),
            found: Vec::new(),
        }
    }

    fn add(&mut self, certificate: &Certificate, is_anchor: bool) {
        if !self.seen.insert((is_anchor, certificate.sha256().to_vec())) {
            return;
        }
        // Key identifiers only help to find paths (RFC 5280 section 4.2.1.1) and play no part in
        // validating them (section 6.1), so one that contradicts the subject's puts its candidate
        // last and no more (RFC 4158 section 3.5.12).
        let rank = match (self.wanted_key, certificate.subject_key_identifier()) {
            (Some(wanted), Some(identifier)) if wanted == identifier => 0,
            (Some(_), Some(_)) => 2,
            _ => 1,
        };
        self.found.push(Candidate {
            certificate: certificate.clone(),
            is_anchor,
            rank,
        });
    }

    /// By key identifier, anchors before intermediates, else as they came.
    fn in_order(mut self) -> Vec<Candidate> {
        self.found
            .sort_by_key(|candidate| (candidate.rank, !candidate.is_anchor));
        self.found
    }
}

/// What is learned on the way.
#[derive(Default)]
struct Refusals {
    /// The most useful refusal of a path or edge whose signatures were looked at.
    best: Option<Error>,
    /// The most useful refusal of a candidate that fitted by name alone.
    best_by_name: Option<Error>,
    same_name_issuers: usize,
}

impl Refusals {
    fn note(&mut self, error: Error) {
        match error {
            Error::UntrustedAnchor { same_name_issuers } => {
                self.same_name_issuers += same_name_issuers;
            }
            error => keep_most_useful(&mut self.best, error),
        }
    }

    fn most_useful(self) -> Error {
        let same_name_issuers = self.same_name_issuers;
        self.best
            .or(self.best_by_name)
            .unwrap_or(Error::UntrustedAnchor { same_name_issuers })
    }
}

fn keep_most_useful(best: &mut Option<Error>, error: Error) {
    if best
        .as_ref()
        .is_none_or(|best| error.usefulness() > best.usefulness())
    {
        *best = Some(error);
    }
}

/// One search under way.
struct Walk<'w, 'f, T> {
    search: &'w Search<'w>,
    budget: &'w mut Budget,
    accept: &'w mut Accept<'f, T>,
    path: Vec<Certificate>,
    /// For each certificate of the path but the last, whether its signature is checked.
    signed: Vec<bool>,
    /// Edges whose signature has been checked: meshes come by the same ones again and again.
    checked: HashMap<(usize, usize), bool>,
    refusals: Refusals,
}

impl<T> Walk<'_, '_, T> {
    /// One step of the search; an error ends all of it.
    fn extend(&mut self) -> Result<Option<T>, Error> {
        let Some(subject) = self.path.last().cloned() else {
            return Ok(None);
        };
        let mut candidates = self.search.candidates_for(&subject)?;
        self.budget.look_at(candidates.len())?;
        candidates.retain(|candidate| self.may_issue(candidate));
        let is_only_one = candidates.len() == 1;
        for candidate in candidates {
            let issuer = candidate.certificate;
            let mut is_signed = self.search.store.is_known_signed(&subject, &issuer);
            if !is_signed && !is_only_one {
                is_signed = self.is_signed_by(&subject, &issuer)?;
                if !is_signed {
                    continue;
                }
            }
            self.signed.push(is_signed);
            self.path.push(issuer);
            let found = if candidate.is_anchor {
                self.offer()
            } else {
                self.extend()
            };
            self.path.pop();
            self.signed.pop();
            if let Some(found) = found? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Offers the path, which has just reached an anchor.
    fn offer(&mut self) -> Result<Option<T>, Error> {
        match (self.accept)(&self.path, &self.signed, self.budget) {
            Ok(found) => Ok(Some(found)),
            Err(error @ (Error::PathBudgetExceeded | Error::Cryptography(_))) => Err(error),
            Err(refusal) => {
                self.refusals.note(refusal);
                Ok(None)
            }
        }
    }

    /// Whether a candidate is no loop, and could issue certificates at this time at all.
    fn may_issue(&mut self, candidate: &Candidate) -> bool {
        let Candidate {
            certificate,
            is_anchor,
            ..
        } = candidate;
        if !*is_anchor && self.search.excluded == Some(certificate) {
            return false;
        }
        if self
            .path
            .iter()
            .any(|earlier| is_same_entity(earlier, certificate))
        {
            return false;
        }
        let (policy, at) = (self.search.policy, self.search.at);
        let position = Position::Issuer(self.path.len());
        let judgement = if *is_anchor {
            check_anchor(certificate, policy, position, at)
        } else if self.path.len() > policy.intermediates_max {
            Err(Error::PathTooLong {
                intermediates_max: policy.intermediates_max,
            })
        } else {
            check_intermediate(certificate, policy, position, at)
        };
        match judgement {
            Ok(()) => true,
            Err(refusal) => {
                keep_most_useful(&mut self.refusals.best_by_name, refusal);
                false
            }
        }
    }

    /// Whether the key of `issuer` made the signature on `subject`.
    fn is_signed_by(&mut self, subject: &Certificate, issuer: &Certificate) -> Result<bool, Error> {
        let edge = (subject.instance(), issuer.instance());
        if let Some(signed) = self.checked.get(&edge) {
            return Ok(*signed);
        }
        let key = issuer.public_key();
        let signed = subject.signature_algorithm().fits(key.id()) && {
            self.budget.spend(issuer.check_cost())?;
            // An algorithm that OpenSSL cannot check with this key is a failed check, not a fault.
            let verified = subject.openssl().verify(key).unwrap_or(false);
            openssl_errors::forget();
            verified
        };
        if !signed {
            self.refusals.same_name_issuers += 1;
        }
        self.checked.insert(edge, signed);
        Ok(signed)
    }
}

/// A path never holds the same name and key twice (RFC 4158 section 2.4.2), so cross-certified
/// circles end.
fn is_same_entity(left: &Certificate, right: &Certificate) -> bool {
    left == right
        || (left.subject() == right.subject() && left.public_key().public_eq(right.public_key()))
}
