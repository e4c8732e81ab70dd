//! Step 1: size and form of what the card signed. Nothing in it is believed.
//!
//! The attestation is read with the signatures: a statement that names a challenge spends it,
//! whatever comes along with it.

use cardea_assertion::{CardStatement, UnverifiedStatement};

use crate::Error;

/// A statement of the right form, and what came along with it.
pub(super) struct Shaped<'a, C> {
    pub(super) statement: UnverifiedStatement<'a, C>,
    pub(super) attestation: &'a str,
}

#[tracing::instrument(level = "debug", skip_all)]
pub(super) fn check_shape<'a, C: CardStatement>(
    statement: &'a str,
    attestation: &'a str,
) -> Result<Shaped<'a, C>, Error> {
    Ok(Shaped {
        statement: UnverifiedStatement::parse(statement)?,
        attestation,
    })
}
