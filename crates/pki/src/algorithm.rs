//! The closed list of signature algorithms, and the floor under algorithms and keys.

pub(crate) mod roca;

use crate::{Certificate, Error, Oid, Position};
use openssl::asn1::Asn1Object;
use openssl::pkey::Id;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

/// A signature algorithm on a certificate, CRL or OCSP response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// RSA (PKCS #1 v1.5 or PSS), ECDSA or EdDSA with SHA-256, SHA-384 or SHA-512.
    Current(&'static str),
    /// RSA PKCS #1 v1.5 or ECDSA with SHA-1, which collisions have broken.
    Sha1(&'static str),
    /// Anything else, by its object identifier.
    Other(Oid),
}

impl SignatureAlgorithm {
    pub(crate) fn from_parsed(algorithm: &AlgorithmIdentifier<'_>) -> Self {
        let oid = algorithm.algorithm.to_id_string();
        match oid.as_str() {
            "1.2.840.113549.1.1.11" => Self::Current("rsa-sha256"),
            "1.2.840.113549.1.1.12" => Self::Current("rsa-sha384"),
            "1.2.840.113549.1.1.13" => Self::Current("rsa-sha512"),
            "1.2.840.113549.1.1.10" => Self::of_pss(algorithm),
            "1.2.840.10045.4.3.2" => Self::Current("ecdsa-sha256"),
            "1.2.840.10045.4.3.3" => Self::Current("ecdsa-sha384"),
            "1.2.840.10045.4.3.4" => Self::Current("ecdsa-sha512"),
            "1.3.101.112" => Self::Current("ed25519"),
            "1.3.101.113" => Self::Current("ed448"),
            "1.2.840.113549.1.1.5" => Self::Sha1("rsa-sha1"),
            "1.2.840.10045.4.1" => Self::Sha1("ecdsa-sha1"),
            _ => Self::Other(Oid::from_parsed(&algorithm.algorithm)),
        }
    }

    /// Whether a key of this type can make such a signature.
    pub(crate) fn fits(&self, key: Id) -> bool {
        match self {
            Self::Current(name) | Self::Sha1(name) => match key {
                Id::RSA => name.starts_with("rsa"),
                Id::RSA_PSS => name.starts_with("rsa-pss"),
                Id::EC => name.starts_with("ecdsa"),
                Id::ED25519 => *name == "ed25519",
                Id::ED448 => *name == "ed448",
                _ => false,
            },
            Self::Other(_) => true,
        }
    }

    /// PSS carries its hashes in the parameters, and the default of both is SHA-1
    /// (RFC 4055 section 3.1).
    fn of_pss(algorithm: &AlgorithmIdentifier<'_>) -> Self {
        let other = || Self::Other(Oid::from_parsed(&algorithm.algorithm));
        let Some(Ok(parameters)) = algorithm.parameters.as_ref().map(RsaSsaPssParams::try_from)
        else {
            return other();
        };
        let Ok(mask) = parameters.mask_gen_algorithm() else {
            return other();
        };
        let hashes = [
            parameters.hash_algorithm_oid().to_id_string(),
            mask.hash.to_id_string(),
        ];
        if hashes
            .iter()
            .all(|oid| CURRENT_HASHES.contains(&oid.as_str()))
        {
            Self::Current("rsa-pss")
        } else if hashes.iter().any(|oid| oid == SHA1) {
            Self::Sha1("rsa-pss-sha1")
        } else {
            other()
        }
    }
}

const SHA1: &str = "1.3.14.3.2.26";
/// SHA-256, SHA-384 and SHA-512.
const CURRENT_HASHES: [&str; 3] = [
    "2.16.840.1.101.3.4.2.1",
    "2.16.840.1.101.3.4.2.2",
    "2.16.840.1.101.3.4.2.3",
];

impl std::fmt::Display for SignatureAlgorithm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Current(name) | Self::Sha1(name) => formatter.write_str(name),
            Self::Other(oid) => oid.fmt(formatter),
        }
    }
}

/// The weakest algorithms and keys that are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlgorithmFloor {
    /// SHA-256 and better; RSA 2048 to 8192 bits with an odd exponent from 65537 to 64 bits, and
    /// without the mark of CVE-2017-15361 ("ROCA"); points on P-256, P-384, P-521 and the
    /// brainpool r1 curves of the same sizes, Ed25519 and Ed448.
    Current,
    /// Also SHA-1 and RSA from 1024 bits. Only for reading published test vectors of the SHA-1
    /// era; no program configures it.
    TestVectorsOnly,
}

/// OpenSSL's security level: 2 asks 112 bits of every key and digest on the path.
const CURRENT_SECURITY_LEVEL: i32 = 2;
/// Exponents 1 and 3 have made forged padding pass in careless verifiers.
const RSA_EXPONENT_MIN: u64 = 65_537;
/// Larger keys only cost time: verification grows with the square of the length.
const RSA_BITS_MAX: u32 = 8192;

impl AlgorithmFloor {
    pub(crate) fn openssl_security_level(self) -> i32 {
        match self {
            Self::Current => CURRENT_SECURITY_LEVEL,
            Self::TestVectorsOnly => 0,
        }
    }

    /// Checks a signature algorithm; `position` is whose signature it is.
    pub(crate) fn check_signature_algorithm(
        self,
        algorithm: &SignatureAlgorithm,
        position: Position,
    ) -> Result<(), Error> {
        match (self, algorithm) {
            (_, SignatureAlgorithm::Current(_))
            | (Self::TestVectorsOnly, SignatureAlgorithm::Sha1(_)) => Ok(()),
            (Self::Current, SignatureAlgorithm::Sha1(algorithm)) => {
                Err(Error::SignatureAlgorithmSha1 {
                    position,
                    algorithm,
                })
            }
            (_, SignatureAlgorithm::Other(_)) => Err(Error::SignatureAlgorithmRefused {
                position,
                algorithm: algorithm.to_string(),
            }),
        }
    }

    /// Checks the public key of a certificate at `position`.
    pub(crate) fn check_key(
        self,
        certificate: &Certificate,
        position: Position,
    ) -> Result<(), Error> {
        let key = certificate.public_key();
        match (key.id(), certificate.key_form()) {
            (Id::RSA | Id::RSA_PSS, KeyForm::Rsa { exponent }) => {
                self.check_rsa(key.bits(), *exponent, position)?;
                match certificate.has_roca_fingerprint() {
                    false => Ok(()),
                    true => Err(Error::KeyRefused {
                        position,
                        reason: "the RSA key can be factored (CVE-2017-15361)",
                    }),
                }
            }
            (Id::EC, KeyForm::NamedCurve(curve)) => check_curve(curve, position),
            (Id::EC, KeyForm::PointAtInfinity) => Err(Error::KeyRefused {
                position,
                reason: "its point is at infinity, under which anybody can sign",
            }),
            (Id::EC, KeyForm::UnnamedCurve) => Err(Error::CurveRefused {
                position,
                curve: "explicit parameters".to_owned(),
            }),
            (Id::ED25519 | Id::ED448, KeyForm::Other) => Ok(()),
            _ => Err(Error::KeyRefused {
                position,
                reason: "the key type is not accepted",
            }),
        }
    }

    fn check_rsa(self, bits: u32, exponent: u64, position: Position) -> Result<(), Error> {
        let bits_min = match self {
            Self::Current => 2048,
            Self::TestVectorsOnly => 1024,
        };
        if bits < bits_min {
            return Err(Error::RsaKeyTooShort {
                position,
                bits,
                bits_min,
            });
        }
        let refused = |reason| Err(Error::KeyRefused { position, reason });
        if bits > RSA_BITS_MAX {
            return refused("the RSA modulus is too long");
        }
        if exponent < RSA_EXPONENT_MIN {
            return refused("the RSA exponent is too small");
        }
        if exponent == u64::MAX {
            return refused("the RSA exponent is too long");
        }
        if exponent.is_multiple_of(2) {
            return refused("the RSA exponent is even");
        }
        Ok(())
    }
}

/// How a public key is encoded, as far as the floor asks. OpenSSL could tell as well, but first
/// copies the whole key into a form of its own, at the price of a signature check.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeyForm {
    /// An RSA key; exponents beyond 64 bits count as the greatest within, which is refused too:
    /// verifying takes time in proportion to their length.
    Rsa {
        /// The public exponent.
        exponent: u64,
    },
    /// A key on a curve that is given by its identifier (RFC 5480 section 2.1.1).
    NamedCurve(Oid),
    /// A key on a curve that is given by its parameters, or not at all. Explicit parameters let an
    /// attacker choose the generator (CVE-2020-0601).
    UnnamedCurve,
    /// A key on a named curve whose point is the one at infinity (SEC 1 section 2.3.3).
    PointAtInfinity,
    /// Any other key.
    Other,
}

impl KeyForm {
    pub(crate) fn from_parsed(key: &SubjectPublicKeyInfo<'_>) -> Self {
        match key.algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => Self::Rsa {
                exponent: RSAPublicKey::from_der(&key.subject_public_key.data)
                    .map_or(0, |(_, key)| exponent_of(&key)),
            },
            "1.2.840.10045.2.1" => key
                .algorithm
                .parameters
                .as_ref()
                .and_then(|parameters| parameters.as_oid().ok())
                .map_or(Self::UnnamedCurve, |curve| {
                    match key.subject_public_key.data.first() {
                        None | Some(0) => Self::PointAtInfinity,
                        Some(_) => Self::NamedCurve(Oid::from_parsed(&curve)),
                    }
                }),
            _ => Self::Other,
        }
    }

    /// What checking a signature with this key of `bits` costs, in checks with RSA 4096: some
    /// 0.3 ms at most.
    pub(crate) fn check_cost(&self, bits: u32) -> u32 {
        const QUICK_RSA_BITS_MAX: u32 = 4096;
        match self {
            Self::Rsa { exponent } if bits <= QUICK_RSA_BITS_MAX && *exponent <= 1 << 32 => 1,
            Self::NamedCurve(curve) => match curve.as_str() {
                P256 => 1,
                P521 | BRAINPOOL_P256R1 => 2,
                _ => 5,
            },
            Self::Other => 1,
            Self::Rsa { .. } | Self::UnnamedCurve | Self::PointAtInfinity => 5,
        }
    }
}

/// The exponent, or 0 when it is none.
fn exponent_of(key: &RSAPublicKey<'_>) -> u64 {
    let is_negative = key.exponent.first().is_none_or(|first| first & 0x80 != 0);
    if is_negative {
        return 0;
    }
    let digits = key.exponent.iter().skip_while(|byte| **byte == 0);
    match digits.clone().count() {
        0..=8 => digits.fold(0, |number, byte| (number << 8) | u64::from(*byte)),
        _ => u64::MAX,
    }
}

const P256: &str = "1.2.840.10045.3.1.7";
const P521: &str = "1.3.132.0.35";
const BRAINPOOL_P256R1: &str = "1.3.36.3.3.2.8.1.1.7";

const CURRENT_CURVES: [&str; 6] = [
    P256,
    // P-384
    "1.3.132.0.34",
    P521,
    BRAINPOOL_P256R1,
    // brainpoolP384r1, brainpoolP512r1
    "1.3.36.3.3.2.8.1.1.11",
    "1.3.36.3.3.2.8.1.1.13",
];

fn check_curve(curve: &Oid, position: Position) -> Result<(), Error> {
    if CURRENT_CURVES.contains(&curve.as_str()) {
        return Ok(());
    }
    let object = Asn1Object::from_str(curve.as_str()).ok();
    let name = object.as_ref().and_then(|it| it.nid().short_name().ok());
    Err(Error::CurveRefused {
        position,
        curve: name.unwrap_or(curve.as_str()).to_owned(),
    })
}
