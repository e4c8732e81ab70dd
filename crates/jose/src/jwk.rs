//! Public keys as JSON (RFC 7517) and their thumbprints (RFC 7638).

use std::sync::LazyLock;

use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcGroupRef, EcKey, EcPoint};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, Id, PKey, PKeyRef, Public};
use openssl::rsa::Rsa;
use serde::{Deserialize, Serialize};

use crate::digest::{base64url, parse_base64url, sha256};
use crate::remembered::{self, Digest, KnownKey};
use crate::{Algorithm, Error};

/// Longest certificate of `x5c` as text: 16 KiB.
const CERTIFICATE_CHARACTERS_MAX: usize = 22 * 1024;

/// A public key as a JWK. A JWK with private or symmetric members does not parse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawJwk")]
pub struct Jwk {
    #[serde(flatten)]
    material: Material,
    /// Of the material, which never changes.
    #[serde(skip)]
    digest: Digest,
    /// Key id; our own keys use their thumbprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The one algorithm that the key's owner uses it with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<Algorithm>,
    /// Intended use: `sig` for every key here.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub intended_use: Option<String>,
    #[serde(rename = "key_ops", skip_serializing_if = "Option::is_none")]
    key_operations: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x5c: Option<Vec<String>>,
}

/// The members that RFC 7638 section 3.2 hashes, in its lexicographic order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Material {
    Ec {
        crv: String,
        kty: &'static str,
        x: String,
        y: String,
    },
    Okp {
        crv: String,
        kty: &'static str,
        x: String,
    },
    Rsa {
        e: String,
        kty: &'static str,
        n: String,
    },
}

/// A set of public keys (RFC 7517 section 5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwkSet {
    /// The keys, newest first by our convention.
    pub keys: Vec<Jwk>,
}

impl JwkSet {
    /// The key whose `kid` is exactly this one; none when two keys share it, because nobody can
    /// say which is meant (RFC 7517 section 4.5).
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&Jwk> {
        let mut named = self
            .keys
            .iter()
            .filter(|key| key.kid.as_deref() == Some(kid));
        let first = named.next();
        first.filter(|_| named.next().is_none())
    }
}

impl Jwk {
    /// Describes a public key, with its thumbprint as `kid`.
    ///
    /// # Errors
    /// [`Error::KeyInvalid`] for a key that no listed algorithm may use.
    pub fn from_public_key<T: HasPublic>(key: &PKeyRef<T>) -> Result<Self, Error> {
        let mut jwk = Self::of_material(Material::read(key)?);
        jwk.kid = Some(jwk.thumbprint());
        Ok(jwk)
    }

    /// The key for OpenSSL, after checking that it is one we accept (point on curve, size, form).
    ///
    /// # Errors
    /// [`Error::KeyInvalid`].
    pub fn public_key(&self) -> Result<PKey<Public>, Error> {
        Ok(self.known_key()?.key)
    }

    /// The same, with the algorithms that it may be used with.
    pub(crate) fn known_key(&self) -> Result<KnownKey, Error> {
        let known = remembered::keys().find(&self.digest);
        if let Some(known) = known {
            return Ok(known);
        }
        let key = self.material.public_key()?;
        let algorithms = Algorithm::for_public_key(&key);
        if algorithms.is_empty() {
            return Err(Error::KeyInvalid {
                reason: "no listed algorithm uses such a key",
            });
        }
        let known = KnownKey { key, algorithms };
        remembered::keys().insert(self.digest, known.clone());
        Ok(known)
    }

    /// What the thumbprint is made of: it stands for the key.
    pub(crate) fn material_digest(&self) -> Digest {
        self.digest
    }

    fn of_material(material: Material) -> Self {
        // Only strings of base64url and fixed names: a serializer can't fail on them.
        let text = serde_json::to_string(&material).unwrap_or_default();
        Self {
            material,
            digest: sha256(text.as_bytes()),
            kid: None,
            alg: None,
            intended_use: None,
            key_operations: None,
            x5c: None,
        }
    }

    /// The SHA-256 thumbprint of RFC 7638, base64url-encoded: the `jkt` of `cnf`.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        base64url(&self.digest)
    }
}

impl Jwk {
    /// The certificate of the key in DER, the first of `x5c` (RFC 7517 section 4.7), unproven;
    /// none where the key came without.
    ///
    /// # Errors
    /// [`Error::KeyInvalid`] where there is one that cannot be read.
    pub fn certificate(&self) -> Result<Option<Vec<u8>>, Error> {
        let Some(chain) = &self.x5c else {
            return Ok(None);
        };
        // Base64 with padding, not base64url.
        let first = chain
            .first()
            .filter(|first| first.len() <= CERTIFICATE_CHARACTERS_MAX);
        let der = first.and_then(|first| openssl::base64::decode_block(first).ok());
        der.map(Some).ok_or(Error::KeyInvalid {
            reason: "x5c is empty, too long or not base64",
        })
    }

    /// The key alone, without `kid`, `alg` and `use`: as it stands in a token's `jwk` header.
    pub(crate) fn bare(&self) -> Self {
        Self {
            material: self.material.clone(),
            digest: self.digest,
            kid: None,
            alg: None,
            intended_use: None,
            key_operations: None,
            x5c: None,
        }
    }

    /// Whether the key's owner means it for verifying signatures (RFC 7517 sections 4.2 and 4.3).
    pub(crate) fn is_for_signatures(&self) -> bool {
        let used = self
            .intended_use
            .as_deref()
            .is_none_or(|word| word == "sig");
        let operations = self.key_operations.as_ref();
        used && operations.is_none_or(|all| all.iter().any(|word| word == "verify"))
    }
}

impl Material {
    fn read<T: HasPublic>(key: &PKeyRef<T>) -> Result<Self, Error> {
        match (key.id(), Algorithm::for_public_key(key)) {
            (_, []) => Err(Error::KeyInvalid {
                reason: "no listed algorithm uses such a key",
            }),
            (Id::RSA, _) => {
                let rsa = key.rsa()?;
                let (e, n) = (base64url(&rsa.e().to_vec()), base64url(&rsa.n().to_vec()));
                Ok(Self::Rsa { e, kty: "RSA", n })
            }
            (Id::EC, [algorithm, ..]) => {
                let ec = key.ec_key()?;
                let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
                let mut context = BigNumContext::new()?;
                let group = ec.group();
                ec.public_key()
                    .affine_coordinates(group, &mut x, &mut y, &mut context)?;
                let (crv, bytes) = match algorithm {
                    Algorithm::Es384 => ("P-384", 48),
                    _ => ("P-256", 32),
                };
                Ok(Self::Ec {
                    crv: crv.to_owned(),
                    kty: "EC",
                    x: base64url(&x.to_vec_padded(bytes)?),
                    y: base64url(&y.to_vec_padded(bytes)?),
                })
            }
            (_, _) => Ok(Self::Okp {
                crv: "Ed25519".to_owned(),
                kty: "OKP",
                x: base64url(&key.raw_public_key()?),
            }),
        }
    }

    fn public_key(&self) -> Result<PKey<Public>, Error> {
        match self {
            Self::Rsa { e, n, .. } => {
                let (n, e) = (bounded(n, 1024)?, bounded(e, 8)?);
                let rsa =
                    Rsa::from_public_components(BigNum::from_slice(&n)?, BigNum::from_slice(&e)?)?;
                Ok(PKey::from_rsa(rsa)?)
            }
            Self::Ec { crv, x, y, .. } => {
                let (curve, bytes) = match crv.as_str() {
                    "P-256" => (Nid::X9_62_PRIME256V1, 32),
                    "P-384" => (Nid::SECP384R1, 48),
                    _ => {
                        return Err(Error::KeyInvalid {
                            reason: "curve not supported",
                        });
                    }
                };
                let key = on_curve(group(curve)?, &exact(x, bytes)?, &exact(y, bytes)?)?;
                Ok(PKey::from_ec_key(key)?)
            }
            Self::Okp { x, .. } => Ok(PKey::public_key_from_raw_bytes(
                &exact(x, 32)?,
                Id::ED25519,
            )?),
        }
    }
}

/// The key of a point, which is on the curve, with coordinates below the field's prime.
///
/// That makes it one of the group's points: P-256 and P-384 have no others (cofactor 1; NIST
/// SP 800-56A, section 5.6.2.3.4). OpenSSL's function for coordinates multiplies the point by the
/// group's order as well, which takes as long as a signature's verification.
fn on_curve(group: &EcGroupRef, x: &[u8], y: &[u8]) -> Result<EcKey<Public>, Error> {
    const UNCOMPRESSED: u8 = 4;
    let mut octets = vec![UNCOMPRESSED];
    octets.extend_from_slice(x);
    octets.extend_from_slice(y);
    let mut context = BigNumContext::new()?;
    let point =
        EcPoint::from_bytes(group, &octets, &mut context).map_err(|_| Error::KeyInvalid {
            reason: "the point is not on the curve",
        })?;
    Ok(EcKey::from_public_key(group, &point)?)
}

/// A curve, whose making takes as long as a signature.
fn group(curve: Nid) -> Result<&'static EcGroupRef, Error> {
    type Group = LazyLock<Result<EcGroup, ErrorStack>>;
    static P256: Group = LazyLock::new(|| EcGroup::from_curve_name(Nid::X9_62_PRIME256V1));
    static P384: Group = LazyLock::new(|| EcGroup::from_curve_name(Nid::SECP384R1));
    let group = match curve {
        Nid::SECP384R1 => &*P384,
        _ => &*P256,
    };
    match group {
        Ok(group) => Ok(group),
        Err(failed) => Err(Error::CryptoFailed(failed.clone())),
    }
}

fn bounded(text: &str, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let bytes = parse_base64url(text)?;
    if bytes.is_empty() || bytes.len() > bytes_max {
        return Err(Error::KeyInvalid {
            reason: "a key member is empty or too long",
        });
    }
    Ok(bytes)
}

fn exact(text: &str, bytes: usize) -> Result<Vec<u8>, Error> {
    let value = parse_base64url(text)?;
    if value.len() == bytes {
        Ok(value)
    } else {
        Err(Error::KeyInvalid {
            reason: "a key member has the wrong length",
        })
    }
}

/// The wire form before judgement: every member that matters, private ones included.
#[derive(Deserialize)]
struct RawJwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    kid: Option<String>,
    alg: Option<Algorithm>,
    #[serde(rename = "use")]
    intended_use: Option<String>,
    key_ops: Option<Vec<String>>,
    x5c: Option<Vec<String>>,
    d: Option<serde_json::Value>,
    p: Option<serde_json::Value>,
    q: Option<serde_json::Value>,
    dp: Option<serde_json::Value>,
    dq: Option<serde_json::Value>,
    qi: Option<serde_json::Value>,
    k: Option<serde_json::Value>,
}

impl TryFrom<RawJwk> for Jwk {
    type Error = Error;

    fn try_from(raw: RawJwk) -> Result<Self, Error> {
        let private = [&raw.d, &raw.p, &raw.q, &raw.dp, &raw.dq, &raw.qi, &raw.k];
        if private.iter().any(|member| member.is_some()) {
            return Err(Error::KeyInvalid {
                reason: "private members in a public key",
            });
        }
        let material = match (raw.kty.as_str(), raw.crv, raw.x, raw.y, raw.n, raw.e) {
            ("EC", Some(crv), Some(x), Some(y), None, None) => Material::Ec {
                crv,
                kty: "EC",
                x,
                y,
            },
            ("OKP", Some(crv), Some(x), None, None, None) if crv == "Ed25519" => {
                Material::Okp { crv, kty: "OKP", x }
            }
            ("RSA", None, None, None, Some(n), Some(e)) => Material::Rsa { e, kty: "RSA", n },
            _ => {
                return Err(Error::KeyInvalid {
                    reason: "members do not fit kty",
                });
            }
        };
        let jwk = Self {
            kid: raw.kid,
            alg: raw.alg,
            intended_use: raw.intended_use,
            key_operations: raw.key_ops,
            x5c: raw.x5c,
            ..Self::of_material(material)
        };
        jwk.public_key()?;
        Ok(jwk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example key of RFC 7638 section 3.1 and its published thumbprint.
    const RFC7638: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;

    #[test]
    fn thumbprint_matches_rfc_7638() {
        let jwk: Jwk = serde_json::from_str(RFC7638).unwrap();
        assert_eq!(
            jwk.thumbprint(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    #[test]
    fn every_key_type_survives_a_round_trip() {
        for algorithm in [
            Algorithm::Rs256,
            Algorithm::Es256,
            Algorithm::Es384,
            Algorithm::EdDsa,
        ] {
            let key = crate::SigningKey::generate(algorithm).unwrap();
            let text = serde_json::to_string(key.public_jwk()).unwrap();
            let read: Jwk = serde_json::from_str(&text).unwrap();
            assert_eq!(&read, key.public_jwk());
            assert_eq!(
                Jwk::from_public_key(&read.public_key().unwrap())
                    .unwrap()
                    .kid,
                read.kid
            );
        }
    }

    #[test]
    fn a_brainpool_key_makes_no_jwk() {
        let group = EcGroup::from_curve_name(Nid::BRAINPOOL_P256R1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let refusal = Jwk::from_public_key(&key).unwrap_err();
        assert_eq!(refusal.code(), "jose.key_invalid");
    }

    #[test]
    fn a_name_that_two_keys_share_finds_neither() {
        let key = crate::SigningKey::generate(Algorithm::Es256).unwrap();
        let one = key.public_jwk().clone();
        let other = crate::SigningKey::generate(Algorithm::Es256).unwrap();
        let mut same_name = other.public_jwk().clone();
        same_name.kid = one.kid.clone();
        let kid = key.kid();
        let mut set = JwkSet {
            keys: vec![other.public_jwk().clone(), one],
        };
        assert_eq!(set.find(kid), Some(key.public_jwk()));
        set.keys.push(same_name);
        assert_eq!(set.find(kid), None);
    }

    /// Attack C6: the same point by coordinates that are not below the field's prime would be a
    /// second name of the same key.
    #[test]
    fn c6_a_point_has_one_encoding() {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let mut context = BigNumContext::new().unwrap();
        let [mut prime, mut a, mut b, mut x, mut y] = [(); 5].map(|()| BigNum::new().unwrap());
        group
            .components_gfp(&mut prime, &mut a, &mut b, &mut context)
            .unwrap();
        // Small enough for the sum with the prime to have 32 octets as well.
        let point = (0..=u8::MAX).find_map(|small| {
            let mut compressed = [0; 33];
            (compressed[0], compressed[32]) = (2, small);
            EcPoint::from_bytes(&group, &compressed, &mut context).ok()
        });
        let point = point.unwrap();
        point
            .affine_coordinates(&group, &mut x, &mut y, &mut context)
            .unwrap();
        let mut beyond = BigNum::new().unwrap();
        beyond.checked_add(&x, &prime).unwrap();
        let jwk = |x: &BigNum| {
            let [x, y] = [x, &y].map(|number| base64url(&number.to_vec_padded(32).unwrap()));
            let text = format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#);
            serde_json::from_str::<Jwk>(&text)
        };
        assert!(jwk(&x).is_ok());
        assert!(jwk(&beyond).is_err());
    }

    #[test]
    fn a_key_with_one_changed_character_is_another_key() {
        let key = crate::SigningKey::generate(Algorithm::Rs256).unwrap();
        let text = serde_json::to_string(&key.public_jwk().bare()).unwrap();
        let known: Jwk = serde_json::from_str(&text).unwrap();
        let place = text.find("\"n\":\"").unwrap() + 20;
        let mut other = text.clone();
        let changed = if &text[place..=place] == "A" {
            "B"
        } else {
            "A"
        };
        other.replace_range(place..=place, changed);
        let other: Jwk = serde_json::from_str(&other).unwrap();
        assert_ne!(known.thumbprint(), other.thumbprint());
        let modulus = |jwk: &Jwk| jwk.public_key().unwrap().rsa().unwrap().n().to_vec();
        assert_ne!(modulus(&known), modulus(&other));
    }

    #[test]
    fn unacceptable_keys_do_not_parse() {
        let cases = [
            ("symmetric", r#"{"kty":"oct","k":"AAAA"}"#.to_owned()),
            (
                "private member",
                RFC7638.replace("\"alg\"", "\"d\":\"AQAB\",\"alg\""),
            ),
            ("exponent 3", RFC7638.replace("AQAB", "Aw")),
            ("padded base64", RFC7638.replace("AQAB", "AQAB=")),
            ("unknown algorithm", RFC7638.replace("RS256", "HS256")),
            ("card's algorithm", RFC7638.replace("RS256", "BP256R1")),
            (
                "card's curve",
                format!(
                    r#"{{"kty":"EC","crv":"BP-256","x":"{0}","y":"{0}"}}"#,
                    base64url(&[1; 32])
                ),
            ),
            (
                "twice the same member",
                RFC7638.replace("\"e\":", "\"e\":\"AQAB\",\"e\":"),
            ),
            (
                "point off the curve",
                format!(
                    r#"{{"kty":"EC","crv":"P-256","x":"{0}","y":"{0}"}}"#,
                    base64url(&[1; 32])
                ),
            ),
        ];
        for (name, text) in cases {
            assert!(serde_json::from_str::<Jwk>(&text).is_err(), "{name}");
        }
    }
}
