//! SHA-256, base64url, random values and constant-time comparison.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{Error, random};

/// Encodes bytes as base64url without padding (RFC 7515 section 2).
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes base64url without padding; anything else is refused, non-zero trailing bits included.
///
/// # Errors
/// [`Error::Malformed`].
pub fn parse_base64url(text: &str) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Malformed {
        reason: "not base64url",
    })
}

/// The SHA-256 of `bytes`.
///
/// By a context of its own: OpenSSL's one-shot function looks the algorithm up by its name each
/// time, which takes longer than a short text.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut of = openssl::sha::Sha256::new();
    of.update(bytes);
    of.finish()
}

/// The SHA-256 of `bytes`, base64url-encoded: 43 characters.
#[must_use]
pub fn sha256_base64url(bytes: &[u8]) -> String {
    base64url(&sha256(bytes))
}

/// A random value of `bytes` bytes from OpenSSL's generator, base64url-encoded.
///
/// # Errors
/// [`Error::CryptoFailed`] when the generator fails; no weaker source is tried.
pub fn random_base64url(bytes: usize) -> Result<String, Error> {
    let mut buffer = Zeroizing::new(vec![0; bytes]);
    random::fill(&mut buffer)?;
    Ok(base64url(&buffer))
}

/// Compares two byte strings in time that depends on their lengths alone.
#[must_use]
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}
