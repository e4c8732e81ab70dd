//! Signing and verifying by OpenSSL, in the byte forms of RFC 7518.
//!
//! ECDSA goes by the numbers of a signature over a digest: the functions that take a message look
//! the algorithms up by their names each time, copy a key that is new to them, and want DER.

use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKeyRef, Private, Public};
use openssl::rsa::Padding;
use openssl::sha::Sha384;
use openssl::sign::{RsaPssSaltlen, Signer, Verifier};

use crate::digest::sha256;
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
    if let Some(bytes) = algorithm.ecdsa_coordinate_bytes() {
        let signature = EcdsaSig::sign(hash(algorithm, message).as_ref(), &*key.ec_key()?)?;
        let mut joined = signature.r().to_vec_padded(bytes)?;
        joined.extend(signature.s().to_vec_padded(bytes)?);
        return Ok(joined);
    }
    let mut signer = Signer::new(MessageDigest::sha256(), key)?;
    if algorithm == Algorithm::Ps256 {
        signer.set_rsa_padding(Padding::PKCS1_PSS)?;
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        signer.set_rsa_mgf1_md(MessageDigest::sha256())?;
    }
    Ok(signer.sign_oneshot_to_vec(message)?)
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
    if let Some(bytes) = algorithm.ecdsa_coordinate_bytes() {
        let signature = ecdsa_pair(signature, bytes)?;
        let digest = hash(algorithm, message);
        return match signature.verify(digest.as_ref(), &*key.ec_key()?)? {
            true => Ok(true),
            // What OpenSSL says about it stays on the thread's list, and would be read as the
            // failure of whatever comes next.
            false => Err(Error::CryptoFailed(ErrorStack::get())),
        };
    }
    // RFC 8017 sections 8.1.2 and 8.2.2, step 1; OpenSSL takes shorter PSS signatures as well.
    if signature.len() != key.size() {
        return Ok(false);
    }
    let mut verifier = Verifier::new(MessageDigest::sha256(), key)?;
    if algorithm == Algorithm::Ps256 {
        verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
        verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        verifier.set_rsa_mgf1_md(MessageDigest::sha256())?;
    }
    Ok(verifier.verify_oneshot(signature, message)?)
}

/// A digest of the length that its algorithm has.
enum Hash {
    Sha256([u8; 32]),
    Sha384([u8; 48]),
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Sha256(hash) => hash,
            Self::Sha384(hash) => hash,
        }
    }
}

/// What an ECDSA signature is over.
fn hash(algorithm: Algorithm, message: &[u8]) -> Hash {
    match algorithm {
        Algorithm::Es384 => {
            let mut of = Sha384::new();
            of.update(message);
            Hash::Sha384(of.finish())
        }
        Algorithm::Rs256
        | Algorithm::Ps256
        | Algorithm::Es256
        | Algorithm::Bp256r1
        | Algorithm::EdDsa => Hash::Sha256(sha256(message)),
    }
}

fn ecdsa_pair(joined: &[u8], coordinate_bytes: i32) -> Result<EcdsaSig, Error> {
    let half = usize::try_from(coordinate_bytes).map_err(|_| Error::SignatureInvalid)?;
    // The fixed length makes the form unambiguous; OpenSSL itself refuses 0 and values >= n.
    if joined.len() != 2 * half {
        return Err(Error::SignatureInvalid);
    }
    let (r, s) = joined
        .split_at_checked(half)
        .ok_or(Error::SignatureInvalid)?;
    let (r, s) = (BigNum::from_slice(r)?, BigNum::from_slice(s)?);
    Ok(EcdsaSig::from_private_components(r, s)?)
}
