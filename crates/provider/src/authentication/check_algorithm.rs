//! Step 5b: the card's profile lists the algorithm that the card signed with.
//!
//! Which profile it is, the trust anchor says; until the path was validated, every algorithm that
//! one of the configured profiles lists was taken. A country's cards must not bring in the
//! algorithms of another's.

use cardea_jose::Algorithm;
use cardea_pki::Certificate;

use crate::Error;
use crate::authentication::validate_path::PathValidated;

/// How the card's key was used.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyUse {
    /// It signed a statement with this algorithm.
    Signed(Algorithm),
    /// It answered a TLS handshake, whose schemes the listener bounds: what is left to judge is
    /// whether the profile knows keys of this kind at all.
    Handshake,
}

#[tracing::instrument(level = "debug", skip_all)]
pub(super) fn check_algorithm(
    key_use: KeyUse,
    certificate: &Certificate,
    validated: &PathValidated<'_>,
) -> Result<(), Error> {
    let listed = validated.rules.profile.signature_algorithms();
    let is_listed = |algorithm: &Algorithm| listed.iter().any(|it| it == algorithm.as_str());
    let fitting = Algorithm::for_card_key(certificate.public_key());
    let (is_accepted, algorithm) = match key_use {
        KeyUse::Signed(algorithm) => (is_listed(&algorithm), algorithm.as_str()),
        KeyUse::Handshake => (
            fitting.iter().any(is_listed),
            fitting
                .first()
                .map_or("none", |algorithm| algorithm.as_str()),
        ),
    };
    match is_accepted {
        true => Ok(()),
        false => Err(Error::AssertionAlgorithmNotAccepted { algorithm }),
    }
}
