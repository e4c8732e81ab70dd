//! OpenSSL's verification of one candidate path against one anchor.

use super::{AnchorStores, self_issued};
use crate::path_edges::{self, PathEdges};
use crate::policy::{Conformance, ExplicitPolicy, Inhibit, PathPolicy};
use crate::{Certificate, Error, Oid, Position, accepted_policies, name, openssl_errors};
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509StoreContext, X509StoreContextRef, X509VerifyResult};
use openssl_sys as ffi;

/// What OpenSSL said, and whether it followed the path that it was given.
struct Verdict {
    result: X509VerifyResult,
    depth: usize,
    followed_path: bool,
    policies: Vec<Oid>,
}

/// Verifies signatures, constraints, policies and security level of exactly this path, and returns
/// its user-constrained policy set. `signed` says of each certificate below the anchor whether its
/// signature has been checked before; `stores` are those of the trust store that has the anchor.
pub(super) fn verify(
    candidate: &[Certificate],
    signed: &[bool],
    policy: &PathPolicy,
    stores: &AnchorStores,
) -> Result<Vec<Oid>, Error> {
    let untrusted = || Error::UntrustedAnchor {
        same_name_issuers: 1,
    };
    let Some(anchor) = candidate.last() else {
        return Err(untrusted());
    };
    check_name_chaining(candidate)?;
    check_right_to_sign(candidate)?;
    let store = stores.find_or_make(anchor, policy, store_of)?;
    let shown = shown_to_openssl(candidate)?;
    let [end_entity, intermediates @ .., _] = shown.as_slice() else {
        return Err(untrusted());
    };
    let mut chain = Stack::<X509>::new()?;
    for intermediate in intermediates {
        chain.push(intermediate.clone())?;
    }
    let path = candidate.iter().map(Certificate::openssl).collect();
    let edges = PathEdges::new(path, &shown, signed);
    let verdict = X509StoreContext::new()?.init(&store, end_entity, &chain, |context| {
        path_edges::with_edges(context, &edges, |context| run_verification(context, &edges))
    })?;
    if verdict.result != X509VerifyResult::OK {
        return Err(refusal(&verdict, candidate));
    }
    if !verdict.followed_path {
        return Err(untrusted());
    }
    Ok(verdict.policies)
}

/// The path's certificates; below the anchor with copies in the place of those that OpenSSL would
/// misread.
fn shown_to_openssl(candidate: &[Certificate]) -> Result<Vec<X509>, Error> {
    let anchor_depth = candidate.len().saturating_sub(1);
    let mut shown = Vec::with_capacity(candidate.len());
    for (depth, certificate) in candidate.iter().enumerate() {
        let stand_in = if depth == anchor_depth {
            None
        } else {
            self_issued::stand_in(certificate)?
        };
        shown.push(stand_in.unwrap_or_else(|| certificate.to_openssl()));
    }
    Ok(shown)
}

/// Each issuer name is the next certificate's subject (RFC 5280 section 6.1.3 (a)(4)). OpenSSL
/// leaves this to the choice of issuers, which is ours.
fn check_name_chaining(candidate: &[Certificate]) -> Result<(), Error> {
    for (subject, issuer) in candidate.iter().zip(candidate.iter().skip(1)) {
        let (wanted, given) = (subject.openssl().issuer_name(), issuer.openssl());
        if !name::names_match(wanted, given.subject_name())? {
            return Err(Error::UntrustedAnchor {
                same_name_issuers: 0,
            });
        }
    }
    Ok(())
}

/// Each issuer's key may sign certificates, the anchor's included (RFC 5280 section 6.1.4 (n)).
fn check_right_to_sign(candidate: &[Certificate]) -> Result<(), Error> {
    for (depth, issuer) in candidate.iter().enumerate().skip(1) {
        let usage = issuer.key_usage();
        if usage.is_some_and(|usage| !usage.key_cert_sign()) {
            return Err(Error::KeyUsageWrong {
                position: Position::from_depth(depth),
            });
        }
    }
    Ok(())
}

fn run_verification(
    context: &mut X509StoreContextRef,
    edges: &PathEdges<'_>,
) -> Result<Verdict, ErrorStack> {
    let verified = match (context.verify_cert(), context.error()) {
        // OpenSSL calls a path whose policies outgrow its bounds a fault; it is a refused path.
        (Err(_), result) if result != X509VerifyResult::OK => false,
        (verified, _) => verified?,
    };
    openssl_errors::forget();
    // Guards against a failed verification that left no error behind.
    let result = match (verified, context.error()) {
        (false, X509VerifyResult::OK) => X509VerifyResult::APPLICATION_VERIFICATION,
        (_, result) => result,
    };
    Ok(Verdict {
        result,
        depth: usize::try_from(context.error_depth()).unwrap_or(usize::MAX),
        followed_path: context
            .chain()
            .is_some_and(|chain| edges.are_those_of(chain)),
        policies: accepted_policies::user_constrained(context),
    })
}

/// A store that trusts one anchor. Partial chains make a non-self-signed anchor possible: what
/// is configured is trusted for its key, not for being self-signed (RFC 5280 section 6.1).
///
/// OpenSSL does not look at validity: `check_validity` has judged every certificate of the path at
/// the given time, while OpenSSL would count the last second of a validity as expired.
fn store_of(anchor: &Certificate, policy: &PathPolicy) -> Result<X509Store, ErrorStack> {
    let mut param = X509VerifyParam::new()?;
    let mut flags = X509VerifyFlags::NO_CHECK_TIME
        | X509VerifyFlags::PARTIAL_CHAIN
        | X509VerifyFlags::TRUSTED_FIRST
        | X509VerifyFlags::POLICY_CHECK;
    if policy.conformance == Conformance::Strict {
        flags |= X509VerifyFlags::X509_STRICT;
    }
    let inputs = &policy.certificate_policies;
    if inputs.explicit_policy == ExplicitPolicy::Required {
        flags |= X509VerifyFlags::EXPLICIT_POLICY;
    }
    if inputs.policy_mapping == Inhibit::FromTheStart {
        flags |= X509VerifyFlags::INHIBIT_MAP;
    }
    if inputs.any_policy == Inhibit::FromTheStart {
        flags |= X509VerifyFlags::INHIBIT_ANY;
    }
    param.set_flags(flags)?;
    param.set_auth_level(policy.algorithm_floor.openssl_security_level());
    // A common name is no domain name, whatever it looks like (RFC 5280 section 4.2.1.10).
    param.set_hostflags(X509CheckFlags::NEVER_CHECK_SUBJECT);
    // Without any initial policy OpenSSL leaves the resulting set empty.
    if inputs.initial.is_empty() {
        accepted_policies::add_initial(&mut param, &Oid::any_policy())?;
    }
    for oid in &inputs.initial {
        accepted_policies::add_initial(&mut param, oid)?;
    }
    let mut builder = X509StoreBuilder::new()?;
    path_edges::follow_given_edges(&mut builder);
    builder.add_cert(anchor.to_openssl())?;
    builder.set_param(&param)?;
    Ok(builder.build())
}

/// OpenSSL's result as an error of ours.
fn refusal(verdict: &Verdict, candidate: &[Certificate]) -> Error {
    let position = Position::from_depth(verdict.depth);
    let certificate = candidate.get(verdict.depth);
    match (verdict.result.as_raw(), certificate) {
        (
            ffi::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
            | ffi::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
            | ffi::X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE
            | ffi::X509_V_ERR_CERT_SIGNATURE_FAILURE
            | ffi::X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
            | ffi::X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN
            | ffi::X509_V_ERR_CERT_UNTRUSTED,
            _,
        ) => Error::UntrustedAnchor {
            same_name_issuers: 1,
        },
        (ffi::X509_V_ERR_INVALID_CA, _) => Error::IssuerNotAuthority { position },
        (ffi::X509_V_ERR_PATH_LENGTH_EXCEEDED, _) => Error::PathLengthExceeded { position },
        (ffi::X509_V_ERR_INVALID_PURPOSE, _) => Error::ExtendedKeyUsageWrong { position },
        (ffi::X509_V_ERR_KEYUSAGE_NO_CERTSIGN, _) => Error::KeyUsageWrong { position },
        (
            ffi::X509_V_ERR_PERMITTED_VIOLATION
            | ffi::X509_V_ERR_EXCLUDED_VIOLATION
            | ffi::X509_V_ERR_SUBTREE_MINMAX
            | ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE
            | ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX
            | ffi::X509_V_ERR_UNSUPPORTED_NAME_SYNTAX,
            _,
        ) => Error::NameConstraintViolated { position },
        // Deliberate: OpenSSL's list of extensions that may be critical is short. It lacks three
        // that RFC 5280 asks to be non-critical (issuerAltName 4.2.1.7, freshestCRL 4.2.1.15,
        // authorityInfoAccess 4.2.2.1), although Cardea reads the latter two. Accepting them would
        // mean to ignore OpenSSL's word on extensions, for certificates that no issuer may make.
        (ffi::X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, _) => {
            Error::CriticalExtensionUnknown { position }
        }
        // Its name for policies that outgrow its bounds, and for any other failure to judge them;
        // a real lack of memory ends the program elsewhere.
        (
            ffi::X509_V_ERR_OUT_OF_MEM
            | ffi::X509_V_ERR_NO_EXPLICIT_POLICY
            | ffi::X509_V_ERR_INVALID_POLICY_EXTENSION,
            _,
        ) => Error::PolicyRefused { position },
        (ffi::X509_V_ERR_EE_KEY_TOO_SMALL | ffi::X509_V_ERR_CA_KEY_TOO_SMALL, _) => {
            Error::KeyRefused {
                position,
                reason: "the key is too weak",
            }
        }
        (ffi::X509_V_ERR_CA_MD_TOO_WEAK, Some(certificate)) => Error::SignatureAlgorithmRefused {
            position,
            algorithm: certificate.signature_algorithm().to_string(),
        },
        _ => Error::PathRefused {
            position,
            reason: verdict.result.error_string(),
        },
    }
}
