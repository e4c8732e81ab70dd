//! The host's part of a signature: hash, padding, form, and the check with the certificate.

use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::sign::Verifier;

use crate::{CardCertificate, Error, KeyAlgorithm};

/// DER of the DigestInfo of SHA-256 up to the hash (RFC 8017 section 9.2 note 1).
const DIGEST_INFO_SHA256: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];
/// Bytes of an RSA-2048 modulus.
const RSA_2048_BYTES: usize = 256;
/// Bytes of one coordinate of P-256.
const P256_BYTES: usize = 32;

/// SHA-256 of a message.
pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    openssl::sha::sha256(message)
}

/// The DigestInfo that raw RSA PKCS#1 v1.5 signing takes.
#[cfg(any(feature = "pkcs11", test))]
pub(crate) fn digest_info(message: &[u8]) -> Vec<u8> {
    [&DIGEST_INFO_SHA256[..], &sha256(message)].concat()
}

/// The whole block that a raw RSA-2048 operation takes: EMSA-PKCS1-v1_5 (RFC 8017 section 9.2).
pub(crate) fn rsa_2048_block(message: &[u8]) -> [u8; RSA_2048_BYTES] {
    let hash = sha256(message);
    let mut block = [0xFF; RSA_2048_BYTES];
    // From the end: hash, DigestInfo, 00, filler, 01, 00.
    let tail = [&[0x00][..], &DIGEST_INFO_SHA256, &hash].concat();
    for (place, byte) in block.iter_mut().rev().zip(tail.iter().rev()) {
        *place = *byte;
    }
    for (place, byte) in block.iter_mut().zip([0x00, 0x01]) {
        *place = byte;
    }
    block
}

/// An ECDSA signature from the form cards use to the form of JWS: r‖s (RFC 7518 section 3.4).
pub(crate) fn ecdsa_der_to_jws(der: &[u8]) -> Result<Vec<u8>, Error> {
    let malformed = || Error::ResponseMalformed {
        reason: "it is not an ECDSA signature",
    };
    let signature = EcdsaSig::from_der(der).map_err(|_| malformed())?;
    let mut bytes = Vec::with_capacity(2 * P256_BYTES);
    for number in [signature.r(), signature.s()] {
        let width = i32::try_from(P256_BYTES).map_err(|_| malformed())?;
        bytes.extend(number.to_vec_padded(width).map_err(|_| malformed())?);
    }
    Ok(bytes)
}

/// Checks a signature in JWS form with the certificate's key. A card that was swapped, or that
/// answers nonsense, is found out here and not by the server.
pub(crate) fn check_signature(
    certificate: &CardCertificate,
    message: &[u8],
    jws_bytes: &[u8],
) -> Result<(), Error> {
    let verified = match certificate.key_algorithm()? {
        KeyAlgorithm::Rsa2048 => {
            jws_bytes.len() == RSA_2048_BYTES && verifies(certificate, message, jws_bytes)
        }
        KeyAlgorithm::P256 => {
            ecdsa_jws_to_der(jws_bytes).is_some_and(|der| verifies(certificate, message, &der))
        }
    };
    if verified {
        Ok(())
    } else {
        Err(Error::SignatureInvalid)
    }
}

fn verifies(certificate: &CardCertificate, message: &[u8], signature: &[u8]) -> bool {
    // For RSA keys OpenSSL's default padding is PKCS#1 v1.5, for EC keys the form is DER.
    Verifier::new(MessageDigest::sha256(), certificate.public_key())
        .and_then(|mut verifier| verifier.verify_oneshot(signature, message))
        .unwrap_or(false)
}

fn ecdsa_jws_to_der(jws_bytes: &[u8]) -> Option<Vec<u8>> {
    if jws_bytes.len() != 2 * P256_BYTES {
        return None;
    }
    let (r, s) = jws_bytes.split_at_checked(P256_BYTES)?;
    let r = BigNum::from_slice(r).ok()?;
    let s = BigNum::from_slice(s).ok()?;
    EcdsaSig::from_private_components(r, s).ok()?.to_der().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::nid::Nid;
    use openssl::pkey::PKey;
    use openssl::rsa::{Padding, Rsa};
    use openssl::sign::Signer;

    #[test]
    fn the_rsa_block_is_what_openssl_pads() {
        let key = Rsa::generate(2048).unwrap();
        let mut ours = vec![0; 256];
        key.private_encrypt(&rsa_2048_block(b"message"), &mut ours, Padding::NONE)
            .unwrap();
        let key = PKey::from_rsa(key).unwrap();
        let theirs = Signer::new(MessageDigest::sha256(), &key)
            .unwrap()
            .sign_oneshot_to_vec(b"message")
            .unwrap();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn ecdsa_signatures_keep_their_leading_zeros() {
        let one = BigNum::from_u32(1).unwrap();
        let two = BigNum::from_u32(2).unwrap();
        let der = EcdsaSig::from_private_components(one, two)
            .unwrap()
            .to_der()
            .unwrap();
        let jws = ecdsa_der_to_jws(&der).unwrap();
        assert_eq!(jws.len(), 64);
        assert_eq!((jws[31], jws[63]), (1, 2));
        assert_eq!(ecdsa_jws_to_der(&jws).unwrap(), der);
    }

    #[test]
    fn a_number_wider_than_the_curve_is_no_signature() {
        let wide = BigNum::from_slice(&[1; 33]).unwrap();
        let one = BigNum::from_u32(1).unwrap();
        let der = EcdsaSig::from_private_components(wide, one)
            .unwrap()
            .to_der()
            .unwrap();
        assert_eq!(
            ecdsa_der_to_jws(&der).unwrap_err().code(),
            "card.response_malformed"
        );
        assert_eq!(
            ecdsa_der_to_jws(&[1, 2]).unwrap_err().code(),
            "card.response_malformed"
        );
    }

    #[test]
    fn real_ecdsa_signatures_survive_both_ways() {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = EcKey::generate(&group).unwrap();
        for round in 0..20_u8 {
            let hash = sha256(&[round]);
            let der = EcdsaSig::sign(&hash, &key).unwrap().to_der().unwrap();
            assert_eq!(
                ecdsa_jws_to_der(&ecdsa_der_to_jws(&der).unwrap()).unwrap(),
                der
            );
        }
    }

    #[test]
    fn the_digest_info_ends_with_the_hash() {
        let info = digest_info(b"message");
        assert_eq!(info.len(), 51);
        assert!(info.ends_with(&sha256(b"message")));
    }
}
