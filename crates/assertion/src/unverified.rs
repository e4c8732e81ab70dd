//! A card assertion as it arrives: parsed and bounded, trusted in nothing.

use cardea_jose::{Algorithm, UnverifiedJws, VerifyingKey, sha256_base64url};
use openssl::pkey::{PKey, Public};

use crate::{AssertionClaims, Error};

/// `typ` of a card assertion.
pub const ASSERTION_TYP: &str = "card-assertion+jwt";
/// Longest assertion, in bytes: a card's certificate and one or two issuing CAs.
pub const ASSERTION_BYTES_MAX: usize = 24 * 1024;

/// The algorithms that a card may sign with unless its profile says otherwise.
pub const CARD_ALGORITHMS: [Algorithm; 4] = [
    Algorithm::Rs256,
    Algorithm::Ps256,
    Algorithm::Es256,
    Algorithm::Es384,
];

/// An assertion whose signature nobody has checked.
///
/// Its claims may be compared with what was expected, to refuse early; nothing else may use them.
#[derive(Debug)]
pub struct UnverifiedAssertion<'a> {
    compact: &'a str,
    jws: UnverifiedJws<'a>,
    certificates: Vec<Vec<u8>>,
    claims: AssertionClaims,
}

/// An assertion signed by the key that was given. Whose key that is, the path validation says.
#[derive(Clone, Debug)]
pub struct VerifiedAssertion {
    claims: AssertionClaims,
    hash: String,
    algorithm: Algorithm,
}

impl<'a> UnverifiedAssertion<'a> {
    /// Reads an assertion: size, form, `x5c` and claims.
    ///
    /// # Errors
    /// [`Error::Jose`] or [`Error::OriginMalformed`].
    pub fn parse(compact: &'a str) -> Result<Self, Error> {
        let jws = UnverifiedJws::parse_by_card(compact, ASSERTION_BYTES_MAX)?;
        let certificates = jws.x5c()?;
        let claims = jws.unverified_claims()?;
        Ok(Self {
            compact,
            jws,
            certificates,
            claims,
        })
    }

    /// The certificate that the signer claims, in DER.
    #[must_use]
    pub fn leaf_certificate_der(&self) -> &[u8] {
        self.certificates
            .first()
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Further certificates that the signer sent along, in DER: candidates for the path.
    #[must_use]
    pub fn chain_der(&self) -> &[Vec<u8>] {
        self.certificates.get(1..).unwrap_or_default()
    }

    /// The claims, unproven.
    #[must_use]
    pub fn claims(&self) -> &AssertionClaims {
        &self.claims
    }

    /// Checks the signature with the leaf certificate's key. The algorithm follows from the key;
    /// `allowed` are the ones that the caller's cards sign with, such as [`CARD_ALGORITHMS`].
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`], or [`Error::Jose`] for another `typ`, for an `alg` that does
    /// not fit the key, and for a key that no allowed algorithm uses.
    pub fn verify(
        self,
        leaf_key: PKey<Public>,
        allowed: &[Algorithm],
    ) -> Result<VerifiedAssertion, Error> {
        let key = VerifyingKey::from_card_key(leaf_key, allowed)?;
        let algorithm = self.jws.algorithm();
        let hash = sha256_base64url(self.compact.as_bytes());
        self.jws
            .verify(&key, ASSERTION_TYP)
            .map_err(Error::from_verification)?;
        Ok(VerifiedAssertion {
            claims: self.claims,
            hash,
            algorithm,
        })
    }
}

impl VerifiedAssertion {
    /// The claims that the card's key signed.
    #[must_use]
    pub fn claims(&self) -> &AssertionClaims {
        &self.claims
    }

    /// The algorithm of the card's signature; which ones a card may use, its profile says.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// SHA-256 of the compact assertion, base64url: what the agent's attestation names.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }
}
