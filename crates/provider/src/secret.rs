//! Random values that let their holder do something: cookies and codes.

use std::fmt;

use cardea_jose::random_base64url;
use cardea_storage::SecretDigest;
use zeroize::Zeroizing;

use crate::Error;

/// Bytes of every secret and random id: 256 bits, so that guessing and collisions are out of reach.
pub(crate) const RANDOM_BYTES: usize = 32;

/// A random part of one, for waits that must not coincide.
pub(crate) fn random_share() -> Result<f64, Error> {
    let text = random_base64url(2)?;
    let bytes = cardea_jose::parse_base64url(&text)?;
    let number = bytes
        .iter()
        .fold(0_u16, |number, byte| (number << 8) | u16::from(*byte));
    Ok(f64::from(number) / f64::from(u16::MAX))
}

/// A secret on its way to its holder; wiped when dropped, absent from `Debug` output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Makes a fresh secret of 256 bits.
    ///
    /// # Errors
    /// [`Error::Jose`] when the system has no random bytes.
    pub fn random() -> Result<Self, Error> {
        Ok(Self(Zeroizing::new(random_base64url(RANDOM_BYTES)?)))
    }

    /// The text to hand to the holder, and to nobody else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The only form in which it is kept.
    #[must_use]
    pub fn digest(&self) -> SecretDigest {
        SecretDigest::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(redacted)")
    }
}
