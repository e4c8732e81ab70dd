//! The list of challenge keys that an issuer's offline root keys sign (design: step 4).

use cardea_jose::{Jwk, JwkSet, SigningKey, UnverifiedJws, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::Error;

/// `typ` of a challenge-key list.
pub const CHALLENGE_KEYS_TYP: &str = "challenge-keys+jwt";
/// Longest list, in bytes.
pub const CHALLENGE_KEYS_BYTES_MAX: usize = 16 * 1024;

/// The keys that an issuer signs its challenges with, as its root keys vouch for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeKeyList {
    /// The issuer.
    pub iss: String,
    /// Grows with each list; an agent refuses a lower one than it has seen.
    pub version: u64,
    /// When the list was signed, unix seconds.
    pub iat: i64,
    /// The keys, each with its `kid`.
    pub keys: JwkSet,
}

impl ChallengeKeyList {
    /// Signs the list with an offline root key.
    ///
    /// # Errors
    /// As [`SigningKey::sign_jwt`].
    pub fn sign(&self, root: &SigningKey) -> Result<String, Error> {
        Ok(root.sign_jwt(CHALLENGE_KEYS_TYP, self)?)
    }
}

/// Checks a list against the pinned root keys and the highest version seen.
///
/// One of the pinned roots suffices: the second lies elsewhere for the day when the first is lost.
///
/// # Errors
/// [`Error::ChallengeKeyListUntrusted`], [`Error::AudienceMismatch`] for another issuer,
/// [`Error::ChallengeKeyListRolledBack`], [`Error::Jose`].
pub fn verify_challenge_keys(
    compact: &str,
    pinned_roots: &[Jwk],
    issuer: &str,
    version_min: u64,
) -> Result<ChallengeKeyList, Error> {
    let jws = UnverifiedJws::parse(compact, CHALLENGE_KEYS_BYTES_MAX)?;
    let root = pinned_roots
        .iter()
        .find(|root| jws.kid().is_some_and(|kid| kid == root.thumbprint()))
        .ok_or(Error::ChallengeKeyListUntrusted)?;
    let list: ChallengeKeyList = jws
        .verify(&VerifyingKey::from_jwk(root)?, CHALLENGE_KEYS_TYP)
        .map_err(|_| Error::ChallengeKeyListUntrusted)?
        .claims()?;
    if list.iss != issuer {
        return Err(Error::AudienceMismatch);
    }
    if list.version < version_min {
        return Err(Error::ChallengeKeyListRolledBack {
            version: list.version,
            version_min,
        });
    }
    Ok(list)
}
