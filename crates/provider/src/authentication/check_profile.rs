//! Step 7: the certificate is a professional's card of a kind that the operator accepts.

use cardea_pki::ProfessionalIdentity;
use cardea_pki::profile::cps;

use crate::Error;
use crate::authentication::validate_path::PathValidated;

pub(super) fn check_profile(validated: &PathValidated<'_>) -> Result<ProfessionalIdentity, Error> {
    Ok(cps::check_profile(
        &validated.path,
        &validated.rules.profile_policy,
    )?)
}
