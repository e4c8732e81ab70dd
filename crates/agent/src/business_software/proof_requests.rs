//! Proofs of possession for the software (RFC 9449): the presence key stays with the agent, so the
//! software asks for a proof of each request that it is about to send.
//!
//! A proof is made for the issuer's own addresses and for those that the configuration registers
//! for the client, and only while the card is there. It proves nothing about presence: presence
//! statements have another `typ`.

use std::fmt;

use cardea_jose::{DpopTarget, SigningKey, sign_dpop_proof};
use serde::Deserialize;
use url::Url;

use super::allowed::is_registered;
use crate::Error;
use crate::clock::ChallengeLifetime;

/// Longest line of the software, in bytes: an access token and an address.
pub const PROOF_REQUEST_BYTES_MAX: usize = 16 * 1024;
/// Longest method, in bytes.
const METHOD_BYTES_MAX: usize = 16;
/// How much of an address is said again.
const SHOWN_CHARACTERS_MAX: usize = 200;

/// Makes proofs with the presence key.
pub(super) struct Prover {
    key: SigningKey,
    lifetime: ChallengeLifetime,
    addresses: Vec<Url>,
}

impl fmt::Debug for Prover {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Prover")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// What the software is about to send.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofRequest {
    htm: String,
    htu: String,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

impl ProofRequest {
    /// Reads a line.
    ///
    /// # Errors
    /// [`Error::ProofRefused`].
    pub(super) fn parse(line: &str) -> Result<Self, Error> {
        serde_json::from_str(line).map_err(|_| Error::ProofRefused {
            reason: "the line is not {\"htm\", \"htu\"}".into(),
        })
    }
}

impl Prover {
    pub(super) fn new(key: SigningKey, lifetime: ChallengeLifetime, addresses: Vec<Url>) -> Self {
        Self {
            key,
            lifetime,
            addresses,
        }
    }

    /// A proof for one request to a registered address. Its time is the issuer's, as far as the
    /// agent can know it: workstation clocks are wrong.
    pub(super) fn prove(
        &self,
        method: &str,
        url: &str,
        access_token: Option<&str>,
        nonce: Option<&str>,
    ) -> Result<String, Error> {
        let refused = |reason: &'static str| Error::ProofRefused {
            reason: reason.into(),
        };
        let is_method = method.bytes().all(|byte| byte.is_ascii_uppercase());
        if method.is_empty() || method.len() > METHOD_BYTES_MAX || !is_method {
            return Err(refused("htm is not a method"));
        }
        let mut address = Url::parse(url).map_err(|_| refused("htu is not an address"))?;
        // RFC 9449 section 4.2: htu goes without query and fragment.
        address.set_query(None);
        address.set_fragment(None);
        if !is_registered(&self.addresses, &address) {
            return Err(self.is_elsewhere(&address));
        }
        let target = DpopTarget {
            method,
            url: address.as_str(),
            access_token,
        };
        sign_dpop_proof(&self.key, &target, self.lifetime.issuer_now(), nonce).map_err(|_| {
            Error::Internal {
                reason: "the proof could not be signed",
            }
        })
    }

    /// What the software's developer and the workstation's administrator need to see beside each
    /// other.
    fn is_elsewhere(&self, address: &Url) -> Error {
        let asked: String = address
            .as_str()
            .chars()
            .take(SHOWN_CHARACTERS_MAX)
            .collect();
        let registered: Vec<_> = self.addresses.iter().map(Url::as_str).collect();
        let registered = registered.join(", ");
        let reason = format!(
            "htu {asked} is neither the issuer's own nor among the client's `addresses`: \
             {registered}"
        );
        Error::ProofRefused {
            reason: reason.into(),
        }
    }

    /// As [`Prover::prove`], for what the software asks.
    pub(super) fn prove_as_asked(&self, asked: &ProofRequest) -> Result<String, Error> {
        let (token, nonce) = (asked.access_token.as_deref(), asked.nonce.as_deref());
        self.prove(&asked.htm, &asked.htu, token, nonce)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use cardea_jose::{Algorithm, DpopProof};

    use super::*;

    fn prover() -> Prover {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let lifetime = ChallengeLifetime::new(Instant::now(), 1_000_000, 1_000_120).unwrap();
        Prover::new(
            key,
            lifetime,
            vec![Url::parse("https://api.example/v1/").unwrap()],
        )
    }

    fn prove(prover: &Prover, line: &str) -> Result<String, Error> {
        ProofRequest::parse(line).and_then(|asked| prover.prove_as_asked(&asked))
    }

    #[test]
    fn a_proof_is_made_for_a_registered_address_with_the_presence_key() {
        let prover = prover();
        let line =
            r#"{"htm":"GET","htu":"https://api.example/v1/me?x=1","nonce":"n","access_token":"t"}"#;
        let target = DpopTarget {
            method: "GET",
            url: "https://api.example/v1/me",
            access_token: Some("t"),
        };
        let proof = DpopProof::verify(&prove(&prover, line).unwrap(), &target).unwrap();
        assert_eq!(proof.jkt(), prover.key.kid());
        assert_eq!(proof.nonce(), Some("n"));
    }

    #[test]
    fn other_addresses_and_other_lines_get_no_proof() {
        let prover = prover();
        let cases = [
            r#"{"htm":"GET","htu":"https://other.example/v1/me"}"#,
            r#"{"htm":"get","htu":"https://api.example/v1/me"}"#,
            r#"{"htm":"GET","htu":"https://api.example/v1/me","typ":"card-presence+jwt"}"#,
            "nonsense",
        ];
        for line in cases {
            let code = prove(&prover, line).unwrap_err().code();
            assert_eq!(code, "agent.proof_refused", "{line}");
        }
        // The query may hold what is nobody's business.
        let line = r#"{"htm":"GET","htu":"https://api.example/v2/?name=x"}"#;
        let why = prove(&prover, line).unwrap_err().to_string();
        let told = "htu https://api.example/v2/ is neither the issuer's own nor among the \
                    client's `addresses`: https://api.example/v1/";
        assert!(why.ends_with(told), "{why}");
        let long = format!(
            r#"{{"htm":"GET","htu":"https://b.example/{}"}}"#,
            "a".repeat(5000)
        );
        assert!(prove(&prover, &long).unwrap_err().to_string().len() < 500);
    }
}
