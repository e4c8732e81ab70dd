//! Signing and verifying by OpenSSL, in the byte forms of RFC 7518.

use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKeyRef, Private, Public};
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer, Verifier};

use crate::{Algorithm, Error};

/// Signs `message`; ECDSA signatures come back as `r || s` (RFC 7518 section 3.4).
pub(crate) fn sign(
    algorithm: Algorithm,
    key: &PKeyRef<Private>,
    message: &[u8],
) -> Result<Vec<u8>, Error> {
    if algorithm == Algorithm::EdDsa {
        return Ok(Signer::new_without_digest(key)?.sign_oneshot_to_vec(message)?);
    }
    let mut signer = Signer::new(digest(algorithm), key)?;
    if algorithm == Algorithm::Ps256 {
        signer.set_rsa_padding(Padding::PKCS1_PSS)?;
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        signer.set_rsa_mgf1_md(MessageDigest::sha256())?;
    }
    let signature = signer.sign_oneshot_to_vec(message)?;
    match algorithm.ecdsa_coordinate_bytes() {
        Some(bytes) => ecdsa_der_to_p1363(&signature, bytes),
        None => Ok(signature),
    }
}

/// Verifies a signature in JWS form; that the key is for the algorithm, the caller knows.
///
/// # Errors
/// [`Error::SignatureInvalid`] whatever the reason: callers must not tell them apart.
pub(crate) fn verify(
    algorithm: Algorithm,
    key: &PKeyRef<Public>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    match try_verify(algorithm, key, message, signature) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(Error::SignatureInvalid),
    }
}

fn try_verify(
    algorithm: Algorithm,
    key: &PKeyRef<Public>,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, Error> {
    if algorithm == Algorithm::EdDsa {
        return Ok(Verifier::new_without_digest(key)?.verify_oneshot(signature, message)?);
    }
    let mut verifier = Verifier::new(digest(algorithm), key)?;
    if algorithm == Algorithm::Ps256 {
        verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
        verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        verifier.set_rsa_mgf1_md(MessageDigest::sha256())?;
    }
    match algorithm.ecdsa_coordinate_bytes() {
        Some(bytes) => {
            let der = ecdsa_p1363_to_der(signature, bytes)?;
            Ok(verifier.verify_oneshot(&der, message)?)
        }
        // RFC 8017 sections 8.1.2 and 8.2.2, step 1; OpenSSL takes shorter PSS signatures as well.
        None if signature.len() != key.size() => Ok(false),
        None => Ok(verifier.verify_oneshot(signature, message)?),
    }
}

fn digest(algorithm: Algorithm) -> MessageDigest {
    match algorithm {
        Algorithm::Es384 => MessageDigest::sha384(),
        Algorithm::Rs256
        | Algorithm::Ps256
        | Algorithm::Es256
        | Algorithm::Bp256r1
        | Algorithm::EdDsa => MessageDigest::sha256(),
    }
}

fn ecdsa_der_to_p1363(der: &[u8], coordinate_bytes: i32) -> Result<Vec<u8>, Error> {
    let signature = EcdsaSig::from_der(der)?;
    let mut joined = signature.r().to_vec_padded(coordinate_bytes)?;
    joined.extend(signature.s().to_vec_padded(coordinate_bytes)?);
    Ok(joined)
}

fn ecdsa_p1363_to_der(joined: &[u8], coordinate_bytes: i32) -> Result<Vec<u8>, Error> {
    let half = usize::try_from(coordinate_bytes).map_err(|_| Error::SignatureInvalid)?;
    // The fixed length makes the form unambiguous; OpenSSL itself refuses 0 and values >= n.
    if joined.len() != 2 * half {
        return Err(Error::SignatureInvalid);
    }
    let (r, s) = joined
        .split_at_checked(half)
        .ok_or(Error::SignatureInvalid)?;
    let pair = EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
    Ok(pair.to_der()?)
}
