//! GENERAL AUTHENTICATE: signing with a private key (SP 800-73-4 part 2 section 3.2.4).

use cardea_card::{KeyAlgorithm, StatusWord};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::rsa::Padding;

use crate::card_image::KeySlot;
use crate::tlv::{element, read};

/// Algorithm reference of RSA 2048 (SP 800-78-4 table 6-2).
const RSA_2048: u8 = 0x07;
/// Algorithm reference of P-256.
const P256: u8 = 0x11;
const DYNAMIC_AUTHENTICATION_TEMPLATE: u8 = 0x7c;
const CHALLENGE: u8 = 0x81;
const RESPONSE: u8 = 0x82;
const RSA_BLOCK_BYTES: usize = 256;
/// A P-256 signature takes at most this many bytes of hash.
const P256_HASH_BYTES_MAX: usize = 32;

/// Signs what the template asks for.
pub(crate) fn sign(
    slot: &KeySlot,
    algorithm_reference: u8,
    template: &[u8],
) -> Result<Vec<u8>, StatusWord> {
    let expected = match slot.algorithm {
        KeyAlgorithm::Rsa2048 => RSA_2048,
        KeyAlgorithm::P256 => P256,
    };
    if algorithm_reference != expected {
        return Err(StatusWord::INCORRECT_P1_P2);
    }
    let challenge = challenge(template).ok_or(StatusWord::INCORRECT_DATA)?;
    let signature = match slot.algorithm {
        KeyAlgorithm::Rsa2048 if challenge.len() == RSA_BLOCK_BYTES => rsa(slot, challenge),
        KeyAlgorithm::P256 if (1..=P256_HASH_BYTES_MAX).contains(&challenge.len()) => {
            ecdsa(slot, challenge)
        }
        _ => return Err(StatusWord::INCORRECT_DATA),
    };
    // RSA fails when the block is not below the modulus; ECDSA does not fail.
    let signature = signature.map_err(|_| StatusWord::INCORRECT_DATA)?;
    Ok(element(
        &[DYNAMIC_AUTHENTICATION_TEMPLATE],
        &element(&[RESPONSE], &signature),
    ))
}

/// The challenge of `7C { 82 00, 81 challenge }`, in either order.
fn challenge(template: &[u8]) -> Option<&[u8]> {
    let (tag, mut inner, rest) = read(template)?;
    if tag != DYNAMIC_AUTHENTICATION_TEMPLATE || !rest.is_empty() {
        return None;
    }
    let mut challenge = None;
    let mut response_wanted = false;
    while !inner.is_empty() {
        let (tag, value, rest) = read(inner)?;
        match tag {
            CHALLENGE => challenge = Some(value),
            RESPONSE if value.is_empty() => response_wanted = true,
            _ => return None,
        }
        inner = rest;
    }
    challenge.filter(|_| response_wanted)
}

/// The raw RSA operation: the host has padded.
fn rsa(slot: &KeySlot, block: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let key = slot.key.rsa()?;
    let mut signature = vec![0; RSA_BLOCK_BYTES];
    let written = key.private_encrypt(block, &mut signature, Padding::NONE)?;
    signature.truncate(written);
    Ok(signature)
}

/// ECDSA over a hash, as DER.
fn ecdsa(slot: &KeySlot, hash: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    EcdsaSig::sign(hash, &*slot.key.ec_key()?)?.to_der()
}
