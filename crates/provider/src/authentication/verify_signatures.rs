//! Step 4: the card's key signed the statement, and the agent's instance key countersigned it.
//!
//! Whose key the card's is, nobody knows before the next step.

use std::sync::Arc;

use cardea_assertion::{CardStatement, InstanceThumbprint, UserVerification, verify_attestation};
use cardea_jose::Algorithm;
use cardea_pki::Certificate;

use crate::authentication::check_origin::Addressed;
use crate::card_trust::CardTrust;
use crate::{Error, Provider};

/// Both signatures hold. What the later steps need is the same for a login and a grant.
pub(super) struct SignaturesVerified {
    pub(super) algorithm: Algorithm,
    pub(super) user_verification: UserVerification,
    pub(super) presence_jkt: String,
    pub(super) instance: InstanceThumbprint,
    pub(super) certificate: Certificate,
    /// What the signer sent along: candidates for the path, never trusted.
    pub(super) extra: Vec<Certificate>,
    /// The card rules by which this statement is judged to the end.
    pub(super) trust: Arc<CardTrust>,
}

#[tracing::instrument(level = "debug", skip_all)]
pub(super) fn verify_signatures<C: CardStatement>(
    provider: &Provider,
    addressed: Addressed<'_, C>,
) -> Result<SignaturesVerified, Error> {
    let Addressed(shaped) = addressed;
    let certificate = Certificate::parse_again(shaped.statement.leaf_certificate_der())?;
    let extra = shaped.statement.chain_der().iter();
    let extra = extra
        .map(|der| Certificate::parse(der))
        .collect::<Result<Vec<_>, _>>()?;
    let key = certificate.public_key().clone();
    let trust = provider.card_trust();
    let statement = shaped.statement.verify(key, trust.algorithms())?;
    let instance = verify_attestation(shaped.attestation, &statement)?;
    Ok(SignaturesVerified {
        algorithm: statement.algorithm(),
        user_verification: statement.claims().user_verification(),
        presence_jkt: statement.claims().presence_jkt().to_owned(),
        instance,
        certificate,
        extra,
        trust,
    })
}
