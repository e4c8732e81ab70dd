//! Step 5b: the card's profile lists the algorithm that the card signed with.
//!
//! Which profile it is, the trust anchor says; until the path was validated, every algorithm that
//! one of the configured profiles lists was taken. A country's cards must not bring in the
//! algorithms of another's.

use crate::Error;
use crate::authentication::validate_path::PathValidated;
use crate::authentication::verify_signatures::SignaturesVerified;

pub(super) fn check_algorithm(
    signatures: &SignaturesVerified,
    validated: &PathValidated<'_>,
) -> Result<(), Error> {
    let algorithm = signatures.algorithm.as_str();
    let listed = validated.rules.profile.signature_algorithms();
    match listed.iter().any(|name| name == algorithm) {
        true => Ok(()),
        false => Err(Error::AssertionAlgorithmNotAccepted { algorithm }),
    }
}
