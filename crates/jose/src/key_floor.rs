//! What an RSA or elliptic-curve key must be before any algorithm may use it.

use openssl::bn::BigNumRef;
use openssl::ec::Asn1Flag;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, PKeyRef};

/// Smallest RSA modulus accepted, in bits (NIST SP 800-57 part 1, 112-bit strength).
pub const RSA_BITS_MIN: u32 = 2048;
/// Largest RSA modulus accepted, in bits: bounds the work that a stranger's key can cause.
pub const RSA_BITS_MAX: u32 = 8192;
/// Smallest public exponent (FIPS 186-5 section 5.4): smaller ones make padding mistakes
/// exploitable.
const RSA_EXPONENT_MIN: u32 = 65_537;
/// Longest public exponent, in bits: a longer one only makes verifying slow.
const RSA_EXPONENT_BITS_MAX: i32 = 64;

/// Size and exponent of an RSA key, and that it is none of the ROCA keys.
pub(crate) fn rsa_is_acceptable<T: HasPublic>(key: &PKeyRef<T>) -> bool {
    if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&key.bits()) {
        return false;
    }
    let Ok(rsa) = key.rsa() else {
        return false;
    };
    exponent_is_acceptable(rsa.e()) && rsa.n().is_bit_set(0) && !has_roca_fingerprint(rsa.n())
}

fn exponent_is_acceptable(exponent: &BigNumRef) -> bool {
    let bits = exponent.num_bits();
    let long_enough =
        openssl::bn::BigNum::from_u32(RSA_EXPONENT_MIN).is_ok_and(|least| exponent >= &*least);
    long_enough && bits <= RSA_EXPONENT_BITS_MAX && exponent.is_bit_set(0)
}

/// The named curve of an elliptic-curve key.
///
/// `None` for explicit parameters (RFC 5480 section 2.1.1 forbids them, CVE-2020-0601 shows why)
/// and for the point at infinity, under which anybody can make signatures.
pub(crate) fn named_curve<T: HasPublic>(key: &PKeyRef<T>) -> Option<Nid> {
    let key = key.ec_key().ok()?;
    let group = key.group();
    if group.asn1_flag() != Asn1Flag::NAMED_CURVE || key.public_key().is_infinity(group) {
        return None;
    }
    group.curve_name()
}

/// Primes whose residues give a ROCA modulus away: 65537 generates few of them.
const ROCA_PRIMES: [u32; 17] = [
    11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
];

/// Whether a modulus was made by the chips of CVE-2017-15361 ("ROCA"), whose keys can be
/// factored; many smart cards had them.
///
/// Their primes have the form `k * M + (65537 ^ a mod M)`, so that the modulus is a power of
/// 65537 modulo every small prime (Nemec and others, CCS 2017, section 3.1). Of honest keys less
/// than one in 2^27 is.
fn has_roca_fingerprint(modulus: &BigNumRef) -> bool {
    ROCA_PRIMES.into_iter().all(|prime| {
        modulus
            .mod_word(prime)
            .is_ok_and(|residue| is_power_of_65537(residue, prime))
    })
}

fn is_power_of_65537(residue: u64, prime: u32) -> bool {
    let prime = u64::from(prime);
    let mut power = 1;
    for _ in 0..prime {
        if power == residue {
            return true;
        }
        power = power * 65_537 % prime;
    }
    false
}

#[cfg(test)]
mod tests {
    use openssl::bn::BigNum;
    use openssl::ec::{EcGroup, EcKey, EcPoint};
    use openssl::pkey::{PKey, Public};
    use openssl::rsa::Rsa;

    use super::*;

    fn honest() -> Rsa<openssl::pkey::Private> {
        Rsa::generate(2048).unwrap()
    }

    fn public(modulus: &BigNumRef, exponent: &BigNumRef) -> PKey<Public> {
        let (modulus, exponent) = (modulus.to_owned().unwrap(), exponent.to_owned().unwrap());
        PKey::from_rsa(Rsa::from_public_components(modulus, exponent).unwrap()).unwrap()
    }

    #[test]
    fn exponents_outside_the_bounds_are_refused() {
        let key = honest();
        let mut wide = BigNum::from_u32(1).unwrap();
        wide.set_bit(64).unwrap();
        let mut widest = BigNum::from_u32(1).unwrap();
        widest.set_bit(63).unwrap();
        let number = |value| BigNum::from_u32(value).unwrap();
        for (exponent, accepted) in [
            (number(1), false),
            (number(3), false),
            (number(65_535), false),
            (number(65_537), true),
            (number(65_538), false),
            (widest, true),
            (wide, false),
        ] {
            let key = public(key.n(), &exponent);
            assert_eq!(rsa_is_acceptable(&key), accepted, "{exponent}");
        }
    }

    #[test]
    fn a_modulus_of_the_roca_form_is_refused() {
        let mut roca = BigNum::from_u32(1).unwrap();
        for prime in ROCA_PRIMES.into_iter().chain([2]) {
            roca.mul_word(prime).unwrap();
        }
        while roca.num_bits() < 2048 {
            roca.mul_word(u32::from(u16::MAX)).unwrap();
        }
        roca.add_word(1).unwrap();
        let exponent = BigNum::from_u32(RSA_EXPONENT_MIN).unwrap();
        assert!(!rsa_is_acceptable(&public(&roca, &exponent)));
        assert!(rsa_is_acceptable(&PKey::from_rsa(honest()).unwrap()));
    }

    #[test]
    fn curves_spelled_out_and_the_point_at_infinity_are_refused() {
        let mut group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let named = EcKey::generate(&group).unwrap();
        let point = named.public_key().to_owned(&group).unwrap();
        let public = |group: &EcGroup, point: &EcPoint| {
            PKey::from_ec_key(EcKey::from_public_key(group, point).unwrap()).unwrap()
        };
        assert_eq!(
            named_curve(&public(&group, &point)),
            Some(Nid::X9_62_PRIME256V1)
        );
        let infinity = EcPoint::new(&group).unwrap();
        assert_eq!(named_curve(&public(&group, &infinity)), None);
        group.set_asn1_flag(Asn1Flag::EXPLICIT_CURVE);
        assert_eq!(named_curve(&public(&group, &point)), None);
    }
}
