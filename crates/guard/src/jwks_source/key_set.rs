//! A published key set (RFC 7517 section 5), of which those keys count that we can verify with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cardea_jose::{Jwk, Remembered, VerifyingKey};
use serde::Deserialize;
use serde_json::Value;

use crate::AccessError;
use crate::access_token::Claims;

/// Keys of a set that are looked at.
const KEYS_MAX: usize = 64;

/// Tokens that are remembered: each is a kilobyte at most times, and eight at worst.
const TOKENS_MAX: usize = 4_096;

/// Keys by their names, and what the tokens say that were verified with them.
///
/// A token comes with each request of its session and is read once. What is remembered of it goes
/// with the set: a key that is published no more leaves nothing behind.
pub(crate) struct KeySet {
    keys: HashMap<String, VerifyingKey>,
    tokens: Mutex<Remembered<Arc<Claims>>>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set. Keys of other kinds and for other uses are stepped over (RFC 7517 section 5);
    /// a name that stands twice names none, because nobody can say which is meant.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, AccessError> {
        let invalid = |reason| AccessError::IssuerAnswerInvalid { reason };
        let document: Document =
            serde_json::from_slice(body).map_err(|_| invalid("its key set is no JWK set"))?;
        if document.keys.len() > KEYS_MAX {
            return Err(invalid("its key set has too many keys"));
        }
        let mut keys = HashMap::new();
        let mut doubled = Vec::new();
        for value in document.keys {
            let Ok(jwk) = serde_json::from_value::<Jwk>(value) else {
                continue;
            };
            let (Some(kid), Ok(key)) = (jwk.kid.clone(), VerifyingKey::from_jwk(&jwk)) else {
                continue;
            };
            if keys.insert(kid.clone(), key).is_some() {
                doubled.push(kid);
            }
        }
        for kid in &doubled {
            keys.remove(kid);
        }
        if keys.is_empty() {
            return Err(invalid("its key set has no key to verify with"));
        }
        Ok(Self {
            keys,
            tokens: Mutex::new(Remembered::new(TOKENS_MAX)),
        })
    }

    pub(crate) fn find(&self, kid: &str) -> Option<VerifyingKey> {
        self.keys.get(kid).cloned()
    }

    /// What the token of this SHA-256 says, where it was verified with a key of this set.
    pub(super) fn token(&self, digest: &[u8; 32]) -> Option<Arc<Claims>> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.find(digest)
    }

    pub(super) fn note_token(&self, digest: [u8; 32], claims: Arc<Claims>) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(digest, claims);
    }
}
