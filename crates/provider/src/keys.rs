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

#[cfg(test)]
mod tests {
    use super::ProviderKeys;
    use crate::{Client, ClientAuthentication};
    use cardea_jose::{Algorithm, SigningKey};

    fn key() -> SigningKey {
        SigningKey::generate(Algorithm::Es256).unwrap()
    }

    fn keys(token_keys: Vec<SigningKey>) -> ProviderKeys {
        ProviderKeys {
            token_keys,
            challenge_key: key(),
        }
    }

    /// Attack G9: within the overlap the old key is found and the new one signs; then it is gone.
    #[test]
    fn a_key_that_is_retiring_verifies_and_does_not_sign() {
        let (old, new) = (key(), key());
        let (old_kid, new_kid) = (old.kid().to_owned(), new.kid().to_owned());
        let both = keys(vec![new, old]);
        assert_eq!(both.signing(Algorithm::Es256).unwrap().kid(), new_kid);
        assert!(both.find(&old_kid).is_some());
        assert_eq!(both.jwks().keys.len(), 2);
        let [new, _] = <[SigningKey; 2]>::try_from(both.token_keys).unwrap();
        let after = keys(vec![new]);
        assert!(after.find(&old_kid).is_none());
        assert!(after.jwks().find(&old_kid).is_none());
    }

    /// Attack G3: whatever the `kid` says, it is compared and never followed.
    #[test]
    fn a_key_id_is_looked_up_in_memory_alone() {
        let keys = keys(vec![key()]);
        let not_yet = key();
        let long = "x".repeat(10 * 1024);
        for kid in [
            "",
            "../../../../etc/passwd",
            "/proc/self/environ",
            "' OR '1'='1",
            "https://evil.test/jwks",
            long.as_str(),
            not_yet.kid(),
            keys.challenge_key.kid(),
        ] {
            assert!(keys.find(kid).is_none(), "{kid}");
        }
    }

    /// Attack G8: what is published verifies, and no more.
    #[test]
    fn what_is_published_has_ids_and_no_private_member() {
        let keys = keys(vec![key()]);
        let text = serde_json::to_value(keys.jwks()).unwrap();
        let members = text["keys"][0].as_object().unwrap();
        let mut names: Vec<_> = members.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        let challenge_kid = keys.challenge_key.kid();
        assert!(keys.jwks().find(challenge_kid).is_none());
    }

    #[test]
    fn a_client_cannot_ask_for_an_algorithm_without_a_key() {
        let keys = keys(vec![key()]);
        let mut client = Client {
            id_token_signed_response_alg: Algorithm::Es256,
            ..Client::new("portal", "Portail", ClientAuthentication::None)
        };
        assert!(keys.check_client(&client).is_ok());
        client.userinfo_signed_response_alg = Some(Algorithm::Ps256);
        let error = keys.check_client(&client).unwrap_err();
        assert_eq!(error.code(), "provider.key_missing");
    }
}
