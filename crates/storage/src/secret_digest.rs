//! The only form in which a secret reaches the database.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// SHA-256 of a cookie, a code or another random secret, in base64url.
///
/// There is no way to build one from text that is not hashed first, so a secret cannot be stored
/// as it is by mistake. The secrets carry at least 128 bits of entropy: a plain hash suffices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretDigest(String);

impl SecretDigest {
    /// Hashes `secret`.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        // OpenSSL's one-shot function would look the algorithm up by its name each time.
        let mut of = openssl::sha::Sha256::new();
        of.update(secret.as_bytes());
        Self(URL_SAFE_NO_PAD.encode(of.finish()))
    }

    /// Takes a SHA-256 that was computed elsewhere, such as a client secret's in a configuration.
    #[must_use]
    pub fn from_sha256(sha256: &[u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(sha256))
    }

    /// The digest as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }
}
