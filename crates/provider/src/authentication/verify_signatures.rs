//! Step 4: the card's key signed the assertion, and the agent's instance key countersigned it.
//!
//! Whose key the card's is, nobody knows before the next step.

use cardea_assertion::{InstanceThumbprint, VerifiedAssertion, verify_attestation};
use cardea_pki::Certificate;

use crate::authentication::check_origin::Addressed;
use crate::{Error, Provider};

/// Both signatures hold.
pub(super) struct SignaturesVerified {
    pub(super) assertion: VerifiedAssertion,
    pub(super) instance: InstanceThumbprint,
    pub(super) certificate: Certificate,
    /// What the signer sent along: candidates for the path, never trusted.
    pub(super) extra: Vec<Certificate>,
}

pub(super) fn verify_signatures(
    provider: &Provider,
    addressed: Addressed<'_>,
) -> Result<SignaturesVerified, Error> {
    let Addressed(shaped) = addressed;
    let certificate = Certificate::parse(shaped.assertion.leaf_certificate_der())?;
    let extra = shaped.assertion.chain_der().iter();
    let extra = extra
        .map(|der| Certificate::parse(der))
        .collect::<Result<Vec<_>, _>>()?;
    let key = certificate.public_key().clone();
    let assertion = shaped.assertion.verify(key, &provider.card_algorithms)?;
    let instance = verify_attestation(shaped.attestation, &assertion)?;
    Ok(SignaturesVerified {
        assertion,
        instance,
        certificate,
        extra,
    })
}
