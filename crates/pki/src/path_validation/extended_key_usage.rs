//! Extended key usage along the path (RFC 5280 section 4.2.1.12).

use crate::policy::{ExtendedKeyUsageChaining, PathPolicy, Purpose};
use crate::{Certificate, Error, Oid, Position, key_usage};

/// Whether the authorities' extended key usages, the anchor's included, let this path serve the
/// purpose.
pub(super) fn check(candidate: &[Certificate], policy: &PathPolicy) -> Result<(), Error> {
    match (policy.extended_key_usage_chaining, policy.purpose) {
        (ExtendedKeyUsageChaining::EndEntityOnly, _) => Ok(()),
        (ExtendedKeyUsageChaining::Enforced, Purpose::ClientAuthentication) => {
            check_purpose(candidate, key_usage::CLIENT_AUTH)
        }
        (ExtendedKeyUsageChaining::Enforced, Purpose::Any) => check_some_purpose(candidate),
    }
}

fn check_purpose(candidate: &[Certificate], purpose: &str) -> Result<(), Error> {
    for (depth, issuer) in candidate.iter().enumerate().skip(1) {
        if limits_of(issuer).is_some_and(|allowed| !allowed.iter().any(|oid| oid == purpose)) {
            return Err(wrong_at(depth));
        }
    }
    Ok(())
}

/// At least one purpose must be left that every certificate allows.
fn check_some_purpose(candidate: &[Certificate]) -> Result<(), Error> {
    let mut left: Option<Vec<&Oid>> = None;
    for (depth, certificate) in candidate.iter().enumerate() {
        let Some(allowed) = limits_of(certificate) else {
            continue;
        };
        let remaining: Vec<&Oid> = allowed
            .iter()
            .filter(|oid| left.as_ref().is_none_or(|left| left.contains(oid)))
            .collect();
        if remaining.is_empty() {
            return Err(wrong_at(depth));
        }
        left = Some(remaining);
    }
    Ok(())
}

/// The purposes a certificate is limited to, if it is limited at all.
fn limits_of(certificate: &Certificate) -> Option<&[Oid]> {
    certificate
        .extended_key_usage()
        .filter(|purposes| !purposes.iter().any(|oid| oid == key_usage::ANY_PURPOSE))
}

fn wrong_at(depth: usize) -> Error {
    Error::ExtendedKeyUsageWrong {
        position: Position::from_depth(depth),
    }
}
