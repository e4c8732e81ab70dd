//! Key kinds, key making and signatures, all by OpenSSL.

use openssl::ec::{EcGroup, EcKey};
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, PKeyRef, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use x509_cert::der::asn1::{BitString, Null};
use x509_cert::der::{Any, Decode};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use crate::error::Error;
use crate::object_identifier::{ECDSA_WITH_SHA256, SHA256_WITH_RSA};

/// Which key to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// NIST P-256: made in well under a millisecond, for tests that need a PKI at once.
    P256,
    /// BrainpoolP256r1: what the German cards hold, and their authorities.
    BrainpoolP256r1,
    /// RSA 2048: what the model cards hold.
    Rsa2048,
    /// RSA 4096: what the model authorities hold. Making one takes about a second.
    Rsa4096,
}

impl KeyKind {
    /// Makes a new private key.
    ///
    /// # Errors
    /// [`Error::CryptoFailed`] when OpenSSL cannot.
    pub fn generate(self) -> Result<PKey<Private>, Error> {
        let key = match self {
            Self::P256 => on_curve(Nid::X9_62_PRIME256V1)?,
            Self::BrainpoolP256r1 => on_curve(Nid::BRAINPOOL_P256R1)?,
            Self::Rsa2048 => PKey::from_rsa(Rsa::generate(2048)?)?,
            Self::Rsa4096 => PKey::from_rsa(Rsa::generate(4096)?)?,
        };
        Ok(key)
    }
}

fn on_curve(curve: Nid) -> Result<PKey<Private>, Error> {
    let group = EcGroup::from_curve_name(curve)?;
    Ok(PKey::from_ec_key(EcKey::generate(&group)?)?)
}

/// The signature algorithm that `key` signs certificates with.
pub(crate) fn signature_algorithm(key: &PKeyRef<Private>) -> AlgorithmIdentifierOwned {
    if key.id() == Id::EC {
        AlgorithmIdentifierOwned {
            oid: ECDSA_WITH_SHA256,
            parameters: None,
        }
    } else {
        // RFC 4055 section 5: the parameters are NULL, not absent.
        AlgorithmIdentifierOwned {
            oid: SHA256_WITH_RSA,
            parameters: Some(Any::from(Null)),
        }
    }
}

/// Signs the encoded to-be-signed part of a certificate, CRL or OCSP response.
pub(crate) fn sign(key: &PKeyRef<Private>, to_be_signed: &[u8]) -> Result<BitString, Error> {
    let mut signer = Signer::new(MessageDigest::sha256(), key)?;
    let signature = signer.sign_oneshot_to_vec(to_be_signed)?;
    Ok(BitString::from_bytes(&signature)?)
}

/// The public half of `key` as it stands in a certificate.
pub(crate) fn public_key_info(key: &PKeyRef<Private>) -> Result<SubjectPublicKeyInfoOwned, Error> {
    Ok(SubjectPublicKeyInfoOwned::from_der(
        &key.public_key_to_der()?,
    )?)
}

/// RFC 5280 section 4.2.1.2 method (1): SHA-1 over the public key's bits.
pub(crate) fn key_identifier(info: &SubjectPublicKeyInfoOwned) -> Result<Vec<u8>, Error> {
    let bits = info.subject_public_key.raw_bytes();
    Ok(hash(MessageDigest::sha1(), bits)?.to_vec())
}
