//! The grant challenge: what business software hands to the agent (design: life of a login, 9).
//!
//! A JWS of the issuer's challenge key with `typ` `card-grant-challenge+jwt` and these members:
//! `iss`, `purpose` (`"grant"`), `nonce`, `jti`, `iat`, `exp`, `client_id`, `client_name`, `scope`,
//! and `resource` where the tokens are for resource servers. A login's challenge has another `typ`
//! and another `purpose`: an agent takes neither for the other.

use cardea_jose::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::challenge::{Bounded, Purpose, UnverifiedChallenge, check_bounds};
use crate::{Error, VerifiedChallenge};

/// `typ` of a grant challenge.
pub const GRANT_CHALLENGE_TYP: &str = "card-grant-challenge+jwt";
/// Most resource servers that one grant may be for.
const RESOURCES_MAX: usize = 8;
/// Longest address of a resource server, in bytes.
const RESOURCE_BYTES_MAX: usize = 512;

/// The claims of a grant challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantChallenge {
    /// The issuer, letter for letter.
    pub iss: String,
    /// Why the card is asked: [`Purpose::Grant`].
    pub purpose: Purpose,
    /// 256 random bits, base64url.
    pub nonce: String,
    /// The challenge's name in the server's store.
    pub jti: String,
    /// Issued at, unix seconds by the server's clock.
    pub iat: i64,
    /// Expires at, unix seconds by the server's clock.
    pub exp: i64,
    /// The client that the person gives tokens to.
    pub client_id: String,
    /// The client's display name, shown in the PIN prompt.
    pub client_name: String,
    /// The scope asked for, space-separated.
    pub scope: String,
    /// The resource servers that the tokens are for (RFC 8707).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<String>,
}

impl GrantChallenge {
    /// Signs the challenge with the issuer's challenge key.
    ///
    /// # Errors
    /// As [`SigningKey::sign_jwt`].
    pub fn sign(&self, key: &SigningKey) -> Result<String, Error> {
        Ok(key.sign_jwt(GRANT_CHALLENGE_TYP, self)?)
    }

    fn check(&self) -> Result<(), Error> {
        check_bounds(&Bounded {
            nonce: &self.nonce,
            jti: &self.jti,
            iat: self.iat,
            exp: self.exp,
            texts: [&self.client_id, &self.client_name, &self.scope],
        })?;
        if self.purpose != Purpose::Grant {
            return Err(Error::Malformed {
                reason: "the challenge is for another purpose",
            });
        }
        let too_long = |resource: &String| resource.len() > RESOURCE_BYTES_MAX;
        if self.resource.len() > RESOURCES_MAX || self.resource.iter().any(too_long) {
            return Err(Error::Malformed {
                reason: "there are too many or too long resources",
            });
        }
        Ok(())
    }
}

impl UnverifiedChallenge<'_> {
    /// As [`UnverifiedChallenge::verify`], for a grant's challenge.
    ///
    /// # Errors
    /// As [`UnverifiedChallenge::verify`]; a login's challenge is [`Error::Jose`] by its `typ`.
    pub fn verify_grant(
        self,
        key: &VerifyingKey,
        issuer: &str,
    ) -> Result<VerifiedChallenge<GrantChallenge>, Error> {
        let (claims, hash): (GrantChallenge, _) = self.verify_typed(key, GRANT_CHALLENGE_TYP)?;
        if claims.iss != issuer {
            return Err(Error::AudienceMismatch);
        }
        claims.check()?;
        Ok(VerifiedChallenge::new(claims, hash))
    }
}
