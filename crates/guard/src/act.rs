//! One act at a service: who, when, from where, and about whom.

use serde::{Deserialize, Serialize};

/// One act at a service, stated by the portal's adapter and bound to a verified token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// When, in milliseconds of Unix time. The guard reads no clock.
    pub at: i64,
    /// Who: the token's subject.
    pub subject: String,
    /// The subject's profession as the token names it; unknown ones fall to `default`.
    pub profession: Option<String>,
    /// Which service; unknown ones fall to `default`.
    pub service: String,
    /// What was done.
    pub kind: Kind,
    /// Whether a person acts, or a service without one.
    pub actor: Actor,
    /// The session, opaque.
    pub session: String,
    /// The workstation or network that it comes from, opaque; empty where it is not known.
    pub source: String,
    /// Every patient that the answer names, and an entry for a miss.
    pub patients: Vec<Patient>,
    /// Whether the portal proved that the patient is there (already verified).
    pub patient_present: bool,
    /// The portal's adapter saw numbers in sequence or by steps of the check digit.
    pub sequence: bool,
    /// Whether something was done with what was looked up; `None` where the portal does not say.
    pub follow_up: Option<bool>,
}

impl Act {
    /// A look-up of one patient by a person, at time zero, from nowhere: set what is known.
    #[must_use]
    pub fn look_up(subject: &str, service: &str, patient: Patient) -> Self {
        Self {
            at: 0,
            subject: subject.to_owned(),
            profession: None,
            service: service.to_owned(),
            kind: Kind::LookUp,
            actor: Actor::Person,
            session: String::new(),
            source: String::new(),
            patients: vec![patient],
            patient_present: false,
            sequence: false,
            follow_up: None,
        }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something was read about a patient.
    #[default]
    LookUp,
    /// Something was written or issued in the practitioner's name.
    Write,
}

/// Who acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person, by a card.
    #[default]
    Person,
    /// A service that runs unattended (`client_credentials`): no card can be asked of it.
    Service,
}

/// A patient's pseudonym, as the number that the guard counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Patient(u64);

impl Patient {
    /// Takes a pseudonym as the portal's adapter made it.
    ///
    /// The number is the same in every process, so that guards can share it. It is no secret and
    /// withstands nobody: what does is the key under which the adapter made the pseudonym.
    #[must_use]
    pub fn from_pseudonym(pseudonym: &str) -> Self {
        Self(number_of(pseudonym.as_bytes()))
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

/// The text's words multiplied in, then MurmurHash3's finalizer, so that every bit of the text
/// moves every bit of it.
pub(crate) fn number_of(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let length = u64::try_from(bytes.len()).unwrap_or(0);
    let mut hash = round(0xcbf2_9ce4_8422_2325, length);
    for word in words {
        hash = round(hash, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    hash = round(hash, u64::from_le_bytes(last));
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// No two words make the same of a number, and no two numbers the same with a word.
fn round(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ (product >> 32)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::number_of;

    #[test]
    fn texts_that_differ_anywhere_have_other_numbers_and_every_bit_moves() {
        let mut numbers = HashSet::new();
        let mut moved = 0_u32;
        for length in 0..64 {
            let text = vec![0_u8; length];
            assert!(numbers.insert(number_of(&text)));
            for place in 0..length {
                for bit in 0..8 {
                    let mut other = text.clone();
                    other[place] ^= 1 << bit;
                    assert!(numbers.insert(number_of(&other)));
                    moved += (number_of(&other) ^ number_of(&text)).count_ones();
                }
            }
        }
        let texts = u32::try_from(numbers.len()).unwrap() - 64;
        assert!((31..=33).contains(&(moved / texts)), "{moved} of {texts}");
    }
}
