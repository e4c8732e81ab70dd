//! The step-up: a fresh signature of the card that holds a session, asked for over the session's
//! own presence connection because a guard at a portal's service wants it (docs/adr/0043).
//!
//! The challenge is a JWS of the issuer's challenge key with `typ` `card-step-up-challenge+jwt`:
//!
//! ```text
//! {"iss":…, "purpose":"step_up", "nonce":…, "jti":…, "iat":…, "exp":…, "client_id":…,
//!  "client_name":…, "service":…, "patients":41, "presence":<thumbprint of the session's key>}
//! ```
//!
//! What the card signs repeats what the person was shown, and names the session by its presence
//! key:
//!
//! ```text
//! base64url( {"alg":"RS256","typ":"card-step-up+jwt","x5c":["<leaf, base64 DER>", …]} ) "."
//! base64url( {"aud":<issuer, letter for letter>, "client_id":…, "service":…, "patients":41,
//!             "challenge":<SHA-256 of the compact challenge>, "nonce":…, "jti":…, "iat":…,
//!             "exp":<the challenge's>, "card_serial":…, "uv":"now",
//!             "presence":<as in the challenge>, "instance_jkt":…} ) "."
//! base64url( signature )
//! ```
//!
//! Every member is required and no other is allowed. There is no `origin` and no `cnf`: no session
//! begins by it and no token is bound to it. The countersignature of the agent's instance key is
//! `{"step_up":<SHA-256 of the compact statement>,"uv":…}` under `typ`
//! `card-step-up-attestation+jwt`, with the instance key's `jwk` in the header.

use cardea_jose::{JwtSigner, SigningKey, VerifyingKey, sha256_base64url, sign_jwt_with_jwk};
use serde::{Deserialize, Serialize};

use crate::challenge::{Bounded, Purpose, UnverifiedChallenge, check_bounds};
use crate::signing_input::UserVerification;
use crate::{Error, UnverifiedStatement, VerifiedChallenge, VerifiedStatement};

/// `typ` of a step-up's challenge.
pub const STEP_UP_CHALLENGE_TYP: &str = "card-step-up-challenge+jwt";
/// `typ` of what the card signs for it.
pub const STEP_UP_TYP: &str = "card-step-up+jwt";
/// `typ` of its countersignature.
pub const STEP_UP_ATTESTATION_TYP: &str = "card-step-up-attestation+jwt";
/// Longest lifetime of a statement, in seconds: it ends with its challenge.
const LIFETIME_SECONDS_MAX: i64 = 600;
/// Longest single text, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// A step-up statement whose signature nobody has checked.
pub type UnverifiedStepUp<'a> = UnverifiedStatement<'a, StepUpClaims>;
/// A step-up statement signed by the key that was given.
pub type VerifiedStepUp = VerifiedStatement<StepUpClaims>;

/// The claims of a step-up's challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepUpChallenge {
    /// The issuer, letter for letter.
    pub iss: String,
    /// Why the card is asked: [`Purpose::StepUp`].
    pub purpose: Purpose,
    /// 256 random bits, base64url.
    pub nonce: String,
    /// The challenge's name in the server's store.
    pub jti: String,
    /// Issued at, unix seconds by the server's clock.
    pub iat: i64,
    /// Expires at, unix seconds by the server's clock.
    pub exp: i64,
    /// The portal whose session asks for so many patients.
    pub client_id: String,
    /// The portal's display name, shown in the prompt.
    pub client_name: String,
    /// The portal's service, in its guard's words.
    pub service: String,
    /// How many patients the session has looked up so far, as far as is known.
    pub patients: u32,
    /// RFC 7638 thumbprint of the presence key of the session that is asked.
    pub presence: String,
}

impl StepUpChallenge {
    /// Signs the challenge with the issuer's challenge key.
    ///
    /// # Errors
    /// As [`SigningKey::sign_jwt`].
    pub fn sign(&self, key: &SigningKey) -> Result<String, Error> {
        Ok(key.sign_jwt(STEP_UP_CHALLENGE_TYP, self)?)
    }

    fn check(&self) -> Result<(), Error> {
        check_bounds(&Bounded {
            nonce: &self.nonce,
            jti: &self.jti,
            iat: self.iat,
            exp: self.exp,
            texts: [&self.client_id, &self.client_name, &self.service],
        })?;
        if self.purpose != Purpose::StepUp {
            return Err(Error::Malformed {
                reason: "the challenge is for another purpose",
            });
        }
        check_text(&self.presence)
    }
}

impl UnverifiedChallenge<'_> {
    /// As [`UnverifiedChallenge::verify`], for a step-up's challenge.
    ///
    /// # Errors
    /// As [`UnverifiedChallenge::verify`]; the challenge of a login or of a grant is
    /// [`Error::Jose`] by its `typ`.
    pub fn verify_step_up(
        self,
        key: &VerifyingKey,
        issuer: &str,
    ) -> Result<VerifiedChallenge<StepUpChallenge>, Error> {
        let (claims, hash): (StepUpChallenge, _) = self.verify_typed(key, STEP_UP_CHALLENGE_TYP)?;
        if claims.iss != issuer {
            return Err(Error::AudienceMismatch);
        }
        claims.check()?;
        Ok(VerifiedChallenge::new(claims, hash))
    }
}

/// The claims of a step-up statement: everything that the card's signature covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepUpClaims {
    /// The issuer that the statement is for.
    pub aud: String,
    /// The portal that the person saw in the prompt.
    pub client_id: String,
    /// The service that she saw.
    pub service: String,
    /// The number of patients that she saw.
    pub patients: u32,
    /// SHA-256 of the compact challenge, base64url.
    pub challenge: String,
    /// The challenge's nonce.
    pub nonce: String,
    /// The challenge's jti.
    pub jti: String,
    /// The challenge's `iat` plus the time elapsed since, by the agent's monotonic clock.
    pub iat: i64,
    /// The challenge's `exp`.
    pub exp: i64,
    /// The card's serial as its application reports it.
    pub card_serial: String,
    /// How the person was verified.
    pub uv: UserVerification,
    /// The presence key of the session that goes on.
    pub presence: String,
    /// RFC 7638 thumbprint of the agent's instance key, which countersigns.
    pub instance_jkt: String,
}

impl StepUpClaims {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let lifetime = self.exp.checked_sub(self.iat);
        if !lifetime.is_some_and(|seconds| (0..=LIFETIME_SECONDS_MAX).contains(&seconds)) {
            return Err(Error::Malformed {
                reason: "the lifetime is negative or too long",
            });
        }
        let texts = [
            &self.aud,
            &self.client_id,
            &self.service,
            &self.challenge,
            &self.nonce,
            &self.jti,
            &self.card_serial,
            &self.presence,
            &self.instance_jkt,
        ];
        texts.into_iter().try_for_each(|text| check_text(text))
    }
}

/// What the agent vouches for with its instance key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepUpAttestationClaims {
    /// SHA-256 of the compact statement, base64url.
    pub step_up: String,
    /// How the person was verified.
    pub uv: UserVerification,
}

impl StepUpAttestationClaims {
    /// The countersignature that goes with a statement.
    #[must_use]
    pub fn new(compact_step_up: &str, uv: UserVerification) -> Self {
        Self {
            step_up: sha256_base64url(compact_step_up.as_bytes()),
            uv,
        }
    }

    /// Countersigns with the agent's instance key.
    ///
    /// # Errors
    /// As [`sign_jwt_with_jwk`].
    pub fn sign(&self, instance_key: &dyn JwtSigner) -> Result<String, Error> {
        Ok(sign_jwt_with_jwk(
            instance_key,
            STEP_UP_ATTESTATION_TYP,
            self,
        )?)
    }
}

fn check_text(text: &str) -> Result<(), Error> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Error::Malformed {
            reason: "a text is too long",
        });
    }
    Ok(())
}
