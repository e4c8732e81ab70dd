//! The login challenge: what the server asks the card to answer (design: life of a login, 2).

use cardea_jose::{SigningKey, UnverifiedJws, VerifyingKey, sha256_base64url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::host_account::HostAccount;
use crate::signing_input::UserVerification;

/// `typ` of a login challenge.
pub const CHALLENGE_TYP: &str = "card-challenge+jwt";
/// Longest challenge, in bytes.
pub const CHALLENGE_BYTES_MAX: usize = 4096;
/// Longest lifetime that an agent accepts a challenge with, in seconds.
const LIFETIME_SECONDS_MAX: i64 = 600;
/// Longest single text of a challenge, in bytes.
const TEXT_BYTES_MAX: usize = 512;
/// Longest address of another device: IPv6 in words has 45 characters.
const DEVICE_BYTES_MAX: usize = 64;

/// What a challenge may be answered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Purpose {
    /// Log in to a portal in the browser that holds the login cookie.
    Login,
    /// Give tokens to business software that has no browser.
    Grant,
    /// Let a session go on that a guard asks about.
    StepUp,
}

/// The claims of a login challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginChallenge {
    /// The issuer, letter for letter.
    pub iss: String,
    /// Why the card is asked.
    pub purpose: Purpose,
    /// 256 random bits, base64url.
    pub nonce: String,
    /// The challenge's name in the server's store.
    pub jti: String,
    /// Issued at, unix seconds by the server's clock.
    pub iat: i64,
    /// Expires at, unix seconds by the server's clock.
    pub exp: i64,
    /// The client that the person logs in to.
    pub client_id: String,
    /// The client's display name, shown in the PIN prompt.
    pub client_name: String,
    /// The scope asked for, space-separated.
    pub scope: String,
    /// Where another device asked from, if the login is for one (RFC 8628): the prompt says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// What that device says about who is at its door, where it may say so. An agent from before
    /// shows the device alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_account: Option<HostAccount>,
    /// The authentication context class asked for, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// The weakest user verification that would do. The issuer decides it for each login, from its
    /// operator's policy and from what the client asked for; an agent may always do more. A
    /// challenge that does not say wants the PIN typed for this login.
    #[serde(default)]
    pub uv: UserVerification,
    /// SHA-256 of the login cookie, base64url: ties the challenge to one browser.
    pub browser: String,
}

impl LoginChallenge {
    /// Signs the challenge with the issuer's challenge key.
    ///
    /// # Errors
    /// As [`SigningKey::sign_jwt`].
    pub fn sign(&self, key: &SigningKey) -> Result<String, Error> {
        Ok(key.sign_jwt(CHALLENGE_TYP, self)?)
    }
}

/// A challenge as a page handed it over; only its key id and issuer may be looked at.
#[derive(Debug)]
pub struct UnverifiedChallenge<'a> {
    compact: &'a str,
    jws: UnverifiedJws<'a>,
    issuer: String,
}

/// A challenge signed by a key of the issuer that the agent is enrolled with.
#[derive(Clone, Debug)]
pub struct VerifiedChallenge<C = LoginChallenge> {
    claims: C,
    hash: String,
}

impl<'a> UnverifiedChallenge<'a> {
    /// Reads a challenge without believing it.
    ///
    /// # Errors
    /// [`Error::Jose`] when it is no bounded JWS with an `iss`.
    pub fn parse(compact: &'a str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct IssuerOnly {
            iss: String,
        }
        let jws = UnverifiedJws::parse(compact, CHALLENGE_BYTES_MAX)?;
        let IssuerOnly { iss } = jws.unverified_claims()?;
        Ok(Self {
            compact,
            jws,
            issuer: iss,
        })
    }

    /// The key id to look up among the enrolled issuer's challenge keys.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.jws.kid()
    }

    /// The issuer that the challenge claims to come from: chooses the enrolment, proves nothing.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Checks the signature, the type, the issuer and the claims' bounds.
    ///
    /// Expiry is not checked: a workstation's clock may be wrong, and only the server's decides.
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`], [`Error::Jose`] for another `typ` or algorithm,
    /// [`Error::AudienceMismatch`] for another issuer, [`Error::Malformed`].
    pub fn verify(self, key: &VerifyingKey, issuer: &str) -> Result<VerifiedChallenge, Error> {
        let (claims, hash): (LoginChallenge, _) = self.verify_typed(key, CHALLENGE_TYP)?;
        if claims.iss != issuer {
            return Err(Error::AudienceMismatch);
        }
        claims.check()?;
        Ok(VerifiedChallenge::new(claims, hash))
    }

    /// Checks signature and type; returns the claims and the hash of the compact challenge.
    pub(crate) fn verify_typed<C: DeserializeOwned>(
        self,
        key: &VerifyingKey,
        typ: &str,
    ) -> Result<(C, String), Error> {
        let hash = sha256_base64url(self.compact.as_bytes());
        let verified = self
            .jws
            .verify(key, typ)
            .map_err(Error::from_verification)?;
        Ok((verified.claims()?, hash))
    }
}

impl LoginChallenge {
    fn check(&self) -> Result<(), Error> {
        if self.purpose != Purpose::Login {
            return Err(Error::Malformed {
                reason: "the challenge is for another purpose",
            });
        }
        if self
            .device
            .as_ref()
            .is_some_and(|it| it.len() > DEVICE_BYTES_MAX)
        {
            return Err(Error::Malformed {
                reason: "a text is too long",
            });
        }
        if let Some(host_account) = &self.host_account {
            host_account.check()?;
        }
        check_bounds(&Bounded {
            nonce: &self.nonce,
            jti: &self.jti,
            iat: self.iat,
            exp: self.exp,
            texts: [&self.client_id, &self.client_name, &self.scope],
        })
    }
}

/// What is bounded in each kind of challenge.
pub(crate) struct Bounded<'a> {
    pub(crate) nonce: &'a str,
    pub(crate) jti: &'a str,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) texts: [&'a str; 3],
}

pub(crate) fn check_bounds(challenge: &Bounded<'_>) -> Result<(), Error> {
    let lifetime = challenge.exp.checked_sub(challenge.iat);
    if !lifetime.is_some_and(|seconds| (1..=LIFETIME_SECONDS_MAX).contains(&seconds)) {
        return Err(Error::Malformed {
            reason: "the lifetime is negative or too long",
        });
    }
    let ids = [challenge.nonce, challenge.jti];
    let mut texts = challenge.texts.iter().chain(&ids);
    if texts.any(|text| text.len() > TEXT_BYTES_MAX) {
        return Err(Error::Malformed {
            reason: "a text is too long",
        });
    }
    // 128 bits are 22 characters of base64url: a shorter nonce could be guessed.
    if challenge.nonce.len() < 22 || challenge.jti.len() < 22 {
        return Err(Error::Malformed {
            reason: "the nonce or jti is too short",
        });
    }
    Ok(())
}

impl<C> VerifiedChallenge<C> {
    pub(crate) fn new(claims: C, hash: String) -> Self {
        Self { claims, hash }
    }

    /// The proven claims.
    #[must_use]
    pub fn claims(&self) -> &C {
        &self.claims
    }

    /// SHA-256 of the compact challenge, base64url: what the card's statement names.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }
}
