//! The card grant: what a card signs for business software that has no browser (RFC 7523 section 3;
//! design: life of a login, 9).
//!
//! The compact JWS, byte for byte what the card's signature covers:
//!
//! ```text
//! base64url( {"alg":"RS256","typ":"card-grant+jwt","x5c":["<leaf, base64 DER>", …]} ) "."
//! base64url( {"iss":"ni:///sha-256;<SHA-256 of the leaf, base64url>",
//!             "sub":<the same>, "aud":<issuer, letter for letter>, "client_id":…,
//!             "challenge":<SHA-256 of the compact challenge>, "nonce":…, "jti":…,
//!             "iat":…, "exp":<the challenge's>, "card_serial":…, "uv":"now",
//!             "cnf":{"jkt":<presence key>}, "instance_jkt":…} ) "."
//! base64url( signature )
//! ```
//!
//! Every member is required and no other is allowed: there is no `origin`, because no browser told
//! one. `iss` and `sub` name the card by its certificate (RFC 6920), which is what speaks; whose it
//! is, the certificate says. The countersignature of the agent's instance key is
//! `{"grant":<SHA-256 of the compact grant>,"uv":…,"instance_name":…}` under `typ`
//! `card-grant-attestation+jwt` with the instance key's `jwk` in the header; the name may be
//! absent, and proves nothing.

use cardea_jose::{JwtSigner, sha256_base64url, sign_jwt_with_jwk};
use serde::{Deserialize, Serialize};

use crate::signing_input::{Confirmation, UserVerification};
use crate::{Error, UnverifiedStatement, VerifiedStatement};

/// `typ` of a card grant.
pub const GRANT_TYP: &str = "card-grant+jwt";
/// `typ` of the countersignature of a card grant.
pub const GRANT_ATTESTATION_TYP: &str = "card-grant-attestation+jwt";
/// Longest lifetime of a grant, in seconds: it ends with its challenge.
const LIFETIME_SECONDS_MAX: i64 = 600;
/// Longest single text of a grant, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// A card grant whose signature nobody has checked.
pub type UnverifiedGrant<'a> = UnverifiedStatement<'a, GrantClaims>;
/// A card grant signed by the key that was given.
pub type VerifiedGrant = VerifiedStatement<GrantClaims>;

/// The claims of a card grant: everything that the card's signature covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantClaims {
    /// The card that speaks, by its certificate; see [`certificate_name`].
    pub iss: String,
    /// Whom it speaks of: the same.
    pub sub: String,
    /// The issuer that the grant is for.
    pub aud: String,
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
    /// The challenge's `exp`.
    pub exp: i64,
    /// The card's serial as its application reports it.
    pub card_serial: String,
    /// How the person was verified.
    pub uv: UserVerification,
    /// The fresh presence key, which the tokens will be bound to.
    pub cnf: Confirmation,
    /// RFC 7638 thumbprint of the agent's instance key, which countersigns.
    pub instance_jkt: String,
}

/// The name of a card by its authentication certificate: a `ni` URI of the certificate's SHA-256
/// (RFC 6920 section 3).
#[must_use]
pub fn certificate_name(certificate_der: &[u8]) -> String {
    format!("ni:///sha-256;{}", sha256_base64url(certificate_der))
}

impl GrantClaims {
    pub(crate) fn check(&self, leaf_certificate_der: &[u8]) -> Result<(), Error> {
        let malformed = |reason| Err(Error::Malformed { reason });
        let lifetime = self.exp.checked_sub(self.iat);
        if !lifetime.is_some_and(|seconds| (0..=LIFETIME_SECONDS_MAX).contains(&seconds)) {
            return malformed("the lifetime is negative or too long");
        }
        let texts = [
            &self.aud,
            &self.client_id,
            &self.challenge,
            &self.nonce,
            &self.jti,
            &self.card_serial,
            &self.cnf.jkt,
            &self.instance_jkt,
        ];
        if texts.iter().any(|text| text.len() > TEXT_BYTES_MAX) {
            return malformed("a text is too long");
        }
        let card = certificate_name(leaf_certificate_der);
        if self.iss != card || self.sub != card {
            return malformed("iss and sub do not name the card's certificate");
        }
        Ok(())
    }
}

/// What the agent vouches for with its instance key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantAttestationClaims {
    /// SHA-256 of the compact grant, base64url.
    pub grant: String,
    /// How the person was verified.
    pub uv: UserVerification,
    /// What the workstation calls itself, so that its person recognises it. It proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_name: Option<String>,
}

impl GrantAttestationClaims {
    /// The statement that goes with a grant.
    #[must_use]
    pub fn new(compact_grant: &str, uv: UserVerification) -> Self {
        Self {
            grant: sha256_base64url(compact_grant.as_bytes()),
            uv,
            instance_name: None,
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

    /// Countersigns with the agent's instance key.
    ///
    /// # Errors
    /// As [`sign_jwt_with_jwk`].
    pub fn sign(&self, instance_key: &dyn JwtSigner) -> Result<String, Error> {
        Ok(sign_jwt_with_jwk(
            instance_key,
            GRANT_ATTESTATION_TYP,
            self,
        )?)
    }
}
