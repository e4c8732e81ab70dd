//! The keys that this provider signs with.

use cardea_jose::{Algorithm, JwkSet, SigningKey};

use crate::{Client, Error};

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

    /// Whether there is a key for every algorithm that a client asks for.
    ///
    /// # Errors
    /// [`Error::KeyMissing`].
    pub(crate) fn check_client(&self, client: &Client) -> Result<(), Error> {
        self.signing(client.id_token_signed_response_alg)?;
        if let Some(algorithm) = client.userinfo_signed_response_alg {
            self.signing(algorithm)?;
        }
        Ok(())
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
