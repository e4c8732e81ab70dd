//! Roll-back protection: a CRL older than one already seen is not believed.

use super::crl::{Crl, CrlNumber};
use crate::{AlgorithmFloor, Certificate, Error, Position};
use std::collections::BTreeMap;

/// The highest CRL number seen from each issuer's key and scope.
///
/// An attacker on the way to the CRL server can replay an old list on which a stolen card is not
/// yet revoked; the number (RFC 5280 section 5.2.3) tells. The caller keeps this value between
/// checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrlNumbersSeen {
    numbers: BTreeMap<Vec<u8>, CrlNumber>,
}

impl CrlNumbersSeen {
    /// Remembers the number of a CRL that `issuer` signed.
    ///
    /// # Errors
    /// [`Error::CrlRolledBack`] when a higher number is known, which deserves an alarm; what is
    /// remembered stays. [`Error::CrlMalformed`] when the CRL is not the issuer's: a forged list
    /// must not push the number up.
    pub fn note(&mut self, crl: &Crl, issuer: &Certificate) -> Result<(), Error> {
        if !crl.is_signed_by(issuer, AlgorithmFloor::Current)? {
            return Err(Error::CrlMalformed("it is not signed by this issuer"));
        }
        if self.is_rolled_back(crl, issuer) {
            return Err(Error::CrlRolledBack {
                position: Position::EndEntity,
            });
        }
        if let Some(number) = crl.number() {
            self.numbers.insert(crl.scope_key(issuer), number.clone());
        }
        Ok(())
    }

    /// Whether a higher number is known from the same issuer and scope. A list without a number
    /// after one with a number counts as rolled back.
    pub(super) fn is_rolled_back(&self, crl: &Crl, issuer: &Certificate) -> bool {
        let seen = self.numbers.get(&crl.scope_key(issuer));
        seen.is_some_and(|seen| crl.number().is_none_or(|number| number < seen))
    }
}
