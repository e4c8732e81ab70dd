//! Signing keys that may live elsewhere: in a TPM or another token, of which only the public half
//! and signatures ever come out.

use serde::Serialize;
use serde_json::json;

use crate::{Algorithm, Error, Jwk, SigningKey, base64url};

/// A private key that signs JWTs, wherever it is held.
pub trait JwtSigner: Send + Sync {
    /// The one algorithm that the key signs with.
    fn algorithm(&self) -> Algorithm;

    /// The public half.
    fn public_jwk(&self) -> &Jwk;

    /// Signs a message, in the byte form of RFC 7518.
    ///
    /// # Errors
    /// [`Error::SignerUnavailable`] where the key's holder fails, [`Error::CryptoFailed`].
    fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, Error>;

    /// The key's id: its RFC 7638 thumbprint.
    fn kid(&self) -> &str {
        self.public_jwk().kid.as_deref().unwrap_or_default()
    }
}

impl JwtSigner for SigningKey {
    fn algorithm(&self) -> Algorithm {
        Self::algorithm(self)
    }

    fn public_jwk(&self) -> &Jwk {
        Self::public_jwk(self)
    }

    fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.sign_bytes(message)
    }
}

/// Signs claims as a JWT that carries the signer's public key; see
/// [`SigningKey::sign_jwt_with_jwk`].
///
/// # Errors
/// [`Error::ClaimsMalformed`] when the claims can't be JSON, and those of
/// [`JwtSigner::sign_message`].
pub fn sign_jwt_with_jwk(
    signer: &dyn JwtSigner,
    typ: &str,
    claims: &impl Serialize,
) -> Result<String, Error> {
    let header = json!({
        "typ": typ,
        "alg": signer.algorithm().as_str(),
        "jwk": signer.public_jwk().bare(),
    });
    let claims = serde_json::to_vec(claims).map_err(|_| Error::ClaimsMalformed)?;
    let header = serde_json::to_vec(&header).map_err(|_| Error::ClaimsMalformed)?;
    let input = format!("{}.{}", base64url(&header), base64url(&claims));
    let signature = signer.sign_message(input.as_bytes())?;
    Ok(format!("{input}.{}", base64url(&signature)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{UnverifiedJws, VerifyingKey};

    #[test]
    fn a_signer_of_any_kind_makes_what_a_key_in_memory_makes() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let claims = json!({ "a": 1 });
        let token = sign_jwt_with_jwk(&key, "x+jwt", &claims).unwrap();
        let jws = UnverifiedJws::parse(&token, 4096).unwrap();
        assert_eq!(jws.jwk().unwrap().thumbprint(), key.kid());
        let verifying = VerifyingKey::from_jwk(jws.jwk().unwrap()).unwrap();
        let read: serde_json::Value = jws.verify(&verifying, "x+jwt").unwrap().claims().unwrap();
        assert_eq!(read, claims);
    }

    #[test]
    fn a_key_held_elsewhere_signs_the_same_tokens_and_is_not_given_out() {
        for algorithm in [
            Algorithm::Rs256,
            Algorithm::Ps256,
            Algorithm::Es256,
            Algorithm::EdDsa,
        ] {
            let held = SigningKey::generate(algorithm).unwrap();
            let kid = held.kid().to_owned();
            let key = SigningKey::from_signer(std::sync::Arc::new(held.clone())).unwrap();
            assert_eq!((key.kid(), key.algorithm()), (kid.as_str(), algorithm));
            assert_eq!(key.public_jwk(), held.public_jwk());
            let claims = json!({ "a": 1 });
            let token = key.sign_jwt("x+jwt", &claims).unwrap();
            let jws = UnverifiedJws::parse(&token, 4096).unwrap();
            assert_eq!(jws.kid(), Some(kid.as_str()));
            let verifying = VerifyingKey::from_jwk(key.public_jwk()).unwrap();
            assert!(jws.verify(&verifying, "x+jwt").is_ok());
            for refused in [key.to_pem(), key.to_der()] {
                assert_eq!(refused.unwrap_err().code(), "jose.key_invalid");
            }
        }
    }
}
