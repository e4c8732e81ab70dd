//! The agent's countersignature: origin, PIN entry and presence are its statements.

use cardea_jose::{
    JwtSigner, UnverifiedJws, VerifyingKey, constant_time_eq, sha256_base64url, sign_jwt_with_jwk,
};
use serde::{Deserialize, Serialize};

use crate::signing_input::UserVerification;
use crate::{CardStatement, Error, VerifiedStatement};

/// `typ` of an attestation.
pub const ATTESTATION_TYP: &str = "card-attestation+jwt";
/// Longest attestation, in bytes.
pub const ATTESTATION_BYTES_MAX: usize = 2048;
/// Longest name of a workstation, or of a reader, in bytes.
pub const INSTANCE_NAME_BYTES_MAX: usize = 64;

/// What the agent vouches for with its instance key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttestationClaims {
    /// SHA-256 of the compact assertion, base64url.
    pub assertion: String,
    /// The origin that the browser reported.
    pub origin: String,
    /// How the person was verified.
    pub uv: UserVerification,
    /// What the workstation calls itself, so that its person recognises it. It proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_name: Option<String>,
    /// What the reader is called that the card is in, so that its person recognises it later. It
    /// proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_name: Option<String>,
}

impl AttestationClaims {
    /// The statement that goes with an assertion.
    #[must_use]
    pub fn new(compact_assertion: &str, origin: &str, uv: UserVerification) -> Self {
        let assertion = sha256_base64url(compact_assertion.as_bytes());
        Self {
            assertion,
            origin: origin.to_owned(),
            uv,
            instance_name: None,
            reader_name: None,
        }
    }

    /// The same, naming the workstation.
    #[must_use]
    pub fn named(self, instance_name: Option<String>) -> Self {
        Self {
            instance_name,
            ..self
        }
    }

    /// The same, naming the reader; one whose name is too long is not named.
    #[must_use]
    pub fn at_reader(self, reader: &str) -> Self {
        let reader_name = Some(reader.to_owned()).filter(|it| is_presentable(it));
        Self {
            reader_name,
            ..self
        }
    }

    /// Countersigns with the agent's instance key.
    ///
    /// # Errors
    /// As [`sign_jwt_with_jwk`].
    pub fn sign(&self, instance_key: &dyn JwtSigner) -> Result<String, Error> {
        Ok(sign_jwt_with_jwk(instance_key, ATTESTATION_TYP, self)?)
    }
}

/// The RFC 7638 thumbprint of an agent instance that countersigned a card's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceThumbprint {
    jkt: String,
    name: Option<String>,
    reader: Option<String>,
}

impl InstanceThumbprint {
    /// The thumbprint, base64url.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.jkt
    }

    /// What the instance calls itself: short, without control characters, and proving nothing.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What it calls the reader that the card is in; as short, and proving as little.
    #[must_use]
    pub fn reader(&self) -> Option<&str> {
        self.reader.as_deref()
    }
}

/// Checks that the instance named in a card's statement countersigned this very statement.
///
/// # Errors
/// [`Error::AttestationMismatch`] when it speaks of another statement, instance, origin or
/// verification; [`Error::SignatureInvalid`]; [`Error::Jose`], also for the countersignature of
/// another kind of statement.
pub fn verify_attestation<C: CardStatement>(
    compact: &str,
    statement: &VerifiedStatement<C>,
) -> Result<InstanceThumbprint, Error> {
    let jws = UnverifiedJws::parse(compact, ATTESTATION_BYTES_MAX)?;
    let key = jws.jwk().ok_or(Error::AttestationMismatch)?.clone();
    let thumbprint = key.thumbprint();
    let instance_jkt = statement.claims().instance_jkt();
    if !constant_time_eq(thumbprint.as_bytes(), instance_jkt.as_bytes()) {
        return Err(Error::AttestationMismatch);
    }
    let attestation: C::Attestation = jws
        .verify(&VerifyingKey::from_jwk(&key)?, C::ATTESTATION_TYP)
        .map_err(Error::from_verification)?
        .claims()?;
    if C::is_attested_by(statement, &attestation) {
        let presented = |name: Option<&str>| {
            let name = name.filter(|name| is_presentable(name));
            name.map(str::to_owned)
        };
        Ok(InstanceThumbprint {
            jkt: thumbprint,
            name: presented(C::instance_name(&attestation)),
            reader: presented(C::reader_name(&attestation)),
        })
    } else {
        Err(Error::AttestationMismatch)
    }
}

/// Whether a workstation's or a reader's name may be put before a person: one short line that runs
/// one way.
fn is_presentable(name: &str) -> bool {
    let is_unseen = |c: char| {
        c.is_control()
            || ('\u{200b}'..='\u{200f}').contains(&c)
            || ('\u{2028}'..='\u{202e}').contains(&c)
            || ('\u{2060}'..='\u{206f}').contains(&c)
    };
    !name.trim().is_empty() && name.len() <= INSTANCE_NAME_BYTES_MAX && !name.contains(is_unseen)
}
