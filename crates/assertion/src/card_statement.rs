//! What every statement that a card signs has in common, and what tells the kinds apart.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::card_grant::{GrantAttestationClaims, GrantClaims};
use crate::step_up::{StepUpAttestationClaims, StepUpClaims};
use crate::{
    ASSERTION_TYP, ATTESTATION_TYP, AssertionClaims, AttestationClaims, Error,
    GRANT_ATTESTATION_TYP, GRANT_TYP, STEP_UP_ATTESTATION_TYP, STEP_UP_TYP, UserVerification,
    VerifiedStatement,
};

/// A kind of statement that a card signs. There are three, a login's, a grant's and a step-up's,
/// and each has a `typ` of its own, so that none passes for another.
pub trait CardStatement: Serialize + DeserializeOwned + sealed::Sealed {
    /// What the agent's countersignature of this kind says.
    type Attestation: DeserializeOwned;
    /// `typ` of the statement.
    const TYP: &'static str;
    /// `typ` of its countersignature.
    const ATTESTATION_TYP: &'static str;

    /// Checks what the claims say about themselves and about the certificate that came along.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    fn check_form(&self, leaf_certificate_der: &[u8]) -> Result<(), Error>;
    /// How the person was verified.
    fn user_verification(&self) -> UserVerification;
    /// Thumbprint of the presence key: a fresh one, or for a step-up the session's own.
    fn presence_jkt(&self) -> &str;
    /// Thumbprint of the agent's instance key.
    fn instance_jkt(&self) -> &str;
    /// Whether a countersignature speaks of this very statement.
    fn is_attested_by(statement: &VerifiedStatement<Self>, attestation: &Self::Attestation)
    -> bool;
    /// What the agent instance calls itself in its countersignature.
    fn instance_name(attestation: &Self::Attestation) -> Option<&str>;
    /// What it calls the reader, where this kind of statement says so.
    fn reader_name(_: &Self::Attestation) -> Option<&str> {
        None
    }
}

impl CardStatement for AssertionClaims {
    type Attestation = AttestationClaims;
    const TYP: &'static str = ASSERTION_TYP;
    const ATTESTATION_TYP: &'static str = ATTESTATION_TYP;

    fn check_form(&self, _: &[u8]) -> Result<(), Error> {
        Ok(())
    }

    fn user_verification(&self) -> UserVerification {
        self.uv
    }

    fn presence_jkt(&self) -> &str {
        &self.cnf.jkt
    }

    fn instance_jkt(&self) -> &str {
        &self.instance_jkt
    }

    fn is_attested_by(
        statement: &VerifiedStatement<Self>,
        attestation: &AttestationClaims,
    ) -> bool {
        statement.has_hash(&attestation.assertion)
            && attestation.origin == statement.claims().origin
            && attestation.uv == statement.claims().uv
    }

    fn instance_name(attestation: &AttestationClaims) -> Option<&str> {
        attestation.instance_name.as_deref()
    }

    fn reader_name(attestation: &AttestationClaims) -> Option<&str> {
        attestation.reader_name.as_deref()
    }
}

impl CardStatement for GrantClaims {
    type Attestation = GrantAttestationClaims;
    const TYP: &'static str = GRANT_TYP;
    const ATTESTATION_TYP: &'static str = GRANT_ATTESTATION_TYP;

    fn check_form(&self, leaf_certificate_der: &[u8]) -> Result<(), Error> {
        self.check(leaf_certificate_der)
    }

    fn user_verification(&self) -> UserVerification {
        self.uv
    }

    fn presence_jkt(&self) -> &str {
        &self.cnf.jkt
    }

    fn instance_jkt(&self) -> &str {
        &self.instance_jkt
    }

    fn is_attested_by(
        statement: &VerifiedStatement<Self>,
        attestation: &GrantAttestationClaims,
    ) -> bool {
        statement.has_hash(&attestation.grant) && attestation.uv == statement.claims().uv
    }

    fn instance_name(attestation: &GrantAttestationClaims) -> Option<&str> {
        attestation.instance_name.as_deref()
    }
}

impl CardStatement for StepUpClaims {
    type Attestation = StepUpAttestationClaims;
    const TYP: &'static str = STEP_UP_TYP;
    const ATTESTATION_TYP: &'static str = STEP_UP_ATTESTATION_TYP;

    fn check_form(&self, _: &[u8]) -> Result<(), Error> {
        self.check()
    }

    fn user_verification(&self) -> UserVerification {
        self.uv
    }

    fn presence_jkt(&self) -> &str {
        &self.presence
    }

    fn instance_jkt(&self) -> &str {
        &self.instance_jkt
    }

    fn is_attested_by(
        statement: &VerifiedStatement<Self>,
        attestation: &StepUpAttestationClaims,
    ) -> bool {
        statement.has_hash(&attestation.step_up) && attestation.uv == statement.claims().uv
    }

    /// The session's login has named it already.
    fn instance_name(_: &StepUpAttestationClaims) -> Option<&str> {
        None
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::AssertionClaims {}
    impl Sealed for crate::GrantClaims {}
    impl Sealed for crate::StepUpClaims {}
}
