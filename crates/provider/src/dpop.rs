//! Proof of possession by the client's key (RFC 9449).

mod nonce;

use std::fmt;

use cardea_jose::{DpopProof, DpopTarget, DpopTolerance, sha256_base64url};
use cardea_storage::spending::{KeyUse, Spend, Spent};
use time::{Duration, OffsetDateTime};

use crate::client_certificate::PresentedCertificate;
use crate::key_binding::KeyBinding;
use crate::{Client, Demand, Error, Provider};

pub(crate) use nonce::DpopNonces;

/// Of proofs without a nonce of ours: they may have been made long before they were sent.
const WITHOUT_NONCE: DpopTolerance = DpopTolerance {
    past_seconds: 60,
    future_seconds: 10,
};
/// Of proofs with one, which cannot be older than the nonce: the client's clock may be wrong.
const WITH_NONCE: DpopTolerance = DpopTolerance {
    past_seconds: 240,
    future_seconds: 240,
};
/// How long a proof is remembered: longer than the widest tolerance from end to end.
const PROOF_REMEMBERED: Duration = Duration::minutes(10);
/// How long a key stays its client's after its last use, and an eighth longer at most: longer than
/// any session. Anybody can make keys in the name of a public client, so those are remembered no
/// longer than the proofs.
const KEY_OF_CONFIDENTIAL_CLIENT_KEPT: Duration = Duration::DAY;
const KEY_OF_PUBLIC_CLIENT_KEPT: Duration = Duration::minutes(8);

/// The proof that came with a request, and the request that it must be made for. Its `Debug` hides
/// the proof.
#[derive(Clone, Copy, Default)]
pub struct DpopRequest<'a> {
    /// The `DPoP` header, where there is one; two are refused before.
    pub proof: Option<&'a str>,
    /// The request's method, such as `POST`.
    pub method: &'a str,
    /// The endpoint's URL, from the configured issuer and never from `Host`.
    pub url: &'a str,
}

/// The scheme that an access token was presented with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenScheme {
    /// RFC 6750: whoever holds the token.
    Bearer,
    /// RFC 9449 section 7.1: with a proof by the token's key.
    Dpop,
}

/// An access token as a request to a protected resource presents it. Its `Debug` hides the token.
#[derive(Clone, Copy)]
pub struct PresentedToken<'a> {
    /// The token.
    pub token: &'a str,
    /// With which scheme.
    pub scheme: TokenScheme,
    /// With which proof, for which request.
    pub dpop: DpopRequest<'a>,
    /// Over a connection with which certificate.
    pub certificate: Option<&'a PresentedCertificate>,
}

impl fmt::Debug for DpopRequest<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DpopRequest")
            .field("proof", &self.proof.map(|_| "redacted"))
            .field("method", &self.method)
            .field("url", &self.url)
            .finish()
    }
}

impl fmt::Debug for PresentedToken<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PresentedToken")
            .field("scheme", &self.scheme)
            .field("dpop", &self.dpop)
            .finish_non_exhaustive()
    }
}

/// Whether proofs must carry a nonce of ours (RFC 9449 sections 8 and 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DpopNonceUse {
    /// Without it, a proof made in advance by whoever got at the key for a moment would be good
    /// at any later one.
    #[default]
    Required,
    /// Proofs without one are accepted while they are young.
    Optional,
}

/// The key that a request's proof was made with: what a token is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DpopKey {
    /// Its RFC 7638 thumbprint, as it stands in `cnf`.
    pub(crate) jkt: String,
}

impl Provider {
    /// Checks the proof of a request, and spends it; none where the client sent none and need not.
    ///
    /// The proof is spent in a transaction of its own: call this outside any other.
    pub(crate) async fn check_dpop(
        &self,
        client: &Client,
        request: &DpopRequest<'_>,
        access_token: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Option<DpopKey>, Error> {
        let demands = [
            client.dpop_bound_access_tokens,
            self.rules.sender_constrained_tokens,
        ];
        if request.proof.is_none() && !demands.contains(&Demand::Required) {
            return Ok(None);
        }
        let proof = self.verify_proof(request, access_token, now)?;
        self.spend_proof(client, &proof, now).await?;
        Ok(Some(DpopKey {
            jkt: proof.jkt().to_owned(),
        }))
    }

    /// Checks at a protected resource that an access token comes with the proof of the key that it
    /// is bound to, or over a connection with its certificate, and one bound to none as a bearer
    /// token (RFC 9449 section 7.1, RFC 8705 section 3, attacks F10 and F11).
    ///
    /// Call this outside any transaction, as [`Provider::check_dpop`].
    pub(crate) async fn check_possession(
        &self,
        client: &Client,
        bound_to: Option<&KeyBinding>,
        presented: &PresentedToken<'_>,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        match (bound_to, presented.scheme) {
            (None, TokenScheme::Bearer) => Ok(()),
            (None | Some(KeyBinding::Certificate(_)), TokenScheme::Dpop)
            | (Some(KeyBinding::Dpop(_)), TokenScheme::Bearer) => {
                Err(Error::AccessTokenSchemeMismatch)
            }
            (Some(KeyBinding::Certificate(digest)), TokenScheme::Bearer) => {
                let certificate = presented.certificate;
                let certificate = certificate.ok_or(Error::AccessTokenCertificateMissing)?;
                if certificate.x5t_s256() == digest {
                    Ok(())
                } else {
                    Err(Error::AccessTokenCertificateMismatch)
                }
            }
            (Some(KeyBinding::Dpop(jkt)), TokenScheme::Dpop) => {
                let proof = self.verify_proof(&presented.dpop, Some(presented.token), now)?;
                if proof.jkt() != jkt.as_str() {
                    return Err(Error::AccessTokenKeyMismatch);
                }
                self.spend_proof(client, &proof, now).await?;
                self.settle().await
            }
        }
    }

    /// A nonce for the `DPoP-Nonce` header of an answer (RFC 9449 section 8).
    ///
    /// # Errors
    /// [`Error::Jose`] when OpenSSL fails.
    pub fn dpop_nonce(&self) -> Result<String, Error> {
        Ok(self.keys().dpop_nonces.issue(self.now())?)
    }

    /// Everything about a proof but whether it was used before.
    fn verify_proof(
        &self,
        request: &DpopRequest<'_>,
        access_token: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<DpopProof, Error> {
        let compact = request.proof.ok_or(Error::DpopProofMissing)?;
        let target = DpopTarget {
            method: request.method,
            url: request.url,
            access_token,
        };
        let proof = DpopProof::verify(compact, &target).map_err(Error::DpopProofInvalid)?;
        if !self.rules.admits(proof.algorithm()) {
            let error = cardea_jose::Error::AlgorithmNotAllowed;
            return Err(Error::DpopProofInvalid(error));
        }
        let tolerance = match (proof.nonce(), self.proof_rules.dpop_nonce) {
            // Of a moment before the restore: the proof may have been used by then.
            (Some(nonce), _) if self.restore_epoch.is_after(nonce::made_from(nonce)) => {
                return Err(Error::DpopNonceInvalid);
            }
            (Some(nonce), _) if self.keys().dpop_nonces.is_current(nonce, now)? => WITH_NONCE,
            (Some(_), _) => return Err(Error::DpopNonceInvalid),
            (None, DpopNonceUse::Required) => return Err(Error::DpopNonceMissing),
            (None, DpopNonceUse::Optional) if self.may_predate_restore(&proof) => {
                return Err(Error::DpopNonceMissing);
            }
            (None, DpopNonceUse::Optional) => WITHOUT_NONCE,
        };
        proof
            .check_time(now.unix_timestamp(), tolerance)
            .map_err(Error::DpopProofInvalid)?;
        Ok(proof)
    }

    /// Whether a proof may have been used before the database was restored: its client is asked
    /// for one with a nonce, which is from after it.
    fn may_predate_restore(&self, proof: &DpopProof) -> bool {
        let earliest = proof.iat().saturating_sub(WITHOUT_NONCE.future_seconds);
        self.restore_epoch.is_after(earliest)
    }

    /// Takes a proof that must be new on every node, by a key that no other client uses.
    async fn spend_proof(
        &self,
        client: &Client,
        proof: &DpopProof,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let spent = sha256_base64url(format!("dpop\n{}\n{}", proof.jkt(), proof.jti()).as_bytes());
        let kept = if client.is_confidential() {
            KEY_OF_CONFIDENTIAL_CLIENT_KEPT
        } else {
            KEY_OF_PUBLIC_CLIENT_KEPT
        };
        let spend = Spend {
            jti_sha256: spent,
            expires_at: now + PROOF_REMEMBERED,
            key: Some(KeyUse {
                jkt: proof.jkt().to_owned(),
                client_id: client.client_id.clone(),
                expires_at: now + kept,
                now,
            }),
        };
        // What the client is told comes after a later commit, or after all is settled.
        match self.store.spend(spend).await? {
            Spent::First => Ok(()),
            Spent::Repeated => Err(Error::DpopProofReplayed),
            Spent::KeyOfAnother => Err(Error::DpopKeyOfOtherClient),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_token_nor_proof_is_ever_printed() {
        let presented = PresentedToken {
            token: "the token",
            scheme: TokenScheme::Dpop,
            dpop: DpopRequest {
                proof: Some("the proof"),
                method: "GET",
                url: "https://id.example.fr/userinfo",
            },
            certificate: None,
        };
        let printed = format!("{presented:?}");
        assert!(!printed.contains("the token"), "{printed}");
        assert!(!printed.contains("the proof"), "{printed}");
        assert!(printed.contains("/userinfo"), "{printed}");
    }
}
