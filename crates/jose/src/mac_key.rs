//! A secret for short-lived values that only we read back, derived from a key that we have.

use std::fmt;

use openssl::hash::MessageDigest;
use openssl::md::Md;
use openssl::pkey::{Id, PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::sign::Signer;
use zeroize::Zeroizing;

use crate::Error;

/// A key for HMAC-SHA-256.
///
/// OpenSSL overwrites it when the last clone goes.
#[derive(Clone)]
pub struct MacKey(PKey<Private>);

impl MacKey {
    /// Derives a key by HKDF-SHA-256 (RFC 5869); each use has a label of its own, and none tells
    /// anything about another or about `secret`.
    pub(crate) fn derive(secret: &[u8], label: &str) -> Result<Self, Error> {
        Ok(Self(PKey::hmac(derive_bytes(secret, label)?.as_slice())?))
    }

    /// The HMAC-SHA-256 of `message`.
    ///
    /// # Errors
    /// [`Error::CryptoFailed`].
    pub fn tag(&self, message: &[u8]) -> Result<[u8; 32], Error> {
        let mut tag = [0; 32];
        let written =
            Signer::new(MessageDigest::sha256(), &self.0)?.sign_oneshot(&mut tag, message)?;
        debug_assert_eq!(written, tag.len());
        Ok(tag)
    }
}

fn derive_bytes(secret: &[u8], label: &str) -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut context = PkeyCtx::new_id(Id::HKDF)?;
    context.derive_init()?;
    context.set_hkdf_md(Md::sha256())?;
    context.set_hkdf_key(secret)?;
    context.add_hkdf_info(label.as_bytes())?;
    let mut key = Zeroizing::new([0; 32]);
    context.derive(Some(key.as_mut_slice()))?;
    Ok(key)
}

impl fmt::Debug for MacKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MacKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::{MacKey, derive_bytes};
    use crate::base64url;

    /// RFC 5869 appendix A.3: no salt, no info. The first 32 of its 42 bytes.
    #[test]
    fn derivation_matches_rfc_5869() {
        let key = derive_bytes(&[0x0b; 22], "").unwrap();
        let expected = [
            0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f, 0x71, 0x5f, 0x80, 0x2a, 0x06, 0x3c,
            0x5a, 0x31, 0xb8, 0xa1, 0x1f, 0x5c, 0x5e, 0xe1, 0x87, 0x9e, 0xc3, 0x45, 0x4e, 0x5f,
            0x3c, 0x73, 0x8d, 0x2d,
        ];
        assert_eq!(key.as_slice(), expected);
    }

    #[test]
    fn labels_and_messages_change_the_tag() {
        let tag = |label: &str, message: &[u8]| {
            let key = MacKey::derive(b"secret", label).unwrap();
            base64url(&key.tag(message).unwrap())
        };
        assert_eq!(tag("one", b"m"), tag("one", b"m"));
        assert_ne!(tag("one", b"m"), tag("two", b"m"));
        assert_ne!(tag("one", b"m"), tag("one", b"n"));
    }

    #[test]
    fn debug_output_never_shows_the_key() {
        let key = MacKey::derive(b"secret", "label").unwrap();
        assert_eq!(format!("{key:?}"), "MacKey(redacted)");
    }
}
