//! A card's statement as it arrives: parsed and bounded, trusted in nothing.

use cardea_jose::{Algorithm, UnverifiedJws, VerifyingKey, constant_time_eq, sha256_base64url};
use openssl::pkey::{PKey, Public};

use crate::{AssertionClaims, CardStatement, Error};

/// `typ` of a card assertion.
pub const ASSERTION_TYP: &str = "card-assertion+jwt";
/// Longest statement of a card, in bytes: a card's certificate and one or two issuing CAs.
pub const ASSERTION_BYTES_MAX: usize = 24 * 1024;

/// The algorithms that a card may sign with unless its profile says otherwise.
pub const CARD_ALGORITHMS: [Algorithm; 4] = [
    Algorithm::Rs256,
    Algorithm::Ps256,
    Algorithm::Es256,
    Algorithm::Es384,
];

/// A card assertion whose signature nobody has checked.
pub type UnverifiedAssertion<'a> = UnverifiedStatement<'a, AssertionClaims>;
/// A card assertion signed by the key that was given.
pub type VerifiedAssertion = VerifiedStatement<AssertionClaims>;

/// A card's statement whose signature nobody has checked.
///
/// Its claims may be compared with what was expected, to refuse early; nothing else may use them.
#[derive(Debug)]
pub struct UnverifiedStatement<'a, C> {
    compact: &'a str,
    jws: UnverifiedJws<'a>,
    certificates: Vec<Vec<u8>>,
    claims: C,
}

/// A statement signed by the key that was given. Whose key that is, the path validation says.
#[derive(Clone, Debug)]
pub struct VerifiedStatement<C> {
    claims: C,
    hash: String,
    algorithm: Algorithm,
}

impl<'a, C: CardStatement> UnverifiedStatement<'a, C> {
    /// Reads a statement: size, form, `x5c` and claims.
    ///
    /// # Errors
    /// [`Error::Jose`], also for the claims of another kind, or [`Error::Malformed`].
    pub fn parse(compact: &'a str) -> Result<Self, Error> {
        let jws = UnverifiedJws::parse_by_card(compact, ASSERTION_BYTES_MAX)?;
        let certificates = jws.x5c()?;
        let claims: C = jws.unverified_claims()?;
        let leaf = certificates.first().map(Vec::as_slice);
        claims.check_form(leaf.unwrap_or_default())?;
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
    pub fn claims(&self) -> &C {
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
    ) -> Result<VerifiedStatement<C>, Error> {
        let key = VerifyingKey::from_card_key(leaf_key, allowed)?;
        let algorithm = self.jws.algorithm();
        let hash = sha256_base64url(self.compact.as_bytes());
        self.jws
            .verify(&key, C::TYP)
            .map_err(Error::from_verification)?;
        Ok(VerifiedStatement {
            claims: self.claims,
            hash,
            algorithm,
        })
    }
}

impl<C> VerifiedStatement<C> {
    /// The claims that the card's key signed.
    #[must_use]
    pub fn claims(&self) -> &C {
        &self.claims
    }

    /// The algorithm of the card's signature; which ones a card may use, its profile says.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// SHA-256 of the compact statement, base64url: what the agent's attestation names.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    pub(crate) fn has_hash(&self, hash: &str) -> bool {
        constant_time_eq(self.hash.as_bytes(), hash.as_bytes())
    }
}
