//! Path validation (RFC 5280 section 6): our own checks with codes of their own, then OpenSSL.

mod anchor_stores;
mod extended_key_usage;
mod name_constraints;
mod openssl_verdict;
mod self_issued;

pub(crate) use anchor_stores::AnchorStores;

use crate::budget::Budget;
use crate::path_builder::Search;
use crate::policy::{Conformance, PathPolicy, Purpose};
use crate::{AlgorithmFloor, Certificate, Error, KeyUsage, Oid, Position, TrustStore, key_usage};
use std::sync::Arc;
use time::OffsetDateTime;

/// Most certificates that an end entity may bring along.
pub const EXTRA_CERTIFICATES_MAX: usize = 8;

/// A certification path that has been validated, from the end entity to its trust anchor.
///
/// Only [`validate_path`] makes one. Cloning is cheap: clones share the certificates.
#[derive(Clone, Debug)]
pub struct ValidatedPath {
    shared: Arc<Shared>,
    validated_at: OffsetDateTime,
}

#[derive(Debug)]
struct Shared {
    certificates: Vec<Certificate>,
    end_entity: Certificate,
    policies: Vec<Oid>,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

impl ValidatedPath {
    fn new(
        end_entity: &Certificate,
        certificates: &[Certificate],
        policies: Vec<Oid>,
        validated_at: OffsetDateTime,
    ) -> Self {
        let begins = certificates.iter().map(Certificate::not_before);
        let ends = certificates.iter().map(Certificate::not_after);
        let shared = Shared {
            not_before: begins.max().unwrap_or(validated_at),
            not_after: ends.min().unwrap_or(validated_at),
            certificates: certificates.to_vec(),
            end_entity: end_entity.clone(),
            policies,
        };
        Self {
            shared: Arc::new(shared),
            validated_at,
        }
    }

    /// The same path for another moment, if all of its certificates are valid then; nothing else
    /// about a path depends on time.
    pub(crate) fn at(&self, at: OffsetDateTime) -> Option<Self> {
        let (not_before, not_after) = self.validity();
        (not_before <= at && floor_to_second(at) <= not_after).then(|| Self {
            shared: Arc::clone(&self.shared),
            validated_at: at,
        })
    }

    /// The person's certificate.
    #[must_use]
    pub fn end_entity(&self) -> &Certificate {
        &self.shared.end_entity
    }

    /// The whole path, end entity first, trust anchor last; at least two certificates.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.shared.certificates
    }

    /// The trust anchor the path ends in.
    #[must_use]
    pub fn anchor(&self) -> &Certificate {
        self.certificates().last().unwrap_or(self.end_entity())
    }

    /// Each certificate below the anchor with the certificate that issued it, end entity first.
    pub fn issued_pairs(&self) -> impl Iterator<Item = (&Certificate, &Certificate)> {
        let certificates = self.certificates();
        certificates.iter().zip(certificates.iter().skip(1))
    }

    /// The user-constrained policy set (RFC 5280 section 6.1.6): certificate policies that every
    /// certificate of the path agrees to. May hold `anyPolicy`.
    #[must_use]
    pub fn policies(&self) -> &[Oid] {
        &self.shared.policies
    }

    /// The first and the last moment at which every certificate of the path is valid.
    #[must_use]
    pub fn validity(&self) -> (OffsetDateTime, OffsetDateTime) {
        (self.shared.not_before, self.shared.not_after)
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
    let search = Search {
        store,
        extra,
        excluded: None,
        policy,
        at,
    };
    search_path(end_entity, &search)
}

/// Looks for another path when an authority of `path` turned out revoked, or nothing usable tells
/// its status: one without that authority's certificate, for the same moment. `None` when
/// `refusal` is no such finding (a revoked end entity has no other path) or when no other path
/// leads to an anchor.
///
/// A cross-certified authority has several certificates, and only paths through the refused one
/// end with it. Whatever is found has to be judged anew; judge it once and search no further, so
/// that the work stays bounded. `extra`, `store` and `policy` are those of the first search.
#[must_use]
pub fn other_path(
    path: &ValidatedPath,
    refusal: &Error,
    extra: &[Certificate],
    store: &TrustStore,
    policy: &PathPolicy,
) -> Option<ValidatedPath> {
    let search = Search {
        store,
        extra,
        excluded: Some(refused_authority(path, refusal)?),
        policy,
        at: path.validated_at(),
    };
    search_path(path.end_entity(), &search).ok()
}

/// The authority of the path that revocation evidence, or the lack of it, refuses.
pub(crate) fn refused_authority<'a>(
    path: &'a ValidatedPath,
    refusal: &Error,
) -> Option<&'a Certificate> {
    match refusal {
        Error::CertificateRevoked { position, .. }
        | Error::RevocationUnknown { position }
        | Error::RevocationStale { position, .. }
        | Error::RevocationUnreachable { position }
        | Error::CrlRolledBack { position } => match position {
            Position::Issuer(depth) => path.certificates().get(*depth),
            Position::EndEntity => None,
        },
        _ => None,
    }
}

fn search_path(end_entity: &Certificate, search: &Search<'_>) -> Result<ValidatedPath, Error> {
    let Search {
        store,
        extra,
        policy,
        at,
        ..
    } = *search;
    if extra.len() > EXTRA_CERTIFICATES_MAX {
        return Err(Error::CertificateTooLarge {
            given: extra.len(),
            bound: EXTRA_CERTIFICATES_MAX,
        });
    }
    check_end_entity(end_entity, policy, at)?;
    let mut budget = Budget::new(policy.signature_checks_max);
    search.find(end_entity, &mut budget, &mut |candidate, signed, budget| {
        extended_key_usage::check(candidate, policy)?;
        name_constraints::check(candidate)?;
        budget.spend(cost_of_unsigned(candidate, signed))?;
        let policies = openssl_verdict::verify(candidate, signed, policy, store.anchor_stores())?;
        for (subject, issuer) in candidate.iter().zip(candidate.iter().skip(1)) {
            store.note_signed(subject, issuer);
        }
        Ok(ValidatedPath::new(end_entity, candidate, policies, at))
    })
}

/// What checking the signatures costs that have not been checked.
fn cost_of_unsigned(candidate: &[Certificate], signed: &[bool]) -> u32 {
    let issuers = candidate.iter().skip(1).zip(signed);
    issuers
        .filter(|(_, signed)| !**signed)
        .map(|(issuer, _)| issuer.check_cost())
        .fold(0, u32::saturating_add)
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
    let path = [delegate.clone(), issuer.clone()];
    openssl_verdict::verify(&path, &[false], &policy, &AnchorStores::default())?;
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
        .is_some_and(KeyUsage::digital_signature)
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

/// What an anchor must satisfy: of it only the key and the validity count. It is trusted for its
/// key, so its own signature says nothing; but a certificate that could say it is an authority and
/// does not must not verify certificates (RFC 5280 section 4.2.1.9).
pub(crate) fn check_anchor(
    anchor: &Certificate,
    policy: &PathPolicy,
    position: Position,
    at: OffsetDateTime,
) -> Result<(), Error> {
    if anchor.is_version_3() && !anchor.is_authority() {
        return Err(Error::IssuerNotAuthority { position });
    }
    check_validity(anchor, position, at)?;
    policy.algorithm_floor.check_key(anchor, position)
}

/// Checks what a certificate must satisfy by itself to be a trust anchor at this moment.
///
/// # Errors
/// That it is no authority, not valid now, or its key too weak.
pub fn check_trust_anchor(
    anchor: &Certificate,
    policy: &PathPolicy,
    at: OffsetDateTime,
) -> Result<(), Error> {
    check_anchor(anchor, policy, Position::Issuer(1), at)
}

/// Checks what a certificate must satisfy by itself to be an issuing authority at this moment.
///
/// # Errors
/// That it is no authority, not valid now, or its key or its signature too weak.
pub fn check_issuing_authority(
    issuer: &Certificate,
    policy: &PathPolicy,
    at: OffsetDateTime,
) -> Result<(), Error> {
    check_intermediate(issuer, policy, Position::Issuer(1), at)
}

/// What an authority between the end entity and the anchor must satisfy by itself
/// (RFC 5280 section 6.1.4 (k), (n), section 6.1.3 (a)(2)).
pub(crate) fn check_intermediate(
    issuer: &Certificate,
    policy: &PathPolicy,
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
    check_common(issuer, policy, position, at)
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
    check_names(certificate)?;
    if !certificate.is_authority() && certificate.key_usage().is_some_and(KeyUsage::key_cert_sign) {
        // RFC 5280 section 4.2.1.9: only an authority's key signs certificates.
        return Err(Error::KeyUsageWrong { position });
    }
    check_validity(certificate, position, at)?;
    let floor = policy.algorithm_floor;
    floor.check_signature_algorithm(certificate.signature_algorithm(), position)?;
    floor.check_key(certificate, position)
}

/// Who issued it and for whom must be said somewhere (RFC 5280 sections 4.1.2.4 and 4.1.2.6), and
/// only an authority constrains names (section 4.2.1.10).
fn check_names(certificate: &Certificate) -> Result<(), Error> {
    let names = certificate.name_forms();
    let malformed = |reason| Err(Error::CertificateMalformed(reason));
    if certificate.issuer().relative_names().next().is_none() {
        return malformed("its issuer has no name");
    }
    let is_nameless = certificate.subject().relative_names().next().is_none();
    if is_nameless && (certificate.is_authority() || !names.has_critical_alternative_name) {
        return malformed("its subject has no name");
    }
    if names.has_constraints && !certificate.is_authority() {
        return malformed("it constrains names and is no authority");
    }
    Ok(())
}

fn has_positive_serial(certificate: &Certificate) -> bool {
    let serial = certificate.serial();
    let is_negative = serial.first().is_some_and(|first| first & 0x80 != 0);
    !is_negative && serial.iter().any(|byte| *byte != 0)
}

/// Certificates know whole seconds only, so the last of a validity lasts until the next begins.
fn floor_to_second(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_nanosecond(0).unwrap_or(at)
}

/// Validity includes both of its ends (RFC 5280 section 4.1.2.5).
pub(crate) fn check_validity(
    certificate: &Certificate,
    position: Position,
    at: OffsetDateTime,
) -> Result<(), Error> {
    let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
    if floor_to_second(at) > not_after {
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
