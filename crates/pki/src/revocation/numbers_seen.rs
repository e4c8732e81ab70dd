//! Roll-back protection: a CRL older than one already seen is not believed.

use super::crl::{Crl, CrlNumber};
use crate::{AlgorithmFloor, Certificate, Error, Position};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The highest CRL number seen from each issuer's key and scope.
///
/// An attacker on the way to the CRL server can replay an old list on which a stolen card is not
/// yet revoked; the number (RFC 5280 section 5.2.3) tells. The caller keeps this value between
/// checks, and between runs as [text](Self::to_text). Complete and delta lists of one scope share
/// one sequence of numbers but not one publication, so each kind is remembered for itself.
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

    /// One line for each issuer and scope, to be kept between runs: their digest and the number,
    /// in hexadecimal.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (scope, number) in &self.numbers {
            push_hexadecimal(&mut text, scope);
            text.push(' ');
            push_hexadecimal(&mut text, number.as_be_bytes());
            text.push('\n');
        }
        text
    }

    /// Reads what [`CrlNumbersSeen::to_text`] wrote. A scope given twice keeps its higher number.
    ///
    /// # Errors
    /// [`Error::CrlMalformed`] when any line is not such a line: whoever cannot read the numbers
    /// must say so, not begin anew.
    pub fn parse_text(text: &str) -> Result<Self, Error> {
        const UNREADABLE: Error = Error::CrlMalformed("the numbers seen are not readable");
        let mut seen = Self::default();
        for line in text.lines() {
            let (scope, number) = line.split_once(' ').ok_or(UNREADABLE)?;
            let scope = parse_hexadecimal(scope)
                .filter(|scope| scope.len() == SCOPE_KEY_BYTES)
                .ok_or(UNREADABLE)?;
            let number = parse_hexadecimal(number).ok_or(UNREADABLE)?;
            let number = CrlNumber::from_be_bytes(&number);
            let kept = seen.numbers.entry(scope).or_insert_with(|| number.clone());
            if *kept < number {
                *kept = number;
            }
        }
        Ok(seen)
    }

    /// Whether a higher number is known from the same issuer and scope. A list without a number
    /// after one with a number counts as rolled back.
    pub(super) fn is_rolled_back(&self, crl: &Crl, issuer: &Certificate) -> bool {
        let seen = self.numbers.get(&crl.scope_key(issuer));
        seen.is_some_and(|seen| crl.number().is_none_or(|number| number < seen))
    }
}

/// SHA-256 of an issuer's key and a scope.
const SCOPE_KEY_BYTES: usize = 32;

fn push_hexadecimal(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
}

fn parse_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect();
    let (pairs, []) = digits.as_deref()?.as_chunks::<2>() else {
        return None;
    };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
