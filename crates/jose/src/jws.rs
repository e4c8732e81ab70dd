//! Reading a compact JWS (RFC 7515): parsed first, trusted only after [`UnverifiedJws::verify`].

use std::fmt;

use openssl::pkey::{PKey, Public};
use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::digest::parse_base64url;
use crate::remembered::{self, Digest, KnownKey};
use crate::{Algorithm, Error, Jwk, signature};

/// Certificates that `x5c` may hold; a card's path is a leaf and one or two issuing CAs.
const X5C_CERTIFICATES_MAX: usize = 6;

/// A parsed compact JWS whose signature nobody has checked yet.
///
/// Nothing in it may be believed. It exists to find out which key to verify with.
#[derive(Debug)]
pub struct UnverifiedJws<'a> {
    signing_input: &'a str,
    header: Header,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// A JWS whose signature, algorithm and `typ` have been checked.
#[derive(Debug)]
pub struct VerifiedJws {
    payload: Vec<u8>,
}

/// A public key and the algorithms that it is accepted with.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    key: PKey<Public>,
    algorithms: Vec<Algorithm>,
    /// Stands for the key among signatures that were good; none of a card's key, and none where
    /// signatures come once.
    digest: Option<Digest>,
}

impl VerifyingKey {
    /// The key of a JWK; its `alg`, where present, is the only algorithm accepted.
    ///
    /// # Errors
    /// [`Error::KeyInvalid`], also for a key whose `use` or `key_ops` is not for signatures, or
    /// [`Error::AlgorithmNotAllowed`] when `alg` does not fit the key.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, Error> {
        let KnownKey { key, algorithms } = jwk.known_key()?;
        if !jwk.is_for_signatures() {
            return Err(Error::KeyInvalid {
                reason: "not meant for signatures",
            });
        }
        let key = match jwk.alg {
            Some(algorithm) => Self::with_fitting(key, algorithms, &[algorithm])?,
            None => Self {
                algorithms: algorithms.to_vec(),
                key,
                digest: None,
            },
        };
        let digest = Some(jwk.material_digest());
        Ok(Self { digest, ..key })
    }

    /// A public key with the algorithms that the caller allows.
    ///
    /// # Errors
    /// [`Error::AlgorithmNotAllowed`] when none of them fits the key.
    pub fn from_public_key(key: PKey<Public>, allowed: &[Algorithm]) -> Result<Self, Error> {
        let fitting = Algorithm::for_public_key(&key);
        Self::with_fitting(key, fitting, allowed)
    }

    /// The key of a card's certificate with the algorithms that the caller allows, for card
    /// assertions only: this is the one way to a key that verifies [`Algorithm::Bp256r1`].
    ///
    /// # Errors
    /// [`Error::AlgorithmNotAllowed`] when none of them fits the key.
    pub fn from_card_key(key: PKey<Public>, allowed: &[Algorithm]) -> Result<Self, Error> {
        let fitting = Algorithm::for_card_key(&key);
        Self::with_fitting(key, fitting, allowed)
    }

    /// Verifies a signature in JWS form: RSA as long as the modulus, ECDSA as `r || s`.
    ///
    /// A compact JWS goes through [`UnverifiedJws::verify`], which looks at its `typ` as well.
    ///
    /// # Errors
    /// [`Error::AlgorithmNotAllowed`] when the key is not for this algorithm,
    /// [`Error::SignatureInvalid`] for everything else, so that no caller can tell why.
    pub fn verify_signature(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        if !self.accepts(algorithm) {
            return Err(Error::AlgorithmNotAllowed);
        }
        signature::verify(algorithm, &self.key, message, signature)
    }

    /// Whether the key verifies signatures of an algorithm.
    #[must_use]
    pub fn accepts(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    fn with_fitting(
        key: PKey<Public>,
        fitting: &[Algorithm],
        allowed: &[Algorithm],
    ) -> Result<Self, Error> {
        let algorithms: Vec<_> = allowed
            .iter()
            .copied()
            .filter(|a| fitting.contains(a))
            .collect();
        if algorithms.is_empty() {
            return Err(Error::AlgorithmNotAllowed);
        }
        Ok(Self {
            key,
            algorithms,
            digest: None,
        })
    }

    /// The same key, by which no signature is remembered.
    pub(crate) fn for_once(self) -> Self {
        Self {
            digest: None,
            ..self
        }
    }

    /// Verifies a signature that may have been verified before: the same bytes by the same key.
    fn verify_once(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        let Some(digest) = &self.digest else {
            return self.verify_signature(algorithm, message, signature);
        };
        let mut of = openssl::sha::Sha256::new();
        of.update(digest);
        of.update(algorithm.as_str().as_bytes());
        // The length of what is of any length, so that nothing can be read in two ways.
        of.update(&[0]);
        of.update(&message.len().to_be_bytes());
        of.update(message);
        of.update(signature);
        let of = of.finish();
        if self.accepts(algorithm) && remembered::signatures().find(&of).is_some() {
            return Ok(());
        }
        self.verify_signature(algorithm, message, signature)?;
        remembered::signatures().insert(of, ());
        Ok(())
    }
}

/// The header after judgement.
#[derive(Debug)]
struct Header {
    alg: Algorithm,
    typ: Option<String>,
    kid: Option<String>,
    jwk: Option<Jwk>,
    x5c: Option<Vec<String>>,
}

/// The header parameters that matter here. Unknown ones are ignored as RFC 7515 section 4 asks;
/// those that would make us fetch or trust something are noticed, and refused.
#[derive(Deserialize)]
struct RawHeader {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    jwk: Option<Jwk>,
    #[serde(default)]
    x5c: Option<Vec<String>>,
    crit: Option<serde::de::IgnoredAny>,
    jku: Option<serde::de::IgnoredAny>,
    x5u: Option<serde::de::IgnoredAny>,
    b64: Option<serde::de::IgnoredAny>,
}

impl<'a> UnverifiedJws<'a> {
    /// Splits and decodes a compact JWS.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Malformed`], [`Error::AlgorithmNotAllowed`] for an `alg`
    /// outside the closed list, [`Error::HeaderRefused`] for `crit`, `jku`, `x5u` and `b64`.
    pub fn parse(compact: &'a str, bytes_max: usize) -> Result<Self, Error> {
        Self::parse_named(compact, bytes_max, |name| name.parse())
    }

    /// As [`UnverifiedJws::parse`], for what a card signs: `alg` may be
    /// [`Algorithm::Bp256r1`] too.
    ///
    /// # Errors
    /// As [`UnverifiedJws::parse`].
    pub fn parse_by_card(compact: &'a str, bytes_max: usize) -> Result<Self, Error> {
        Self::parse_named(compact, bytes_max, Algorithm::named_by_card)
    }

    fn parse_named(
        compact: &'a str,
        bytes_max: usize,
        algorithm_named: impl Fn(&str) -> Result<Algorithm, Error>,
    ) -> Result<Self, Error> {
        if compact.len() > bytes_max {
            return Err(Error::TooLarge {
                bytes: compact.len(),
                bytes_max,
            });
        }
        let malformed = Error::Malformed {
            reason: "not three parts",
        };
        let (signing_input, signature) = compact.rsplit_once('.').ok_or(malformed)?;
        let (header, payload) = signing_input
            .split_once('.')
            .filter(|(_, payload)| !payload.contains('.'))
            .ok_or(Error::Malformed {
                reason: "not three parts",
            })?;
        let header = Header::parse(&parse_base64url(header)?, algorithm_named)?;
        let (payload, signature) = (parse_base64url(payload)?, parse_base64url(signature)?);
        Ok(Self {
            signing_input,
            header,
            payload,
            signature,
        })
    }

    /// `alg`, from the closed list.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.header.alg
    }

    /// `typ`, unproven.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// `kid`, unproven: a name to look a key up by.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The key that the token brings along. It proves possession of itself and nothing more.
    #[must_use]
    pub fn jwk(&self) -> Option<&Jwk> {
        self.header.jwk.as_ref()
    }

    /// The certificates of `x5c` in DER, leaf first (RFC 7515 section 4.1.6), unproven.
    ///
    /// # Errors
    /// [`Error::Malformed`] when absent, empty, too many, or not base64.
    pub fn x5c(&self) -> Result<Vec<Vec<u8>>, Error> {
        use base64::Engine as _;
        let encoded = self.header.x5c.as_deref().unwrap_or_default();
        if encoded.is_empty() || encoded.len() > X5C_CERTIFICATES_MAX {
            return Err(Error::Malformed {
                reason: "x5c is absent, empty or too long",
            });
        }
        encoded
            .iter()
            .map(|text| base64::engine::general_purpose::STANDARD.decode(text))
            .collect::<Result<_, _>>()
            .map_err(|_| Error::Malformed {
                reason: "x5c is not base64",
            })
    }

    /// The payload read as claims, unproven.
    ///
    /// # Errors
    /// [`Error::ClaimsMalformed`].
    pub fn unverified_claims<T: DeserializeOwned>(&self) -> Result<T, Error> {
        read_json(&self.payload).ok_or(Error::ClaimsMalformed)
    }

    /// As [`UnverifiedJws::verify`], for tokens whose specification asks for no `typ`: it may be
    /// absent or one of these, and the signature must be by one of these keys.
    ///
    /// # Errors
    /// [`Error::TypeMismatch`] names the last type accepted; [`Error::AlgorithmNotAllowed`] when
    /// no key is for the algorithm; [`Error::SignatureInvalid`].
    pub fn verify_by_any(
        self,
        keys: &[VerifyingKey],
        types: &[&str],
    ) -> Result<VerifiedJws, Error> {
        if let Some(found) = self.typ()
            && !types.iter().any(|typ| found.eq_ignore_ascii_case(typ))
        {
            let expected = types.last().copied().unwrap_or_default().to_owned();
            return Err(Error::TypeMismatch { expected });
        }
        let message = self.signing_input.as_bytes();
        let mut refusal = Error::AlgorithmNotAllowed;
        for key in keys {
            match key.verify_once(self.header.alg, message, &self.signature) {
                Ok(()) => {
                    return Ok(VerifiedJws {
                        payload: self.payload,
                    });
                }
                Err(Error::AlgorithmNotAllowed) => {}
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    /// Checks `typ`, the algorithm against the key, and the signature.
    ///
    /// # Errors
    /// [`Error::TypeMismatch`], [`Error::AlgorithmNotAllowed`], [`Error::SignatureInvalid`].
    pub fn verify(self, key: &VerifyingKey, typ: &str) -> Result<VerifiedJws, Error> {
        // Media types are case-insensitive (RFC 7515 section 4.1.9).
        if !self
            .typ()
            .is_some_and(|found| found.eq_ignore_ascii_case(typ))
        {
            return Err(Error::TypeMismatch {
                expected: typ.to_owned(),
            });
        }
        let message = self.signing_input.as_bytes();
        key.verify_once(self.header.alg, message, &self.signature)?;
        Ok(VerifiedJws {
            payload: self.payload,
        })
    }
}

impl VerifiedJws {
    /// The proven claims.
    ///
    /// # Errors
    /// [`Error::ClaimsMalformed`] when they are not what `T` needs; duplicate members included.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, Error> {
        read_json(&self.payload).ok_or(Error::ClaimsMalformed)
    }
}

impl Header {
    fn parse(
        json: &[u8],
        algorithm_named: impl Fn(&str) -> Result<Algorithm, Error>,
    ) -> Result<Self, Error> {
        let header: RawHeader = read_json(json).ok_or(Error::Malformed {
            reason: "the header is not what RFC 7515 describes",
        })?;
        let alg = algorithm_named(&header.alg)?;
        let refused = [
            ("crit", header.crit.is_some()),
            ("jku", header.jku.is_some()),
            ("x5u", header.x5u.is_some()),
            ("b64", header.b64.is_some()),
        ];
        match refused.into_iter().find(|(_, present)| *present) {
            Some((parameter, _)) => Err(Error::HeaderRefused { parameter }),
            None => Ok(Self {
                alg,
                typ: header.typ,
                kid: header.kid,
                jwk: header.jwk,
                x5c: header.x5c,
            }),
        }
    }
}

/// Reads JSON, which is UTF-8 to its last byte (RFC 7515 section 4, RFC 7519 section 3): by itself
/// `serde_json` steps over other bytes inside members that nobody asks for.
fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let text = std::str::from_utf8(bytes).ok()?;
    // Members that `T` does not name are skipped at any depth; this reading stops at 128 levels.
    serde_json::from_str::<AnyJson>(text).ok()?;
    serde_json::from_str(text).ok()
}

/// JSON of any form, read as [`serde_json::Value`] is, and not kept.
struct AnyJson;

impl<'de> Deserialize<'de> for AnyJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for AnyJson {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self, A::Error> {
        while values.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
