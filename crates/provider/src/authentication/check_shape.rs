//! Step 1: size and form of what the page posted. Nothing in it is believed.

use cardea_assertion::{ATTESTATION_BYTES_MAX, Error as AssertionError, UnverifiedAssertion};

use crate::Error;
use crate::authentication::LoginAttempt;

/// Two texts of the right form.
pub(super) struct Shaped<'a> {
    pub(super) assertion: UnverifiedAssertion<'a>,
    pub(super) attestation: &'a str,
}

pub(super) fn check_shape(attempt: LoginAttempt<'_>) -> Result<Shaped<'_>, Error> {
    if attempt.attestation.is_empty() || attempt.attestation.len() > ATTESTATION_BYTES_MAX {
        let reason = "the attestation is absent or too long";
        return Err(AssertionError::Malformed { reason }.into());
    }
    let assertion = UnverifiedAssertion::parse(attempt.assertion)?;
    Ok(Shaped {
        assertion,
        attestation: attempt.attestation,
    })
}
