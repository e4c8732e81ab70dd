//! Roll-back protection: a CRL older than one already seen is not believed.

use super::crl::{Crl, CrlNumber};
use crate::{AlgorithmFloor, Certificate, Error, Position};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use time::OffsetDateTime;

/// The highest CRL number and the latest `thisUpdate` seen from each issuer's key and scope.
///
/// An attacker on the way to the CRL server can replay an old list on which a stolen card is not
/// yet revoked; the number (RFC 5280 section 5.2.3) tells, and where lists have none, the time of
/// issue does. The caller keeps this value between checks, and between runs as
/// [text](Self::to_text). Complete and delta lists of one scope share one sequence of numbers but
/// not one publication, so each kind is remembered for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrlNumbersSeen {
    marks: BTreeMap<Vec<u8>, Mark>,
}

/// How far one series of lists has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Mark {
    number: Option<CrlNumber>,
    this_update: Option<OffsetDateTime>,
}

/// Names the series that a list belongs to: lists of one issuer, signed with one key, of one scope
/// and one kind (complete or delta). Only within a series does a later list replace an earlier
/// one; a list of another series, however genuine, speaks beside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CrlSeries(Vec<u8>);

impl CrlSeries {
    /// The series of a list that `signer` is known to have signed.
    #[must_use]
    pub fn of(crl: &Crl, signer: &Certificate) -> Self {
        let mut name = crl.scope_key(signer);
        name.extend_from_slice(crl.issuer().to_string().as_bytes());
        Self(name)
    }

    /// The same for the same series, and for no other.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl CrlNumbersSeen {
    /// Remembers the number and the time of a CRL that `issuer` signed.
    ///
    /// # Errors
    /// [`Error::CrlRolledBack`] when a higher number or a later time is known, which deserves an
    /// alarm; what is remembered stays. [`Error::CrlMalformed`] when the CRL is not the issuer's: a
    /// forged list must not push the number up.
    pub fn note(&mut self, crl: &Crl, issuer: &Certificate) -> Result<(), Error> {
        if !crl.is_signed_by(issuer, AlgorithmFloor::Current)? {
            return Err(Error::CrlMalformed("it is not signed by this issuer"));
        }
        if self.is_rolled_back(crl, issuer) {
            return Err(Error::CrlRolledBack {
                position: Position::EndEntity,
            });
        }
        let mark = Mark {
            number: crl.number().cloned(),
            this_update: Some(crl.this_update()),
        };
        self.marks
            .entry(crl.scope_key(issuer))
            .or_default()
            .raise(mark);
        Ok(())
    }

    /// One line for each issuer and scope, to be kept between runs: their digest and the number in
    /// hexadecimal, `-` where lists have none, and the time in seconds since 1970.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (scope, mark) in &self.marks {
            push_hexadecimal(&mut text, scope);
            text.push(' ');
            match &mark.number {
                Some(number) => push_hexadecimal(&mut text, number.as_be_bytes()),
                None => text.push_str(NO_NUMBER),
            }
            if let Some(this_update) = mark.this_update {
                // Writing into a string cannot fail.
                let _ = write!(text, " {}", this_update.unix_timestamp());
            }
            text.push('\n');
        }
        text
    }

    /// Reads what [`CrlNumbersSeen::to_text`] wrote. A scope given twice keeps what is higher.
    ///
    /// # Errors
    /// [`Error::CrlMalformed`] when any line is not such a line: whoever cannot read the numbers
    /// must say so, not begin anew.
    pub fn parse_text(text: &str) -> Result<Self, Error> {
        const UNREADABLE: Error = Error::CrlMalformed("the numbers seen are not readable");
        let mut seen = Self::default();
        for line in text.lines() {
            let (scope, mark) = parse_line(line).ok_or(UNREADABLE)?;
            seen.marks.entry(scope).or_default().raise(mark);
        }
        Ok(seen)
    }

    /// Whether a higher number or a later time is known from the same issuer and scope. A list
    /// without a number after one with a number counts as rolled back.
    pub(super) fn is_rolled_back(&self, crl: &Crl, issuer: &Certificate) -> bool {
        let Some(seen) = self.marks.get(&crl.scope_key(issuer)) else {
            return false;
        };
        crl.number() < seen.number.as_ref() || Some(crl.this_update()) < seen.this_update
    }
}

impl Mark {
    fn raise(&mut self, other: Self) {
        self.number = self.number.take().max(other.number);
        self.this_update = self.this_update.max(other.this_update);
    }
}

fn parse_line(line: &str) -> Option<(Vec<u8>, Mark)> {
    let mut fields = line.split(' ');
    let scope = parse_hexadecimal(fields.next()?).filter(|scope| scope.len() == SCOPE_KEY_BYTES)?;
    let number = match fields.next()? {
        NO_NUMBER => None,
        digits => Some(CrlNumber::from_be_bytes(&parse_hexadecimal(digits)?)),
    };
    let this_update = match fields.next() {
        Some(seconds) => Some(OffsetDateTime::from_unix_timestamp(seconds.parse().ok()?).ok()?),
        None => None,
    };
    let mark = Mark {
        number,
        this_update,
    };
    fields.next().is_none().then_some((scope, mark))
}

/// Stands where lists have no number.
const NO_NUMBER: &str = "-";
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
