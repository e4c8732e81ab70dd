//! The exact bytes that a card signs (RFC 7515 section 5.1).

use base64::Engine as _;
use cardea_jose::{Algorithm, base64url};
use serde::{Deserialize, Serialize};

use crate::{CardStatement, Error};

/// How the person was verified for this signature, as the agent states it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserVerification {
    /// The PIN was typed for this login.
    #[default]
    Now,
    /// The PIN was typed earlier, and the card stayed in the reader since.
    Cached,
    /// No PIN: possession alone, as with a contactless signature.
    None,
}

/// Confirmation of the presence key (RFC 7800).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// RFC 7638 thumbprint of the presence key.
    pub jkt: String,
}

/// The claims of a card assertion: everything that the card's signature covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionClaims {
    /// The issuer that the assertion is for.
    pub aud: String,
    /// The login page's origin, as the agent learned it from the browser.
    pub origin: String,
    /// The client that the person saw in the prompt.
    pub client_id: String,
    /// SHA-256 of the compact challenge, base64url.
    pub challenge: String,
    /// The challenge's nonce.
    pub nonce: String,
    /// The challenge's jti.
    pub jti: String,
    /// The challenge's `iat` plus the time elapsed since, by the agent's monotonic clock.
    pub iat: i64,
    /// The card's serial as its application reports it.
    pub card_serial: String,
    /// How the person was verified.
    pub uv: UserVerification,
    /// The fresh presence key.
    pub cnf: Confirmation,
    /// RFC 7638 thumbprint of the agent's instance key, which countersigns.
    pub instance_jkt: String,
}

#[derive(Serialize)]
struct Header {
    alg: Algorithm,
    typ: &'static str,
    x5c: Vec<String>,
}

/// Header and payload of a card's statement, ready to be signed by the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningInput(String);

impl SigningInput {
    /// Lays out header and payload. `certificates` are DER, the signing one first.
    ///
    /// # Errors
    /// [`Error::Malformed`] when a value can't be JSON.
    pub fn new<C: CardStatement>(
        alg: Algorithm,
        certificates: &[&[u8]],
        claims: &C,
    ) -> Result<Self, Error> {
        let standard = &base64::engine::general_purpose::STANDARD;
        let x5c = certificates
            .iter()
            .map(|der| standard.encode(der))
            .collect();
        let header = Header {
            alg,
            typ: C::TYP,
            x5c,
        };
        let json = |_| Error::Malformed {
            reason: "a value can't be written as JSON",
        };
        let header = serde_json::to_vec(&header).map_err(json)?;
        let claims = serde_json::to_vec(claims).map_err(json)?;
        Ok(Self(format!(
            "{}.{}",
            base64url(&header),
            base64url(&claims)
        )))
    }

    /// The bytes to sign, before hashing.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Joins the card's signature: RSA as it is, ECDSA as `r || s` (RFC 7518 section 3.4).
    #[must_use]
    pub fn into_assertion(self, signature: &[u8]) -> String {
        format!("{}.{}", self.0, base64url(signature))
    }
}
