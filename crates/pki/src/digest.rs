//! Digests by contexts of their own: OpenSSL's one-shot functions look an algorithm up by its name
//! each time, which takes longer than a short text.

use openssl::sha::{Sha1, Sha256, Sha384, Sha512};

/// SHA-1, which names things here and secures none.
pub(crate) fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut of = Sha1::new();
    of.update(bytes);
    of.finish()
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut of = Sha256::new();
    of.update(bytes);
    of.finish()
}

/// SHA-384.
pub(crate) fn sha384(bytes: &[u8]) -> [u8; 48] {
    let mut of = Sha384::new();
    of.update(bytes);
    of.finish()
}

/// SHA-512.
pub(crate) fn sha512(bytes: &[u8]) -> [u8; 64] {
    let mut of = Sha512::new();
    of.update(bytes);
    of.finish()
}
