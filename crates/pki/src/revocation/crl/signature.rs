//! The signature on a list, kept so that it can be checked after the list's bytes are gone.

use crate::{Error, SignatureAlgorithm};
use openssl::error::ErrorStack;
use openssl::hash::{MessageDigest, hash};
use openssl::md::{Md, MdRef};
use openssl::pkey::{Id, PKeyRef, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Verifier};
use x509_parser::prelude::FromDer;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::AlgorithmIdentifier;

/// Most bytes of a list under an algorithm that signs the message itself instead of a digest,
/// so that the message has to be kept.
const WHOLE_MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// A signature and what it is over: a digest, which is all that the usual algorithms sign.
pub(super) struct ListSignature {
    algorithm: SignatureAlgorithm,
    scheme: Scheme,
    /// The digest of what is signed, or all of it under [`Scheme::Whole`].
    message: Vec<u8>,
    signature: Vec<u8>,
}

enum Scheme {
    Rsa(Digest),
    RsaPss {
        digest: Digest,
        mask_digest: Digest,
        salt_bytes: i32,
    },
    Ecdsa(Digest),
    /// Ed25519 and Ed448.
    Whole(Id),
    /// An algorithm that no floor admits.
    Unknown,
}

#[derive(Clone, Copy)]
enum Digest {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Digest {
    fn message_digest(self) -> MessageDigest {
        match self {
            Self::Sha1 => MessageDigest::sha1(),
            Self::Sha256 => MessageDigest::sha256(),
            Self::Sha384 => MessageDigest::sha384(),
            Self::Sha512 => MessageDigest::sha512(),
        }
    }

    fn md(self) -> &'static MdRef {
        match self {
            Self::Sha1 => Md::sha1(),
            Self::Sha256 => Md::sha256(),
            Self::Sha384 => Md::sha384(),
            Self::Sha512 => Md::sha512(),
        }
    }

    fn of_oid(oid: &str) -> Option<Self> {
        Some(match oid {
            "1.3.14.3.2.26" => Self::Sha1,
            "2.16.840.1.101.3.4.2.1" => Self::Sha256,
            "2.16.840.1.101.3.4.2.2" => Self::Sha384,
            "2.16.840.1.101.3.4.2.3" => Self::Sha512,
            _ => return None,
        })
    }
}

impl ListSignature {
    /// Digests what is signed; nothing is verified yet.
    pub(super) fn new(signed: &[u8], algorithm: &[u8], signature: &[u8]) -> Result<Self, Error> {
        let (_, parsed) = AlgorithmIdentifier::from_der(algorithm)
            .map_err(|_| Error::CrlMalformed("its signature algorithm is not readable"))?;
        let scheme = Scheme::of(&parsed);
        let message = match &scheme {
            Scheme::Rsa(digest) | Scheme::Ecdsa(digest) | Scheme::RsaPss { digest, .. } => {
                hash(digest.message_digest(), signed)?.to_vec()
            }
            Scheme::Whole(_) if signed.len() > WHOLE_MESSAGE_BYTES_MAX => {
                return Err(Error::CrlMalformed(
                    "it is too large for an algorithm that signs no digest",
                ));
            }
            Scheme::Whole(_) => signed.to_vec(),
            Scheme::Unknown => Vec::new(),
        };
        Ok(Self {
            algorithm: SignatureAlgorithm::from_parsed(&parsed),
            scheme,
            message,
            signature: signature.to_vec(),
        })
    }

    pub(super) fn algorithm(&self) -> &SignatureAlgorithm {
        &self.algorithm
    }

    /// Whether `key` made the signature; a key of another kind than the algorithm's did not.
    pub(super) fn is_by(&self, key: &PKeyRef<Public>) -> bool {
        // An error of OpenSSL's means a signature or a key that it cannot use.
        match &self.scheme {
            Scheme::Rsa(digest) if key.id() == Id::RSA => self.verify(key, *digest, None),
            Scheme::RsaPss {
                digest,
                mask_digest,
                salt_bytes,
            } if matches!(key.id(), Id::RSA | Id::RSA_PSS) => {
                self.verify(key, *digest, Some((*mask_digest, *salt_bytes)))
            }
            Scheme::Ecdsa(digest) if key.id() == Id::EC => self.verify(key, *digest, None),
            Scheme::Whole(id) if key.id() == *id => self.verify_whole(key),
            _ => Ok(false),
        }
        .unwrap_or(false)
    }

    fn verify(
        &self,
        key: &PKeyRef<Public>,
        digest: Digest,
        pss: Option<(Digest, i32)>,
    ) -> Result<bool, ErrorStack> {
        let mut context = PkeyCtx::new(key)?;
        context.verify_init()?;
        if let Some((mask_digest, salt_bytes)) = pss {
            context.set_rsa_padding(Padding::PKCS1_PSS)?;
            context.set_rsa_mgf1_md(mask_digest.md())?;
            context.set_rsa_pss_saltlen(RsaPssSaltlen::custom(salt_bytes))?;
        } else if key.id() == Id::RSA {
            context.set_rsa_padding(Padding::PKCS1)?;
        }
        context.set_signature_md(digest.md())?;
        context.verify(&self.message, &self.signature)
    }

    fn verify_whole(&self, key: &PKeyRef<Public>) -> Result<bool, ErrorStack> {
        Verifier::new_without_digest(key)?.verify_oneshot(&self.signature, &self.message)
    }
}

impl Scheme {
    fn of(algorithm: &AlgorithmIdentifier<'_>) -> Self {
        match algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.113549.1.1.5" => Self::Rsa(Digest::Sha1),
            "1.2.840.113549.1.1.11" => Self::Rsa(Digest::Sha256),
            "1.2.840.113549.1.1.12" => Self::Rsa(Digest::Sha384),
            "1.2.840.113549.1.1.13" => Self::Rsa(Digest::Sha512),
            "1.2.840.113549.1.1.10" => Self::of_pss(algorithm).unwrap_or(Self::Unknown),
            "1.2.840.10045.4.1" => Self::Ecdsa(Digest::Sha1),
            "1.2.840.10045.4.3.2" => Self::Ecdsa(Digest::Sha256),
            "1.2.840.10045.4.3.3" => Self::Ecdsa(Digest::Sha384),
            "1.2.840.10045.4.3.4" => Self::Ecdsa(Digest::Sha512),
            "1.3.101.112" => Self::Whole(Id::ED25519),
            "1.3.101.113" => Self::Whole(Id::ED448),
            _ => Self::Unknown,
        }
    }

    /// RFC 4055 section 3.1: MGF1 is the only mask function, 1 the only trailer.
    fn of_pss(algorithm: &AlgorithmIdentifier<'_>) -> Option<Self> {
        const MGF1: &str = "1.2.840.113549.1.1.8";
        let parameters = RsaSsaPssParams::try_from(algorithm.parameters.as_ref()?).ok()?;
        let mask = parameters.mask_gen_algorithm().ok()?;
        if mask.mgf.to_id_string() != MGF1 || parameters.trailer_field() != 1 {
            return None;
        }
        Some(Self::RsaPss {
            digest: Digest::of_oid(&parameters.hash_algorithm_oid().to_id_string())?,
            mask_digest: Digest::of_oid(&mask.hash.to_id_string())?,
            salt_bytes: i32::try_from(parameters.salt_length()).ok()?,
        })
    }
}
