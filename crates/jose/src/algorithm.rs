//! The closed list of signature algorithms (RFC 7518 section 3.1, RFC 8037).

use std::str::FromStr;

use openssl::nid::Nid;
use openssl::pkey::{HasPublic, Id, PKeyRef};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Smallest RSA modulus accepted, in bits (NIST SP 800-57 part 1, 112-bit strength).
pub const RSA_BITS_MIN: u32 = 2048;
/// Largest RSA modulus accepted, in bits: bounds the work that a stranger's key can cause.
pub const RSA_BITS_MAX: u32 = 8192;

/// A JWS signature algorithm. `none` and the HMAC family can't be expressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256: what a CPS3 can do, and OIDC Core's default.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PSS with SHA-256, MGF1-SHA-256 and a 32-byte salt.
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384 with SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// The name registered with IANA, as it stands in `alg`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithms that a public key may be used with; empty for a key that is refused.
    ///
    /// The algorithm follows from the key and this list, never from the token alone
    /// (RFC 8725 section 3.1).
    #[must_use]
    pub fn for_public_key<T: HasPublic>(key: &PKeyRef<T>) -> &'static [Self] {
        match key.id() {
            Id::RSA if (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&key.bits()) => {
                &[Self::Rs256, Self::Ps256]
            }
            Id::EC => match key.ec_key().ok().and_then(|ec| ec.group().curve_name()) {
                Some(Nid::X9_62_PRIME256V1) => &[Self::Es256],
                Some(Nid::SECP384R1) => &[Self::Es384],
                _ => &[],
            },
            Id::ED25519 => &[Self::EdDsa],
            _ => &[],
        }
    }

    /// Bytes of one coordinate for the ECDSA algorithms, whose JWS form is `r || s`.
    pub(crate) fn ecdsa_coordinate_bytes(self) -> Option<i32> {
        match self {
            Self::Es256 => Some(32),
            Self::Es384 => Some(48),
            Self::Rs256 | Self::Ps256 | Self::EdDsa => None,
        }
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        [
            Self::Rs256,
            Self::Ps256,
            Self::Es256,
            Self::Es384,
            Self::EdDsa,
        ]
        .into_iter()
        .find(|algorithm| algorithm.as_str() == name)
        .ok_or(Error::AlgorithmNotAllowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::pkey::PKey;
    use openssl::rsa::Rsa;

    #[test]
    fn only_listed_names_parse() {
        for name in ["none", "None", "HS256", "RS1", "ES256K", "rs256", ""] {
            assert!(name.parse::<Algorithm>().is_err(), "{name}");
        }
        assert_eq!("PS256".parse::<Algorithm>().unwrap(), Algorithm::Ps256);
    }

    #[test]
    fn weak_or_foreign_keys_have_no_algorithm() {
        let short = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
        assert!(Algorithm::for_public_key(&short).is_empty());
        let group = EcGroup::from_curve_name(Nid::SECP256K1).unwrap();
        let koblitz = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        assert!(Algorithm::for_public_key(&koblitz).is_empty());
    }
}
