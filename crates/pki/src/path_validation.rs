//! Path validation (RFC 5280 section 6): our own checks with codes of their own, then OpenSSL.

mod openssl_verdict;

use crate::budget::Budget;
use crate::path_builder::Search;
use crate::policy::{Conformance, PathPolicy, Purpose};
use crate::{AlgorithmFloor, Certificate, Error, Oid, Position, TrustStore, key_usage};
use time::OffsetDateTime;

/// Most certificates that an end entity may bring along.
pub const EXTRA_CERTIFICATES_MAX: usize = 8;

/// A certification path that has been validated, from the end entity to its trust anchor.
///
/// Only [`validate_path`] makes one.
#[derive(Clone, Debug)]
pub struct ValidatedPath {
    certificates: Vec<Certificate>,
    end_entity: Certificate,
    policies: Vec<Oid>,
    validated_at: OffsetDateTime,
}

impl ValidatedPath {
    /// The person's certificate.
    #[must_use]
    pub fn end_entity(&self) -> &Certificate {
        &self.end_entity
    }

    /// The whole path, end entity first, trust anchor last; at least two certificates.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The trust anchor the path ends in.
    #[must_use]
    pub fn anchor(&self) -> &Certificate {
        self.certificates.last().unwrap_or(&self.end_entity)
    }

    /// Each certificate below the anchor with the certificate that issued it, end entity first.
    pub fn issued_pairs(&self) -> impl Iterator<Item = (&Certificate, &Certificate)> {
        self.certificates
            .iter()
            .zip(self.certificates.iter().skip(1))
    }

    /// The user-constrained policy set (RFC 5280 section 6.1.6): certificate policies that every
    /// certificate of the path agrees to. May hold `anyPolicy`.
    #[must_use]
    pub fn policies(&self) -> &[Oid] {
        &self.policies
    }

    /// The moment for which the path was validated.
    #[must_use]
    pub fn validated_at(&self) -> OffsetDateTime {
        self.validated_at
    }
}

/// Builds and validates a path from `end_entity` to an anchor of `store`, as of `at`.
///
/// `extra` holds certificates the end entity brought along: candidates, never trusted. Cheap
/// checks on the end entity come first, then path building, then for each candidate path the
/// checks with codes of their own, and last OpenSSL's verification of exactly that path with
/// exactly that anchor. There is no allowance for clock skew.
///
/// # Errors
/// The refusal's code. When several candidate paths fail, the most telling one is reported.
pub fn validate_path(
    end_entity: &Certificate,
    extra: &[Certificate],
    store: &TrustStore,
    policy: &PathPolicy,
    at: OffsetDateTime,
) -> Result<ValidatedPath, Error> {
    if extra.len() > EXTRA_CERTIFICATES_MAX {
        return Err(Error::CertificateTooLarge {
            given: extra.len(),
            bound: EXTRA_CERTIFICATES_MAX,
        });
    }
    check_end_entity(end_entity, policy, at)?;
    let search = Search {
        store,
        extra,
        intermediates_max: policy.intermediates_max,
        at,
    };
    let mut budget = Budget::new(policy.signature_checks_max);
    search.find(end_entity, &mut budget, &mut |candidate, budget| {
        check_issuers(candidate, policy, at)?;
        budget.spend(candidate.len().saturating_sub(1))?;
        let policies = openssl_verdict::verify(candidate, policy)?;
        Ok(ValidatedPath {
            certificates: candidate.to_vec(),
            end_entity: end_entity.clone(),
            policies,
            validated_at: at,
        })
    })
}

/// Validates a certificate that `issuer` itself must have issued, such as an OCSP responder's:
/// a path of two certificates with `issuer` as its anchor.
pub(crate) fn verify_delegate(
    delegate: &Certificate,
    issuer: &Certificate,
    floor: AlgorithmFloor,
    at: OffsetDateTime,
) -> Result<(), Error> {
    let policy = PathPolicy {
        algorithm_floor: floor,
        ..PathPolicy::rfc5280()
    };
    check_common(delegate, &policy, Position::EndEntity, at)?;
    check_validity(issuer, Position::Issuer(1), at)?;
    openssl_verdict::verify(&[delegate.clone(), issuer.clone()], &policy)?;
    Ok(())
}

fn check_end_entity(
    certificate: &Certificate,
    policy: &PathPolicy,
    at: OffsetDateTime,
) -> Result<(), Error> {
    let position = Position::EndEntity;
    check_common(certificate, policy, position, at)?;
    match policy.purpose {
        Purpose::Any => Ok(()),
        Purpose::ClientAuthentication => check_login_usage(certificate),
    }
}

/// Both extensions must be there and say so: the card's signature certificate has the same
/// holder, the same issuer and `nonRepudiation` instead (RFC 5280 sections 4.2.1.3, 4.2.1.12).
fn check_login_usage(certificate: &Certificate) -> Result<(), Error> {
    let position = Position::EndEntity;
    if !certificate
        .key_usage()
        .is_some_and(key_usage::KeyUsage::digital_signature)
    {
        return Err(Error::KeyUsageWrong { position });
    }
    let purposes = certificate.extended_key_usage().unwrap_or_default();
    if !purposes
        .iter()
        .any(|purpose| purpose == key_usage::CLIENT_AUTH)
    {
        return Err(Error::ExtendedKeyUsageWrong { position });
    }
    Ok(())
}

/// The issuers of a candidate path. Of the anchor only the key and the validity count: it is
/// trusted for its key, so its own signature says nothing.
fn check_issuers(
    candidate: &[Certificate],
    policy: &PathPolicy,
    at: OffsetDateTime,
) -> Result<(), Error> {
    let anchor_depth = candidate.len().saturating_sub(1);
    for (depth, issuer) in candidate.iter().enumerate().skip(1) {
        let position = Position::from_depth(depth);
        if depth == anchor_depth {
            check_validity(issuer, position, at)?;
            policy
                .algorithm_floor
                .check_key(issuer.public_key(), position)?;
        } else {
            check_common(issuer, policy, position, at)?;
        }
    }
    Ok(())
}

/// What holds for every certificate below the anchor.
fn check_common(
    certificate: &Certificate,
    policy: &PathPolicy,
    position: Position,
    at: OffsetDateTime,
) -> Result<(), Error> {
    if policy.conformance == Conformance::Strict && !has_positive_serial(certificate) {
        return Err(Error::CertificateMalformed(
            "its serial number is not positive",
        ));
    }
    check_validity(certificate, position, at)?;
    let floor = policy.algorithm_floor;
    floor.check_signature_algorithm(certificate.signature_algorithm(), position)?;
    floor.check_key(certificate.public_key(), position)
}

fn has_positive_serial(certificate: &Certificate) -> bool {
    let serial = certificate.serial();
    let is_negative = serial.first().is_some_and(|first| first & 0x80 != 0);
    !is_negative && serial.iter().any(|byte| *byte != 0)
}

/// Validity includes both of its ends (RFC 5280 section 4.1.2.5).
pub(crate) fn check_validity(
    certificate: &Certificate,
    position: Position,
    at: OffsetDateTime,
) -> Result<(), Error> {
    let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
    if at > not_after {
        return Err(Error::CertificateExpired {
            position,
            not_after,
            at,
        });
    }
    if at < not_before {
        return Err(Error::CertificateNotYetValid {
            position,
            not_before,
            at,
        });
    }
    Ok(())
}
