//! Private keys that sign our own tokens, held here or in a token such as an HSM.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::{EncodingKey, Header};
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{Algorithm, Error, Jwk, JwtSigner, MacKey, base64url};
use crate::{openssl_provider, signature};

/// A private key with the one algorithm that it is used with.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    named: jsonwebtoken::Algorithm,
    held: Held,
    public_jwk: Jwk,
}

#[derive(Clone)]
enum Held {
    Here {
        key: PKey<Private>,
        encoding_key: EncodingKey,
    },
    /// Only signatures come out of its holder.
    Elsewhere(Arc<dyn JwtSigner>),
}

impl SigningKey {
    /// Makes a fresh key: RSA 2048 for the RSA algorithms.
    ///
    /// # Errors
    /// [`Error::CryptoFailed`], [`Error::AlgorithmNotAllowed`] for [`Algorithm::Bp256r1`].
    pub fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        let key = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => PKey::from_rsa(Rsa::generate(2048)?)?,
            Algorithm::Es256 => generate_ec(Nid::X9_62_PRIME256V1)?,
            Algorithm::Es384 => generate_ec(Nid::SECP384R1)?,
            Algorithm::EdDsa => PKey::generate_ed25519()?,
            Algorithm::Bp256r1 => return Err(Error::AlgorithmNotAllowed),
        };
        Self::from_private_key(algorithm, key)
    }

    /// Reads a key from PEM (PKCS#8, or the older forms that OpenSSL knows).
    ///
    /// # Errors
    /// [`Error::KeyInvalid`] when it can't be read, [`Error::AlgorithmNotAllowed`] when it does
    /// not fit the algorithm.
    pub fn from_pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, Error> {
        let key = PKey::private_key_from_pem(pem).map_err(|_| Error::KeyInvalid {
            reason: "not a private key in PEM",
        })?;
        Self::from_private_key(algorithm, key)
    }

    /// Takes a key that OpenSSL holds.
    ///
    /// # Errors
    /// [`Error::AlgorithmNotAllowed`] when the key does not fit the algorithm.
    pub fn from_private_key(algorithm: Algorithm, key: PKey<Private>) -> Result<Self, Error> {
        if !Algorithm::for_public_key(&key).contains(&algorithm) {
            return Err(Error::AlgorithmNotAllowed);
        }
        let named =
            openssl_provider::to_jsonwebtoken(algorithm).ok_or(Error::AlgorithmNotAllowed)?;
        let mut public_jwk = Jwk::from_public_key(&key)?;
        public_jwk.alg = Some(algorithm);
        public_jwk.intended_use = Some("sig".to_owned());
        let der = Zeroizing::new(key.private_key_to_pkcs8()?);
        let encoding_key = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => EncodingKey::from_rsa_der(&der),
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Bp256r1 => {
                EncodingKey::from_ec_der(&der)
            }
            Algorithm::EdDsa => EncodingKey::from_ed_der(&der),
        };
        openssl_provider::install();
        Ok(Self {
            algorithm,
            named,
            held: Held::Here { key, encoding_key },
            public_jwk,
        })
    }

    /// Takes a key that a signer holds elsewhere: what it signs are JWTs of this type's own making.
    ///
    /// # Errors
    /// [`Error::AlgorithmNotAllowed`] when the key does not fit the signer's algorithm,
    /// [`Error::KeyInvalid`] when its public half is not acceptable.
    pub fn from_signer(signer: Arc<dyn JwtSigner>) -> Result<Self, Error> {
        let algorithm = signer.algorithm();
        let named =
            openssl_provider::to_jsonwebtoken(algorithm).ok_or(Error::AlgorithmNotAllowed)?;
        let public_key = signer.public_jwk().public_key()?;
        if !Algorithm::for_public_key(&public_key).contains(&algorithm) {
            return Err(Error::AlgorithmNotAllowed);
        }
        let mut public_jwk = Jwk::from_public_key(&public_key)?;
        public_jwk.alg = Some(algorithm);
        public_jwk.intended_use = Some("sig".to_owned());
        openssl_provider::install();
        Ok(Self {
            algorithm,
            named,
            held: Held::Elsewhere(signer),
            public_jwk,
        })
    }

    /// The key in PKCS#8 PEM, for a file that only its owner can read.
    ///
    /// # Errors
    /// [`Error::CryptoFailed`]; [`Error::KeyInvalid`] for a key that its holder does not give out.
    pub fn to_pem(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(Zeroizing::new(
            self.held_here()?.private_key_to_pem_pkcs8()?,
        ))
    }

    /// The key in PKCS#8 DER, for a store that encrypts it.
    ///
    /// # Errors
    /// As [`SigningKey::to_pem`].
    pub fn to_der(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(Zeroizing::new(self.held_here()?.private_key_to_pkcs8()?))
    }

    /// Reads a key from PKCS#8 DER.
    ///
    /// # Errors
    /// As [`SigningKey::from_pem`].
    pub fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, Error> {
        let key = PKey::private_key_from_pkcs8(der).map_err(|_| Error::KeyInvalid {
            reason: "not a private key in PKCS#8",
        })?;
        Self::from_private_key(algorithm, key)
    }

    /// A key for values that every holder of this private key can make and read back, and nobody
    /// else; each use names itself by a label.
    ///
    /// # Errors
    /// As [`SigningKey::to_pem`].
    pub fn derive_mac_key(&self, label: &str) -> Result<MacKey, Error> {
        MacKey::derive(&self.to_der()?, label)
    }

    /// The key's id: its RFC 7638 thumbprint.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.public_jwk.kid.as_deref().unwrap_or_default()
    }

    /// The algorithm that this key signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half, as published in a JWK Set.
    #[must_use]
    pub fn public_jwk(&self) -> &Jwk {
        &self.public_jwk
    }

    /// Signs a message, wherever the key is.
    pub(crate) fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        match &self.held {
            Held::Here { key, .. } => signature::sign(self.algorithm, key, message),
            Held::Elsewhere(signer) => signer.sign_message(message),
        }
    }

    fn held_here(&self) -> Result<&PKey<Private>, Error> {
        match &self.held {
            Held::Here { key, .. } => Ok(key),
            Held::Elsewhere(_) => Err(Error::KeyInvalid {
                reason: "its holder does not give it out",
            }),
        }
    }

    /// Signs claims as a JWT whose header names this key by `kid`.
    ///
    /// # Errors
    /// [`Error::ClaimsMalformed`] when the claims can't be JSON, [`Error::CryptoFailed`].
    pub fn sign_jwt(&self, typ: &str, claims: &impl Serialize) -> Result<String, Error> {
        let mut header = self.header(typ);
        header.kid = Some(self.kid().to_owned());
        self.encode(&header, claims)
    }

    /// Signs claims as a JWT that carries its own public key (RFC 7515 section 4.1.3).
    ///
    /// For keys that nobody published: a receiver learns only that the holder of this very key
    /// signed, and must compare the thumbprint with one that it expects.
    ///
    /// # Errors
    /// As [`SigningKey::sign_jwt`].
    pub fn sign_jwt_with_jwk(&self, typ: &str, claims: &impl Serialize) -> Result<String, Error> {
        let mut header = self.header(typ);
        let value =
            serde_json::to_value(self.public_jwk.bare()).map_err(|_| Error::ClaimsMalformed)?;
        header.jwk = Some(serde_json::from_value(value).map_err(|_| Error::ClaimsMalformed)?);
        self.encode(&header, claims)
    }

    fn header(&self, typ: &str) -> Header {
        let mut header = Header::new(self.named);
        header.typ = Some(typ.to_owned());
        header
    }

    fn encode(&self, header: &Header, claims: &impl Serialize) -> Result<String, Error> {
        let Held::Here { encoding_key, .. } = &self.held else {
            return self.encode_elsewhere(header, claims);
        };
        jsonwebtoken::encode(header, claims, encoding_key).map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::Json(_) => Error::ClaimsMalformed,
            _ => Error::CryptoFailed(openssl::error::ErrorStack::get()),
        })
    }

    fn encode_elsewhere(&self, header: &Header, claims: &impl Serialize) -> Result<String, Error> {
        let part = |json: Result<Vec<u8>, _>| {
            json.map(|bytes| base64url(&bytes))
                .map_err(|_| Error::ClaimsMalformed)
        };
        let header = part(serde_json::to_vec(header))?;
        let input = format!("{header}.{}", part(serde_json::to_vec(claims))?);
        let signature = self.sign_bytes(input.as_bytes())?;
        Ok(format!("{input}.{}", base64url(&signature)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}

fn generate_ec(curve: Nid) -> Result<PKey<Private>, Error> {
    let group = EcGroup::from_curve_name(curve)?;
    Ok(PKey::from_ec_key(EcKey::generate(&group)?)?)
}
