//! Where the private halves of token keys are made, and opened: encrypted in the database or in a
//! PKCS#11 token.

use std::sync::Arc;

use cardea_jose::{Algorithm, Jwk, JwtSigner, SigningKey};
use cardea_provider::rotation::{KeyPlace, MadeKey};
use cardea_storage::signing_key::{SealedKey, SigningKeyRecord};

use crate::config::KeysConfig;
use crate::error::Error;
use crate::key_encryption::{Absent, KeyEncryption, algorithm_of};
use crate::pkcs11::{KeyInToken, Token, mechanisms};

/// What makes and opens token keys.
#[derive(Debug)]
pub(crate) struct KeyVault {
    place: KeyPlace,
    encryption: Option<KeyEncryption>,
    previous: Option<KeyEncryption>,
    token: Option<Arc<Token>>,
}

impl KeyVault {
    /// Takes the key-encryption key and opens the token, as the configuration says; `stored` is
    /// what it will have to open, `imports` whether keys come from files.
    ///
    /// # Errors
    /// Those of the key-encryption key and of the token; `server.key_encryption_key_wrong`.
    pub(crate) fn open(
        config: &KeysConfig,
        stored: &[SigningKeyRecord],
        imports: bool,
    ) -> Result<Self, Error> {
        let token = config.pkcs11.as_ref().map(Token::open).transpose()?;
        let place = config.rotation().place;
        let has_sealed = stored.iter().any(|it| it.sealed.is_some());
        let load = |from, absent| KeyEncryption::load(from, &config.dir, token.as_ref(), absent);
        let previous = config.previous_encryption.as_ref();
        let previous = previous
            .map(|from| load(from, Absent::Refuse))
            .transpose()?;
        // Where there is a previous one, nothing is encrypted with this one yet, or it is there.
        let knows_all = |id: &str| {
            let mut sealed = stored.iter().filter_map(|it| it.sealed.as_ref());
            sealed.all(|it| it.encryption_key_id == id)
        };
        let is_unused = !has_sealed || previous.as_ref().is_some_and(|it| knows_all(it.id()));
        let absent = match is_unused {
            true => Absent::Make,
            false => Absent::Refuse,
        };
        let is_needed = place == KeyPlace::Database || has_sealed || imports;
        let encryption = match is_needed {
            true => Some(load(&config.encryption, absent)?),
            false => None,
        };
        let vault = Self {
            place,
            encryption,
            previous,
            token,
        };
        vault.check_knows(stored)?;
        Ok(vault)
    }

    /// The algorithms that keys can be made for here.
    ///
    /// # Errors
    /// `server.pkcs11_unavailable`.
    pub(crate) fn able(&self, algorithms: &[Algorithm]) -> Result<Vec<Algorithm>, Error> {
        let (KeyPlace::Pkcs11, Some(token)) = (self.place, &self.token) else {
            return Ok(algorithms.to_vec());
        };
        let mut able = Vec::new();
        for algorithm in algorithms {
            let mut has_all = mechanisms(*algorithm).is_some();
            for mechanism in mechanisms(*algorithm).into_iter().flatten() {
                has_all = has_all && token.has_mechanism(mechanism)?;
            }
            if has_all {
                able.push(*algorithm);
            } else {
                let algorithm = algorithm.as_str();
                tracing::warn!(
                    algorithm,
                    "the PKCS#11 token has no keys for this algorithm"
                );
            }
        }
        Ok(able)
    }

    /// Makes a key.
    ///
    /// # Errors
    /// `server.key_unusable`, `server.pkcs11_unavailable`.
    pub(crate) fn make(&self, algorithm: Algorithm) -> Result<MadeKey, Error> {
        if self.place == KeyPlace::Pkcs11 {
            let key = KeyInToken::make(self.token()?, algorithm)?;
            return Ok(MadeKey {
                public_jwk: with_kid(key.public_jwk().clone()),
                sealed: None,
            });
        }
        let key = SigningKey::generate(algorithm).map_err(|source| Error::TokenKeyUnusable {
            kid: "new".to_owned(),
            source,
        })?;
        self.seal(&key)
    }

    /// Makes the key of the log, which is Ed25519 whatever signs tokens: in the token where new
    /// keys are made there and it can, else encrypted for the database.
    ///
    /// # Errors
    /// As [`KeyVault::make`].
    pub(crate) fn make_ledger_key(&self) -> Result<MadeKey, Error> {
        let algorithm = Algorithm::EdDsa;
        if self.able(&[algorithm])?.contains(&algorithm) {
            return self.make(algorithm);
        }
        let key = SigningKey::generate(algorithm).map_err(|source| Error::TokenKeyUnusable {
            kid: "new".to_owned(),
            source,
        })?;
        self.seal(&key)
    }

    /// Encrypts a key that comes from elsewhere.
    ///
    /// # Errors
    /// `server.key_unusable`, `server.pkcs11_unavailable`.
    pub(crate) fn seal(&self, key: &SigningKey) -> Result<MadeKey, Error> {
        let encryption = self.encryption.as_ref().ok_or_else(no_encryption)?;
        Ok(MadeKey {
            public_jwk: with_kid(key.public_jwk().clone()),
            sealed: Some(encryption.seal(key)?),
        })
    }

    /// Opens the key of a record.
    ///
    /// # Errors
    /// `server.token_key_unreadable`, `server.key_encryption_key_wrong`,
    /// `server.pkcs11_unavailable`.
    pub(crate) fn load(&self, record: &SigningKeyRecord) -> Result<SigningKey, Error> {
        let Some(sealed) = &record.sealed else {
            return self.load_from_token(record);
        };
        let mut known = self.encryption.iter().chain(&self.previous);
        let encryption = known.find(|it| it.id() == sealed.encryption_key_id);
        encryption
            .ok_or_else(|| wrong(sealed, self.encryption.as_ref()))?
            .open(record)
    }

    /// The public half of a key that cannot be opened here, because this node lacks what opens it:
    /// what other nodes sign with it is good here too. It signs nothing. None where what opens it
    /// is here, and it does not: somebody has changed the record.
    pub(crate) fn load_public_half(
        &self,
        record: &SigningKeyRecord,
        error: &Error,
    ) -> Option<SigningKey> {
        if matches!(error, Error::TokenKeyUnreadable { .. }) {
            return None;
        }
        let jwk: Jwk = serde_json::from_str(&record.public_jwk).ok()?;
        let half = PublicHalf {
            algorithm: algorithm_of(record)?,
            public_jwk: with_kid(jwk),
        };
        let key = SigningKey::from_signer(Arc::new(half)).ok()?;
        (key.kid() == record.kid).then_some(key)
    }

    /// Encrypts what a record holds anew, where another key than the present one did.
    ///
    /// # Errors
    /// As [`KeyVault::load`].
    pub(crate) fn reencrypt(&self, record: &SigningKeyRecord) -> Result<Option<SealedKey>, Error> {
        let Some(encryption) = &self.encryption else {
            return Ok(None);
        };
        match &record.sealed {
            Some(sealed) if sealed.encryption_key_id != encryption.id() => {
                Ok(Some(encryption.seal(&self.load(record)?)?))
            }
            _ => Ok(None),
        }
    }

    /// Forgets a key that a token holds. Where that fails the key stays there, of use to nobody.
    pub(crate) fn discard(&self, kid: &str) {
        let Some(token) = &self.token else { return };
        if let Err(error) = KeyInToken::destroy(token, kid) {
            tracing::warn!(kid, code = error.code(), %error, "a key stays in the PKCS#11 token");
        }
    }

    fn load_from_token(&self, record: &SigningKeyRecord) -> Result<SigningKey, Error> {
        let unreadable = || Error::TokenKeyUnreadable {
            kid: record.kid.clone(),
        };
        let jwk: Jwk = serde_json::from_str(&record.public_jwk).map_err(|_| unreadable())?;
        let algorithm = algorithm_of(record).ok_or_else(unreadable)?;
        let key = KeyInToken::new(Arc::clone(self.token()?), algorithm, jwk);
        let key = SigningKey::from_signer(Arc::new(key)).map_err(|_| unreadable())?;
        if key.kid() == record.kid {
            Ok(key)
        } else {
            Err(unreadable())
        }
    }

    fn check_knows(&self, stored: &[SigningKeyRecord]) -> Result<(), Error> {
        for sealed in stored.iter().filter_map(|it| it.sealed.as_ref()) {
            let mut known = self.encryption.iter().chain(&self.previous);
            if !known.any(|it| it.id() == sealed.encryption_key_id) {
                return Err(wrong(sealed, self.encryption.as_ref()));
            }
        }
        Ok(())
    }

    fn token(&self) -> Result<&Arc<Token>, Error> {
        self.token.as_ref().ok_or_else(|| Error::Pkcs11Unavailable {
            reason: "keys are in a token, and [keys.pkcs11] names none".to_owned(),
        })
    }
}

/// A key that other nodes sign with.
#[derive(Debug)]
struct PublicHalf {
    algorithm: Algorithm,
    public_jwk: Jwk,
}

impl JwtSigner for PublicHalf {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn public_jwk(&self) -> &Jwk {
        &self.public_jwk
    }

    fn sign_message(&self, _: &[u8]) -> Result<Vec<u8>, cardea_jose::Error> {
        Err(cardea_jose::Error::SignerUnavailable)
    }
}

fn wrong(sealed: &SealedKey, present: Option<&KeyEncryption>) -> Error {
    Error::KeyEncryptionKeyWrong {
        wanted: sealed.encryption_key_id.clone(),
        present: present.map_or("none", KeyEncryption::id).to_owned(),
    }
}

fn no_encryption() -> Error {
    Error::KeyEncryptionKeyMissing {
        place: "[keys.encryption]".to_owned(),
    }
}

fn with_kid(mut jwk: Jwk) -> Jwk {
    jwk.kid = Some(jwk.thumbprint());
    jwk
}
