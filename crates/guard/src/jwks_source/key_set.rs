//! A published key set (RFC 7517 section 5), of which those keys count that we can verify with.

use std::collections::HashMap;

use cardea_jose::{Jwk, VerifyingKey};
use serde::Deserialize;
use serde_json::Value;

use crate::AccessError;

/// Keys of a set that are looked at.
const KEYS_MAX: usize = 64;

/// Keys by their names.
pub(crate) struct KeySet(HashMap<String, VerifyingKey>);

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
        Ok(Self(keys))
    }

    pub(crate) fn find(&self, kid: &str) -> Option<VerifyingKey> {
        self.0.get(kid).cloned()
    }
}
