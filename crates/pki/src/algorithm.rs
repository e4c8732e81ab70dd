//! The closed list of signature algorithms, and the floor under algorithms and keys.

use crate::{Error, Oid, Position};
use openssl::ec::Asn1Flag;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKeyRef, Public};
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::AlgorithmIdentifier;

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
    /// SHA-256 and better; RSA 2048 to 8192 bits with an exponent of 65537 or more; P-256,
    /// P-384, P-521, the brainpool r1 curves of the same sizes, Ed25519 and Ed448.
    Current,
    /// Also SHA-1 and RSA from 1024 bits. Only for reading published test vectors of the SHA-1
    /// era; no program configures it.
    TestVectorsOnly,
}

/// OpenSSL's security level: 2 asks 112 bits of every key and digest on the path.
const CURRENT_SECURITY_LEVEL: i32 = 2;
/// Exponents 1 and 3 have made forged padding pass in careless verifiers.
const RSA_EXPONENT_MIN: u32 = 65_537;
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

    /// Checks a public key; `position` is whose key it is.
    pub(crate) fn check_key(self, key: &PKeyRef<Public>, position: Position) -> Result<(), Error> {
        match key.id() {
            Id::RSA | Id::RSA_PSS => self.check_rsa(key, position),
            Id::EC => check_curve(key, position),
            Id::ED25519 | Id::ED448 => Ok(()),
            _ => Err(Error::KeyRefused {
                position,
                reason: "the key type is not accepted",
            }),
        }
    }

    fn check_rsa(self, key: &PKeyRef<Public>, position: Position) -> Result<(), Error> {
        let bits_min = match self {
            Self::Current => 2048,
            Self::TestVectorsOnly => 1024,
        };
        let bits = key.bits();
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
        let exponent_min = openssl::bn::BigNum::from_u32(RSA_EXPONENT_MIN)?;
        if *key.rsa()?.e() < *exponent_min {
            return refused("the RSA exponent is too small");
        }
        Ok(())
    }
}

/// Explicit parameters let an attacker choose the generator (CVE-2020-0601), so the key must
/// name its curve; OpenSSL notes in the group's flag how the key was encoded.
fn check_curve(key: &PKeyRef<Public>, position: Position) -> Result<(), Error> {
    let ec_key = key.ec_key()?;
    let group = ec_key.group();
    let refused = |curve| Err(Error::CurveRefused { position, curve });
    if group.asn1_flag() != Asn1Flag::NAMED_CURVE {
        return refused("explicit parameters");
    }
    match group.curve_name() {
        Some(
            Nid::X9_62_PRIME256V1
            | Nid::SECP384R1
            | Nid::SECP521R1
            | Nid::BRAINPOOL_P256R1
            | Nid::BRAINPOOL_P384R1
            | Nid::BRAINPOOL_P512R1,
        ) => Ok(()),
        other => refused(
            other
                .and_then(|curve| curve.short_name().ok())
                .unwrap_or("unknown"),
        ),
    }
}
