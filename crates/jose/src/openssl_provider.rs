//! `jsonwebtoken`'s cryptography over OpenSSL, so that the workspace has one crypto stack.

use std::collections::HashMap;
use std::sync::{Once, PoisonError, RwLock};

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result, new_error};
use jsonwebtoken::{DecodingKey, EncodingKey};
use openssl::pkey::{PKey, Private};
use signature::Signer;

use crate::digest::sha256;
use crate::{Algorithm, signature as openssl_signature};

/// Parsed keys kept by the hash of their DER: parsing costs more than an ECDSA signature.
const PARSED_KEYS_MAX: usize = 64;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: no_verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes OpenSSL the provider of this process; later calls do nothing.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // An error means that the program installed a provider of its own first: then that one
        // signs, and `SigningKey` still verifies what it returns nowhere else than by OpenSSL.
        let _ = PROVIDER.install_default();
    });
}

struct OpensslSigner {
    algorithm: Algorithm,
    named: jsonwebtoken::Algorithm,
    key: PKey<Private>,
}

impl Signer<Vec<u8>> for OpensslSigner {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        openssl_signature::sign(self.algorithm, &self.key, message)
            .map_err(signature::Error::from_source)
    }
}

impl JwtSigner for OpensslSigner {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        self.named
    }
}

fn signer(algorithm: &jsonwebtoken::Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Ok(Box::new(OpensslSigner {
        algorithm: from_jsonwebtoken(*algorithm)?,
        named: *algorithm,
        key: parsed(key.as_bytes())?,
    }))
}

/// Tokens are verified by [`crate::UnverifiedJws`], which is stricter about headers than
/// `jsonwebtoken::decode`; a second way in would be a way around it.
fn no_verifier(_: &jsonwebtoken::Algorithm, _: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    Err(new_error(ErrorKind::InvalidAlgorithm))
}

fn parsed(der: &[u8]) -> Result<PKey<Private>> {
    static PARSED: RwLock<Option<HashMap<[u8; 32], PKey<Private>>>> = RwLock::new(None);
    let name = sha256(der);
    let known = PARSED.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(key) = known.as_ref().and_then(|keys| keys.get(&name)) {
        return Ok(key.clone());
    }
    drop(known);
    let key =
        PKey::private_key_from_der(der).map_err(|_| new_error(ErrorKind::InvalidKeyFormat))?;
    let mut keys = PARSED.write().unwrap_or_else(PoisonError::into_inner);
    let keys = keys.get_or_insert_default();
    if keys.len() >= PARSED_KEYS_MAX {
        keys.clear();
    }
    keys.insert(name, key.clone());
    Ok(key)
}

/// Our name for `jsonwebtoken`'s algorithm, where it is one that we use.
fn from_jsonwebtoken(algorithm: jsonwebtoken::Algorithm) -> Result<Algorithm> {
    use jsonwebtoken::Algorithm as Theirs;
    match algorithm {
        Theirs::RS256 => Ok(Algorithm::Rs256),
        Theirs::PS256 => Ok(Algorithm::Ps256),
        Theirs::ES256 => Ok(Algorithm::Es256),
        Theirs::ES384 => Ok(Algorithm::Es384),
        Theirs::EdDSA => Ok(Algorithm::EdDsa),
        _ => Err(new_error(ErrorKind::InvalidAlgorithm)),
    }
}

/// `jsonwebtoken`'s name for our algorithm; it has none for the one that only cards sign with.
pub(crate) fn to_jsonwebtoken(algorithm: Algorithm) -> Option<jsonwebtoken::Algorithm> {
    use jsonwebtoken::Algorithm as Theirs;
    match algorithm {
        Algorithm::Rs256 => Some(Theirs::RS256),
        Algorithm::Ps256 => Some(Theirs::PS256),
        Algorithm::Es256 => Some(Theirs::ES256),
        Algorithm::Es384 => Some(Theirs::ES384),
        Algorithm::EdDsa => Some(Theirs::EdDSA),
        Algorithm::Bp256r1 => None,
    }
}
