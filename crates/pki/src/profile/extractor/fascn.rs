//! The Federal Agency Smart Credential Number of United States identity cards.
//!
//! 25 bytes are 40 groups of five bits: a decimal digit or separator, its least significant bit
//! first, and an odd parity bit. The last group is the exclusive-or of all before it ("Technical
//! Implementation Guidance: Smart Card Enabled Physical Access Control Systems", section 2.1, to
//! which NIST SP 800-73 refers).

use serde::Deserialize;

/// Bytes of an encoded FASC-N.
const FASCN_BYTES: usize = 25;
/// A decimal digit and its parity bit.
const GROUP_BITS: usize = 5;
/// What stands in each group: start and end sentinels `<` and `>`, field separators `=`, the
/// check digit `!`, and a letter for each digit of a field.
const LAYOUT: &str = "<aaaa=ssss=cccccc=r=i=ppppppppppkoooox>!";
const AGENCY: char = 'a';
const SYSTEM: char = 's';
const CREDENTIAL: char = 'c';
const SERIES: char = 'r';
const ISSUE: char = 'i';
const PERSON: char = 'p';
const ORGANIZATIONAL_CATEGORY: char = 'k';
const ORGANIZATIONAL_IDENTIFIER: char = 'o';
/// The agency code of issuers outside the federal government: all share it, so a number with it
/// tells nobody apart.
const NON_FEDERAL_AGENCY: &str = "9999";

/// What a profile reads of a FASC-N.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::profile) enum FascnPart {
    /// The person: organizational category, organizational identifier and person identifier.
    Person,
    /// The card: agency, system and credential number, credential series and issue.
    Credential,
    /// The agency that issued it.
    Agency,
}

/// A decoded FASC-N whose parity bits, separators and check digit hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fascn {
    /// Each digit with the letter of its field.
    digits: Vec<(char, char)>,
}

impl Fascn {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() != FASCN_BYTES {
            return Err("the FASC-N is not 25 bytes long");
        }
        let groups = groups(bytes)?;
        if groups.iter().fold(0, |sum, value| sum ^ value) != 0 {
            return Err("the FASC-N has a wrong check digit");
        }
        let mut digits = Vec::new();
        for (place, value) in LAYOUT.chars().zip(groups) {
            let fits = match place {
                '<' => value == 0xb,
                '=' => value == 0xd,
                '>' => value == 0xf,
                '!' => true,
                field => char::from_digit(value.into(), 10)
                    .map(|digit| digits.push((field, digit)))
                    .is_some(),
            };
            if !fits {
                return Err("the FASC-N has a separator or digit out of place");
            }
        }
        Ok(Self { digits })
    }

    /// A part of the number; nothing where it tells nobody apart, because the issuer has no
    /// agency code or gives no person identifiers.
    pub(super) fn part(&self, part: FascnPart) -> Option<String> {
        let agency = self.field(AGENCY);
        if agency == NON_FEDERAL_AGENCY {
            return None;
        }
        let fields: &[char] = match part {
            FascnPart::Agency => return Some(agency),
            FascnPart::Credential => &[AGENCY, SYSTEM, CREDENTIAL, SERIES, ISSUE],
            FascnPart::Person if self.field(PERSON).bytes().all(|digit| digit == b'0') => {
                return None;
            }
            FascnPart::Person => &[ORGANIZATIONAL_CATEGORY, ORGANIZATIONAL_IDENTIFIER, PERSON],
        };
        let fields: Vec<String> = fields.iter().map(|field| self.field(*field)).collect();
        Some(fields.join("-"))
    }

    fn field(&self, wanted: char) -> String {
        let of_field = self.digits.iter().filter(|(field, _)| *field == wanted);
        of_field.map(|(_, digit)| *digit).collect()
    }
}

/// The values of the groups; their parity is odd.
fn groups(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |place| (byte >> place) & 1))
        .collect();
    bits.chunks(GROUP_BITS)
        .map(|group| {
            if group.iter().sum::<u8>() % 2 == 0 {
                return Err("the FASC-N has a wrong parity bit");
            }
            let value = group.iter().take(GROUP_BITS - 1).rev();
            Ok(value.fold(0, |value, bit| (value << 1) | bit))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Fascn, FascnPart};
    use cardea_test_pki::piv::encode_fascn;

    fn bytes(hex: &str) -> Vec<u8> {
        let pairs = hex.as_bytes().chunks(2);
        pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn part(hex: &str, part: FascnPart) -> Option<String> {
        Fascn::decode(&bytes(hex)).unwrap().part(part)
    }

    /// The number of the government's own published test card.
    const FEDERAL: &str = "D13810D828AB6C10C339E5A1685A08C92ADE0A6184E739C3E7";
    /// As its published test card for issuers outside the federal government.
    const NON_FEDERAL: &str = "D4E739DA739CED39CE739DA16858210842108515CCE739B7FA";

    #[test]
    fn the_fields_of_a_published_number_are_read() {
        for (wanted, expected) in [
            (FascnPart::Agency, "4700"),
            (FascnPart::Credential, "4700-0256-001337-1-1"),
            (FascnPart::Person, "1-9999-1234567890"),
        ] {
            assert_eq!(part(FEDERAL, wanted).unwrap(), expected);
        }
    }

    #[test]
    fn a_number_that_all_issuers_share_identifies_nobody() {
        for wanted in [FascnPart::Agency, FascnPart::Credential, FascnPart::Person] {
            assert_eq!(part(NON_FEDERAL, wanted), None);
        }
    }

    #[test]
    fn an_agency_without_person_identifiers_names_the_card_alone() {
        let bytes = encode_fascn("<4700=0256=001337=1=1=0000000000199991>");
        let fascn = Fascn::decode(&bytes).unwrap();
        assert!(fascn.part(FascnPart::Credential).is_some());
        assert_eq!(fascn.part(FascnPart::Person), None);
    }

    #[test]
    fn every_single_bit_is_protected() {
        let good = bytes(FEDERAL);
        for bit in 0..good.len() * 8 {
            let mut damaged = good.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Fascn::decode(&damaged).is_err(), "bit {bit}");
        }
        assert!(Fascn::decode(&good[1..]).is_err());
        assert!(Fascn::decode(&[]).is_err());
    }

    /// Two bits of one group keep its parity: the check digit sees them.
    #[test]
    fn two_changed_bits_of_one_digit_are_seen_by_the_check_digit() {
        let mut damaged = bytes(FEDERAL);
        damaged[1] ^= 0b0001_1000;
        assert!(Fascn::decode(&damaged).is_err());
    }
}
