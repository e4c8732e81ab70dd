//! The closed list of signature algorithms (RFC 7518 section 3.1, RFC 8037).

use std::str::FromStr;

use openssl::nid::Nid;
use openssl::pkey::{HasPublic, Id, PKeyRef};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Error;
use crate::key_floor::{named_curve, rsa_is_acceptable};

/// A JWS signature algorithm. `none` and the HMAC family can't be expressed.
///
/// [`Algorithm::Bp256r1`] signs card assertions and nothing else: no other key is ever found to
/// fit it, and its name does not parse outside [`Algorithm::named_by_card`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
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
    /// ECDSA on brainpoolP256r1 (RFC 5639) with SHA-256, as German health cards sign. The name is
    /// the one in use there; IANA has registered none.
    #[serde(rename = "BP256R1")]
    Bp256r1,
}

impl Algorithm {
    /// Every algorithm for keys of any kind, the card's own one left out.
    pub const GENERAL: [Self; 5] = [
        Self::Rs256,
        Self::Ps256,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The name as it stands in `alg`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Bp256r1 => "BP256R1",
        }
    }

    /// The algorithms that a public key may be used with; empty for a key that is refused.
    ///
    /// The algorithm follows from the key and this list, never from the token alone
    /// (RFC 8725 section 3.1).
    #[must_use]
    pub fn for_public_key<T: HasPublic>(key: &PKeyRef<T>) -> &'static [Self] {
        match key.id() {
            Id::RSA if rsa_is_acceptable(key) => &[Self::Rs256, Self::Ps256],
            Id::EC => match named_curve(key) {
                Some(Nid::X9_62_PRIME256V1) => &[Self::Es256],
                Some(Nid::SECP384R1) => &[Self::Es384],
                _ => &[],
            },
            Id::ED25519 => &[Self::EdDsa],
            _ => &[],
        }
    }

    /// The algorithms that the key of a card's certificate may sign assertions with.
    ///
    /// Beyond [`Algorithm::for_public_key`]: brainpoolP256r1, and RSA keys whose certificate
    /// restricts them to PSS (RFC 4055 section 1.2), which have PS256 alone.
    #[must_use]
    pub fn for_card_key<T: HasPublic>(key: &PKeyRef<T>) -> &'static [Self] {
        match key.id() {
            Id::RSA_PSS if rsa_is_acceptable(key) => &[Self::Ps256],
            Id::EC if named_curve(key) == Some(Nid::BRAINPOOL_P256R1) => &[Self::Bp256r1],
            Id::ED25519 => &[],
            _ => Self::for_public_key(key),
        }
    }

    /// The algorithm that a card assertion, or a configuration for cards, names.
    ///
    /// # Errors
    /// [`Error::AlgorithmNotAllowed`].
    pub fn named_by_card(name: &str) -> Result<Self, Error> {
        if name == Self::Bp256r1.as_str() {
            return Ok(Self::Bp256r1);
        }
        name.parse()
    }

    /// Bytes of one coordinate for the ECDSA algorithms, whose JWS form is `r || s`.
    pub(crate) fn ecdsa_coordinate_bytes(self) -> Option<i32> {
        match self {
            Self::Es256 | Self::Bp256r1 => Some(32),
            Self::Es384 => Some(48),
            Self::Rs256 | Self::Ps256 | Self::EdDsa => None,
        }
    }
}

/// Reads the algorithms for keys of any kind; [`Algorithm::Bp256r1`] is not among them.
impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        // RFC 9864 section 2.2 gives the one curve of ours a name of its own; newer libraries
        // write it.
        if name == "Ed25519" {
            return Ok(Self::EdDsa);
        }
        Self::GENERAL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or(Error::AlgorithmNotAllowed)
    }
}

impl<'de> Deserialize<'de> for Algorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::pkey::{PKey, Private};
    use openssl::rsa::Rsa;

    fn ec(curve: Nid) -> PKey<Private> {
        let group = EcGroup::from_curve_name(curve).unwrap();
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
    }

    #[test]
    fn only_listed_names_parse() {
        for name in [
            "none", "None", "HS256", "RS1", "ES256K", "rs256", "bp256r1", "",
        ] {
            assert!(name.parse::<Algorithm>().is_err(), "{name}");
            assert!(Algorithm::named_by_card(name).is_err(), "{name}");
        }
        assert_eq!("PS256".parse::<Algorithm>().unwrap(), Algorithm::Ps256);
        assert_eq!(Algorithm::named_by_card("PS256").unwrap(), Algorithm::Ps256);
    }

    #[test]
    fn the_name_of_the_brainpool_algorithm_parses_for_cards_alone() {
        let named = Algorithm::named_by_card("BP256R1").unwrap();
        assert_eq!(named, Algorithm::Bp256r1);
        assert!("BP256R1".parse::<Algorithm>().is_err());
        assert!(serde_json::from_str::<Algorithm>("\"BP256R1\"").is_err());
    }

    #[test]
    fn weak_or_foreign_keys_have_no_algorithm() {
        let short = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
        for key in [
            short,
            ec(Nid::SECP256K1),
            ec(Nid::SECP521R1),
            ec(Nid::BRAINPOOL_P384R1),
        ] {
            assert!(Algorithm::for_public_key(&key).is_empty());
            assert!(Algorithm::for_card_key(&key).is_empty());
        }
    }

    #[test]
    fn a_brainpool_key_has_an_algorithm_in_a_card_alone() {
        let key = ec(Nid::BRAINPOOL_P256R1);
        assert_eq!(Algorithm::for_card_key(&key), [Algorithm::Bp256r1]);
        assert!(Algorithm::for_public_key(&key).is_empty());
    }

    #[test]
    fn an_edwards_key_has_no_algorithm_in_a_card() {
        let key = PKey::generate_ed25519().unwrap();
        assert_eq!(Algorithm::for_public_key(&key), [Algorithm::EdDsa]);
        assert!(Algorithm::for_card_key(&key).is_empty());
    }
}
