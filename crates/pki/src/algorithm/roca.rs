//! RSA keys of the chips of CVE-2017-15361 ("ROCA"), which can be factored; many cards had them.

use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;

/// Primes whose residues give such a modulus away: 65537 generates few of them.
const PRIMES: [u64; 17] = [
    11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
];

/// Whether the modulus of an `RSAPublicKey` (RFC 8017 appendix A.1.1) was made by those chips.
///
/// Their primes have the form `k * M + (65537 ^ a mod M)`, so that the modulus is a power of
/// 65537 modulo every small prime (Nemec and others, CCS 2017, section 3.1). Of honest keys less
/// than one in 2^27 is.
pub(crate) fn has_fingerprint(rsa_public_key: &[u8]) -> bool {
    RSAPublicKey::from_der(rsa_public_key).is_ok_and(|(_, key)| {
        PRIMES
            .into_iter()
            .all(|prime| is_power_of_65537(residue(key.modulus, prime), prime))
    })
}

fn residue(number: &[u8], prime: u64) -> u64 {
    // Four octets at a time: a residue is below 2^8, and with them below 2^40.
    let (head, digits) = number.as_rchunks::<4>();
    let head = head
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte));
    digits.iter().fold(head % prime, |residue, digit| {
        (residue << 32 | u64::from(u32::from_be_bytes(*digit))) % prime
    })
}

fn is_power_of_65537(residue: u64, prime: u64) -> bool {
    let powers = std::iter::successors(Some(1), |power| Some(power * 65_537 % prime));
    (0..prime)
        .zip(powers)
        .any(|(_, power): (u64, u64)| power == residue)
}

#[cfg(test)]
mod tests {
    use super::{PRIMES, residue};

    #[test]
    fn a_residue_is_that_of_the_whole_number() {
        let number: Vec<u8> = (1_u8..=23).map(|byte| byte.wrapping_mul(91)).collect();
        for begin in 0..=number.len() {
            let number = number.get(begin..).unwrap();
            for prime in PRIMES {
                let digits = number.iter();
                let slow = digits.fold(0, |sum, byte| (sum * 256 + u64::from(*byte)) % prime);
                assert_eq!(residue(number, prime), slow, "{number:?} {prime}");
            }
        }
    }
}
