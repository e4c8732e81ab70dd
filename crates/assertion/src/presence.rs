//! Presence statements: the card is still in the reader, or has left (design: step 8).

use cardea_jose::{SigningKey, UnverifiedJws, VerifyingKey, random_base64url};
use serde::{Deserialize, Serialize};

use crate::Error;

/// `typ` of a presence statement.
pub const PRESENCE_TYP: &str = "card-presence+jwt";
/// Longest presence statement, in bytes.
pub const PRESENCE_BYTES_MAX: usize = 2048;

/// What the agent states about the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresenceState {
    /// The card of this login is still in the reader.
    Present,
    /// The card has left; the presence key is wiped after this signature.
    Departed,
}

/// Why the agent took presence back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DepartureReason {
    /// The card left its reader.
    CardRemoved,
    /// The person's screen was locked, or another session took the screen.
    ScreenLocked,
    /// The workstation goes to sleep.
    Sleep,
    /// The agent stops, or makes room for another session.
    AgentStopped,
    /// The person ended all sessions of this workstation.
    PersonEnded,
    /// One that a later version of the agent knows: a departure all the same.
    #[serde(other)]
    Other,
}

#[derive(Serialize, Deserialize)]
struct PresenceClaims {
    aud: String,
    state: PresenceState,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<DepartureReason>,
    jti: String,
}

/// A presence statement signed by the key that it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPresence {
    jkt: String,
    state: PresenceState,
    nonce: Option<String>,
    reason: Option<DepartureReason>,
}

impl VerifiedPresence {
    /// RFC 7638 thumbprint of the presence key: names the session.
    #[must_use]
    pub fn jkt(&self) -> &str {
        &self.jkt
    }

    /// What the agent stated.
    #[must_use]
    pub fn state(&self) -> PresenceState {
        self.state
    }

    /// The server nonce that it answers. A departure needs none: replayed, it ends nothing twice.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// Why the agent took presence back; none where it did not say.
    #[must_use]
    pub fn reason(&self) -> Option<DepartureReason> {
        self.reason
    }
}

/// States that the card is present, over a fresh nonce of the server.
///
/// # Errors
/// As [`SigningKey::sign_jwt_with_jwk`].
pub fn sign_present(key: &SigningKey, issuer: &str, nonce: &str) -> Result<String, Error> {
    let claims = PresenceClaims {
        aud: issuer.to_owned(),
        state: PresenceState::Present,
        nonce: Some(nonce.to_owned()),
        reason: None,
        jti: random_base64url(16)?,
    };
    Ok(key.sign_jwt_with_jwk(PRESENCE_TYP, &claims)?)
}

/// States that the card has left, or that the agent vouches for it no more.
///
/// # Errors
/// As [`SigningKey::sign_jwt_with_jwk`].
pub fn sign_departed(
    key: &SigningKey,
    issuer: &str,
    reason: DepartureReason,
) -> Result<String, Error> {
    let claims = PresenceClaims {
        aud: issuer.to_owned(),
        state: PresenceState::Departed,
        nonce: None,
        reason: Some(reason),
        jti: random_base64url(16)?,
    };
    Ok(key.sign_jwt_with_jwk(PRESENCE_TYP, &claims)?)
}

/// Checks a statement's signature, type and audience. The caller compares nonce and `jkt`.
///
/// # Errors
/// [`Error::SignatureInvalid`], [`Error::AudienceMismatch`], [`Error::Malformed`] when a
/// statement of presence lacks its nonce or gives a reason for a departure, [`Error::Jose`].
pub fn verify_presence(compact: &str, issuer: &str) -> Result<VerifiedPresence, Error> {
    let jws = UnverifiedJws::parse(compact, PRESENCE_BYTES_MAX)?;
    let key = jws
        .jwk()
        .ok_or(Error::Malformed {
            reason: "the key is missing",
        })?
        .clone();
    let claims: PresenceClaims = jws
        .verify(&VerifyingKey::from_jwk(&key)?, PRESENCE_TYP)
        .map_err(Error::from_verification)?
        .claims()?;
    if claims.aud != issuer {
        return Err(Error::AudienceMismatch);
    }
    if claims.state == PresenceState::Present && claims.nonce.is_none() {
        return Err(Error::Malformed {
            reason: "a statement of presence needs its nonce",
        });
    }
    if claims.state == PresenceState::Present && claims.reason.is_some() {
        return Err(Error::Malformed {
            reason: "only a departure has a reason",
        });
    }
    Ok(VerifiedPresence {
        jkt: key.thumbprint(),
        state: claims.state,
        nonce: claims.nonce,
        reason: claims.reason,
    })
}
