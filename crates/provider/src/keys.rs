//! The keys that this provider signs with.

use cardea_jose::{Algorithm, JwkSet, SigningKey};

use crate::Error;

/// Token keys and the challenge key. They are different keys on purpose: agents pin the challenge
/// key's roots, and a leaked token key must not be able to make a card sign.
#[derive(Debug)]
pub struct ProviderKeys {
    /// Keys for tokens. The first of each algorithm signs; all are published, so that tokens of a
    /// retiring key still verify.
    pub token_keys: Vec<SigningKey>,
    /// Key for login challenges, listed in the signed challenge-key list.
    pub challenge_key: SigningKey,
}

impl ProviderKeys {
    /// The key that signs with an algorithm.
    pub(crate) fn signing(&self, algorithm: Algorithm) -> Result<&SigningKey, Error> {
        self.token_keys
            .iter()
            .find(|key| key.algorithm() == algorithm)
            .ok_or(Error::KeyMissing {
                algorithm: algorithm.as_str(),
            })
    }

    /// The token key with an id; the lookup is in memory only, whatever the id says.
    pub(crate) fn find(&self, kid: &str) -> Option<&SigningKey> {
        self.token_keys.iter().find(|key| key.kid() == kid)
    }

    /// The public halves of the token keys.
    pub(crate) fn jwks(&self) -> JwkSet {
        JwkSet {
            keys: self
                .token_keys
                .iter()
                .map(|key| key.public_jwk().clone())
                .collect(),
        }
    }
}
