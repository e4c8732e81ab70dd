//! That a token comes from whom it was given to: by the DPoP key that it is bound to (RFC 9449
//! section 7), or over a connection with its certificate (RFC 8705 section 3).

mod certificate_header;
mod nonce;
mod replay_memory;

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, header};
use cardea_jose::{
    Algorithm, DpopProof, DpopTarget, DpopTolerance, constant_time_eq, sha256_base64url,
};
use serde::Deserialize;

use crate::AccessError;
use crate::access_token::Binding;
use crate::access_token::Confirmation;
use crate::state::SharedProofs;

pub use certificate_header::{CertificateDigest, CertificateHeader};
pub(crate) use nonce::Nonces;
pub(crate) use replay_memory::ReplayMemory;

/// The header of a proof (RFC 9449 section 4.1).
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");
/// The header of a nonce (RFC 9449 section 9).
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Longest access token: one with RSA of 8192 bits and claims of every kind has half of that.
pub(crate) const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Longest proof; `cardea_jose` says the same.
const PROOF_BYTES_MAX: usize = 4096;

/// Of proofs without a nonce: they may have been made long before they were sent.
const WITHOUT_NONCE: DpopTolerance = DpopTolerance {
    past_seconds: 60,
    future_seconds: 10,
};
/// Of proofs with one, which cannot be older than the nonce: the client's clock may be wrong.
const WITH_NONCE: DpopTolerance = DpopTolerance {
    past_seconds: 240,
    future_seconds: 240,
};

/// How far the clocks of guards that share a store may be apart.
const GUARDS_APART_SECONDS: i64 = 10;

/// Whether proofs must carry a nonce of the guard (RFC 9449 section 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonceUse {
    /// Proofs without one are accepted while they are young, once.
    #[default]
    Optional,
    /// A proof is good at the guard that gave the nonce, and at no other.
    Required,
}

/// How a token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RFC 6750.
    Bearer,
    /// RFC 9449.
    Dpop,
}

/// What a request shows: read from its headers, and nothing believed yet.
pub(crate) struct Presented<'a> {
    pub(crate) scheme: Scheme,
    pub(crate) token: &'a str,
    proof: Option<&'a str>,
}

impl<'a> Presented<'a> {
    /// Reads the one token and the proof. A token in an address or a body is not looked for: it
    /// would stand in logs.
    pub(crate) fn read(headers: &'a HeaderMap) -> Result<Self, AccessError> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().ok_or(AccessError::TokenMissing)?;
        let text = value.to_str().ok().filter(|_| values.next().is_none());
        let (scheme, token) = text
            .and_then(|text| text.split_once(' '))
            .ok_or(AccessError::AuthorizationMalformed)?;
        let scheme = if scheme.eq_ignore_ascii_case("DPoP") {
            Scheme::Dpop
        } else if scheme.eq_ignore_ascii_case("Bearer") {
            Scheme::Bearer
        } else {
            return Err(AccessError::TokenMissing);
        };
        let token = token.trim_start_matches(' ');
        if token.is_empty() || token.len() > TOKEN_BYTES_MAX || !token.bytes().all(is_of_token) {
            return Err(AccessError::AuthorizationMalformed);
        }
        let mut proofs = headers.get_all(&DPOP).iter();
        let proof = match (proofs.next(), proofs.next()) {
            (None, _) => None,
            (Some(proof), None) if proof.len() <= PROOF_BYTES_MAX => Some(
                proof
                    .to_str()
                    .map_err(|_| AccessError::DpopProofMalformed)?,
            ),
            _ => return Err(AccessError::DpopProofMalformed),
        };
        Ok(Self {
            scheme,
            token,
            proof,
        })
    }
}

/// RFC 6750 section 2.1, `b64token`. As ranges: it is asked of each byte of each request's token.
fn is_of_token(byte: u8) -> bool {
    matches!(
        byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'='
    )
}

/// The request that a proof must be made for, and the certificate that a proxy saw.
#[derive(Clone, Copy, Debug)]
pub struct RequestSeen<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its URL as its caller knows it, without query and fragment; never from `Host`.
    pub url: &'a str,
    /// Of the caller's certificate; none where nobody who is believed saw one.
    pub certificate: Option<&'a CertificateDigest>,
}

/// Compares what a token is bound to with what a request shows.
pub(crate) struct PossessionCheck {
    pub(crate) sender_constrained: bool,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) nonce_use: NonceUse,
    pub(crate) nonces: Nonces,
    pub(crate) replay: ReplayMemory,
    /// What other guards remember, too, where they share their states.
    pub(crate) shared: Option<SharedProofs>,
}

/// A proof that this guard has taken, and until when it is remembered.
struct SpentProof {
    name: String,
    until: i64,
}

impl PossessionCheck {
    /// Attacks F9, F10 and F11. A proof that is good is spent by this, at all guards that share
    /// their states.
    pub(crate) async fn check(
        &self,
        bound_to: Option<&Confirmation>,
        presented: &Presented<'_>,
        seen: &RequestSeen<'_>,
        now: i64,
    ) -> Result<Binding, AccessError> {
        let (binding, spent) = self.check_here(bound_to, presented, seen, now)?;
        let (Some(shared), Some(spent)) = (&self.shared, spent) else {
            return Ok(binding);
        };
        // Another guard's clock may be behind: the proof is good there when it is not here.
        let kept = spent.until.saturating_sub(now);
        let kept = kept.saturating_add(GUARDS_APART_SECONDS);
        let kept = Duration::from_secs(u64::try_from(kept).unwrap_or(1));
        match Box::pin(shared.spend(&spent.name, kept)).await {
            true => Ok(binding),
            false => Err(AccessError::DpopProofReplayed),
        }
    }

    fn check_here(
        &self,
        bound_to: Option<&Confirmation>,
        presented: &Presented<'_>,
        seen: &RequestSeen<'_>,
        now: i64,
    ) -> Result<(Binding, Option<SpentProof>), AccessError> {
        let (jkt, x5t) = match bound_to {
            None => (None, None),
            // A `cnf` that names nothing that we can check binds the token to what we don't know.
            Some(Confirmation {
                jkt: None,
                x5t_s256: None,
            }) => return Err(AccessError::TokenBindingUnknown),
            Some(confirmation) => (
                confirmation.jkt.as_deref(),
                confirmation.x5t_s256.as_deref(),
            ),
        };
        if let Some(x5t) = x5t {
            check_certificate(x5t, seen)?;
        }
        match (jkt, presented.scheme) {
            (Some(jkt), Scheme::Dpop) => {
                let spent = self.check_proof(jkt, presented, seen, now)?;
                Ok((Binding::Dpop, Some(spent)))
            }
            (Some(_), Scheme::Bearer) | (None, Scheme::Dpop) => {
                Err(AccessError::TokenSchemeMismatch)
            }
            (None, Scheme::Bearer) if x5t.is_some() => Ok((Binding::Certificate, None)),
            (None, Scheme::Bearer) if self.sender_constrained => Err(AccessError::TokenUnbound),
            (None, Scheme::Bearer) => Ok((Binding::None, None)),
        }
    }

    fn check_proof(
        &self,
        jkt: &str,
        presented: &Presented<'_>,
        seen: &RequestSeen<'_>,
        now: i64,
    ) -> Result<SpentProof, AccessError> {
        let compact = presented.proof.ok_or(AccessError::DpopProofMissing)?;
        let target = DpopTarget {
            method: seen.method,
            url: seen.url,
            access_token: Some(presented.token),
        };
        let proof = DpopProof::verify(compact, &target).map_err(AccessError::DpopProofInvalid)?;
        if !self.algorithms.contains(&proof.algorithm()) {
            let error = cardea_jose::Error::AlgorithmNotAllowed;
            return Err(AccessError::DpopProofInvalid(error));
        }
        if !constant_time_eq(proof.jkt().as_bytes(), jkt.as_bytes()) {
            return Err(AccessError::DpopKeyMismatch);
        }
        let tolerance = match (proof.nonce(), self.nonce_use) {
            (Some(nonce), _) if self.nonces.is_current(nonce, now)? => WITH_NONCE,
            (Some(_), _) => return Err(AccessError::DpopNonceInvalid),
            (None, NonceUse::Required) => return Err(AccessError::DpopNonceMissing),
            (None, NonceUse::Optional) => WITHOUT_NONCE,
        };
        proof
            .check_time(now, tolerance)
            .map_err(AccessError::DpopProofInvalid)?;
        // Good until then, and one second more: the tolerance includes its last second.
        let until = proof.iat().saturating_add(tolerance.past_seconds + 1);
        let name = self.replay.spend(proof.jkt(), proof.jti(), until, now)?;
        Ok(SpentProof { name, until })
    }
}

fn check_certificate(x5t: &str, seen: &RequestSeen<'_>) -> Result<(), AccessError> {
    let shown = seen.certificate.ok_or(AccessError::CertificateMissing)?;
    if constant_time_eq(shown.as_str().as_bytes(), x5t.as_bytes()) {
        Ok(())
    } else {
        Err(AccessError::CertificateMismatch)
    }
}

/// What stands for a proof among those that were used: of one length, whatever a client chose.
fn key_of(jkt: &str, jti: &str) -> String {
    sha256_base64url(format!("{jkt}\n{jti}").as_bytes())
}

#[cfg(test)]
mod tests;
