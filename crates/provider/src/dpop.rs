//! Proof of possession by the client's key (RFC 9449).

use time::OffsetDateTime;

use crate::{Client, Demand, Error, Provider};

/// The proof that came with a request, and the request that it must be made for.
#[derive(Clone, Copy, Debug, Default)]
pub struct DpopRequest<'a> {
    /// The `DPoP` header, where there is one; two are refused before.
    pub proof: Option<&'a str>,
    /// The request's method, such as `POST`.
    pub method: &'a str,
    /// The endpoint's URL, from the configured issuer and never from `Host`.
    pub url: &'a str,
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
    #[expect(
        clippy::unused_async,
        reason = "the proof's jti will be spent in the database"
    )]
    pub(crate) async fn check_dpop(
        &self,
        client: &Client,
        request: &DpopRequest<'_>,
        _access_token: Option<&str>,
        _now: OffsetDateTime,
    ) -> Result<Option<DpopKey>, Error> {
        match request.proof {
            Some(_) => Err(Error::DpopProofReplayed),
            None if client.dpop_bound_access_tokens == Demand::Required => {
                Err(Error::DpopProofMissing)
            }
            None => Ok(None),
        }
    }

    /// A nonce for the `DPoP-Nonce` header of an answer (RFC 9449 section 8).
    #[must_use]
    pub fn dpop_nonce(&self) -> String {
        String::new()
    }
}
