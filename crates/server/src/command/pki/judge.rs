//! From a case to its verdict: path, revocation, profile, in this order.

use std::sync::Arc;

use cardea_pki::revocation::{UnknownStatus, check_revocation};
use cardea_pki::{
    Certificate, Error as PkiError, Evidence, Oid, PathPolicy, ProfessionalIdentity,
    RevocationPolicy, TrustStore, ValidatedPath, other_path, validate_path,
};

use super::case::{Case, Revocation};
use super::input_error::InputError;
use super::material::{Materials, NotUsed};
use super::profile_choice::{Profiles, identify};

/// What was found about a case that can be judged.
pub(super) struct Verdict {
    /// Why the certificate is not valid; `None` when it is.
    pub(super) refusal: Option<Arc<PkiError>>,
    /// The validated path, end entity first; empty when there is none.
    pub(super) path: Vec<Certificate>,
    /// The user-constrained policy set; empty unless valid.
    pub(super) policies: Vec<Oid>,
    /// Whom the profile found; only with a profile, and only when valid.
    pub(super) identity: Option<ProfessionalIdentity>,
    /// Input that could not be used, which may be why the path is refused.
    pub(super) not_used: Vec<NotUsed>,
}

/// Judges cases, and remembers the files and profiles that they share.
#[derive(Default)]
pub(super) struct Judge {
    materials: Materials,
    profiles: Profiles,
}

impl Judge {
    /// Judges one case.
    ///
    /// # Errors
    /// When there is nothing to judge.
    pub(super) fn judge(&mut self, case: &Case) -> Result<Verdict, InputError> {
        let profile = match &case.profile {
            Some((name, folder)) => Some(self.profiles.find(name, folder)?),
            None => None,
        };
        let leaf = self.materials.leaf(&case.leaf)?;
        let anchors = self.materials.anchors(&case.anchors)?;
        let intermediates = self.materials.certificates(&case.intermediates)?;
        let crls = self.materials.crls(&case.crls)?;
        let ocsp = self.materials.ocsp(&case.ocsp)?;
        let not_used = [
            anchors.not_used,
            intermediates.not_used,
            crls.not_used,
            ocsp.not_used,
        ]
        .concat();
        let mut candidates = leaf.others;
        candidates.extend(intermediates.usable);
        let evidence = Evidence {
            crls: crls.usable,
            ocsp: ocsp.usable,
            certificates: candidates.clone(),
            ..Evidence::default()
        };
        let store = TrustStore::new(anchors.usable, candidates);
        let policy = path_policy_of(case);
        let path = leaf
            .certificate
            .and_then(|leaf| validate_path(&leaf, &[], &store, &policy, case.at).map_err(Arc::new));
        let mut path = match path {
            Ok(path) => path,
            Err(error) => return Ok(refused(error, Vec::new(), not_used)),
        };
        let mut revocation = check_revocation_of(&path, &evidence, case);
        if let Err(refusal) = &revocation
            && let Some(other) = other_path(&path, refusal, &[], &store, &policy)
        {
            let judged = check_revocation_of(&other, &evidence, case);
            // "Revoked" says more than whatever keeps the other path from being used.
            if judged.is_ok() || !matches!(refusal, PkiError::CertificateRevoked { .. }) {
                revocation = judged;
                path = other;
            }
        }
        let identity = revocation.and_then(|()| profile.map(|it| identify(&it, &path)).transpose());
        Ok(match identity {
            Ok(identity) => Verdict {
                refusal: None,
                path: path.certificates().to_vec(),
                policies: path.policies().to_vec(),
                identity,
                not_used,
            },
            Err(error) => refused(Arc::new(error), path.certificates().to_vec(), not_used),
        })
    }
}

fn refused(error: Arc<PkiError>, path: Vec<Certificate>, not_used: Vec<NotUsed>) -> Verdict {
    Verdict {
        refusal: Some(error),
        path,
        policies: Vec::new(),
        identity: None,
        not_used,
    }
}

/// With a profile the path must do for a login; without one it is plain RFC 5280.
fn path_policy_of(case: &Case) -> PathPolicy {
    let base = match case.profile {
        Some(_) => PathPolicy::login(),
        None => PathPolicy::rfc5280(),
    };
    PathPolicy {
        certificate_policies: case.policies.clone(),
        ..base
    }
}

fn check_revocation_of(
    path: &ValidatedPath,
    evidence: &Evidence,
    case: &Case,
) -> Result<(), PkiError> {
    match case.revocation {
        Revocation::Off => Ok(()),
        Revocation::Hard => {
            check_revocation(path, evidence, &windows_alone(), case.at).map(|_good| ())
        }
    }
}

/// Evidence counts from `thisUpdate` to `nextUpdate` and not a second longer. An operator's limits
/// on its age have no say here: a case of years ago must be judged as of then.
fn windows_alone() -> RevocationPolicy {
    RevocationPolicy {
        clock_skew_seconds: 0,
        crl_age_seconds_max: u32::MAX,
        authority_crl_age_seconds_max: u32::MAX,
        crl_grace_seconds: 0,
        ocsp_age_seconds_max: u32::MAX,
        unknown_status: UnknownStatus::Deny,
        ..RevocationPolicy::default()
    }
}
