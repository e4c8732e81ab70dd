//! Step 1: size and form of the assertion. Nothing in it is believed.
//!
//! The attestation is read with the signatures: an assertion that names a challenge spends it,
//! whatever comes along with it.

use cardea_assertion::UnverifiedAssertion;

use crate::Error;
use crate::authentication::LoginAttempt;

/// An assertion of the right form, and what came along with it.
pub(super) struct Shaped<'a> {
    pub(super) assertion: UnverifiedAssertion<'a>,
    pub(super) attestation: &'a str,
}

pub(super) fn check_shape(attempt: LoginAttempt<'_>) -> Result<Shaped<'_>, Error> {
    let assertion = UnverifiedAssertion::parse(attempt.assertion)?;
    Ok(Shaped {
        assertion,
        attestation: attempt.attestation,
    })
}
