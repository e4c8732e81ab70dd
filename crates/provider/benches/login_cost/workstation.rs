//! The person's side: a card and an agent, reduced to the statements that the server sees. Their
//! work happens outside the measured time.

use cardea_assertion::{
    AssertionClaims, AttestationClaims, Confirmation, SigningInput, UserVerification, sign_present,
};
use cardea_jose::{Algorithm, SigningKey, UnverifiedJws, sha256_base64url};
use cardea_test_pki::{CardProfile, IssuedCertificate, KeyKind, PersonIdentifier, TestPki};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};
use openssl::sign::Signer;
use serde::Deserialize;

use crate::Failure;
use crate::server::ISSUER;

/// Longest challenge, in bytes.
const CHALLENGE_BYTES_MAX: usize = 4096;
const P256_BYTES: i32 = 32;

/// One person's card and agent.
pub(crate) struct Workstation {
    pub(crate) card: IssuedCertificate,
    pub(crate) instance: PKey<Private>,
    instance_key: SigningKey,
}

/// What the page posts for a challenge, and the fresh key that proves presence.
pub(crate) struct Answer {
    pub(crate) assertion: String,
    pub(crate) attestation: String,
    pub(crate) presence: PKey<Private>,
    presence_key: SigningKey,
}

#[derive(Deserialize)]
struct Asked {
    iss: String,
    client_id: String,
    nonce: String,
    jti: String,
    iat: i64,
}

impl Workstation {
    /// The workstation of one of several invented pharmacists.
    pub(crate) fn new(pki: &TestPki, key: KeyKind, number: usize) -> Result<Self, Failure> {
        let identifier = PersonIdentifier::rpps(&format!("9970000{number:04}"))?;
        let profile = CardProfile::pharmacist()
            .with_key(key)
            .with_identifier(identifier);
        let instance = KeyKind::P256.generate()?;
        Ok(Self {
            card: pki.issue_card(&profile)?.authentication,
            instance_key: SigningKey::from_private_key(Algorithm::Es256, instance.clone())?,
            instance,
        })
    }

    pub(crate) fn answer(&self, challenge: &str) -> Result<Answer, Failure> {
        let jws = UnverifiedJws::parse(challenge, CHALLENGE_BYTES_MAX)?;
        let asked: Asked = jws.unverified_claims()?;
        let presence = KeyKind::P256.generate()?;
        let presence_key = SigningKey::from_private_key(Algorithm::Es256, presence.clone())?;
        let claims = AssertionClaims {
            aud: asked.iss,
            origin: ISSUER.to_owned(),
            client_id: asked.client_id,
            challenge: sha256_base64url(challenge.as_bytes()),
            nonce: asked.nonce,
            jti: asked.jti,
            iat: asked.iat,
            card_serial: "00112233445566778899aabbccddeeff".to_owned(),
            uv: UserVerification::Now,
            cnf: Confirmation {
                jkt: presence_key.kid().to_owned(),
            },
            instance_jkt: self.instance_key.kid().to_owned(),
        };
        let assertion = self.sign(&claims)?;
        let attestation = AttestationClaims::new(&assertion, ISSUER, UserVerification::Now)
            .sign(&self.instance_key)?;
        Ok(Answer {
            assertion,
            attestation,
            presence,
            presence_key,
        })
    }

    fn sign(&self, claims: &AssertionClaims) -> Result<String, Failure> {
        let key = &self.card.key;
        let algorithm = match key.id() {
            Id::RSA => Algorithm::Rs256,
            _ => Algorithm::Es256,
        };
        let input = SigningInput::new(algorithm, &[self.card.der.as_slice()], claims)?;
        let mut signer = Signer::new(MessageDigest::sha256(), key)?;
        let mut signature = signer.sign_oneshot_to_vec(input.as_bytes())?;
        if algorithm == Algorithm::Es256 {
            let parts = EcdsaSig::from_der(&signature)?;
            signature = parts.r().to_vec_padded(P256_BYTES)?;
            signature.extend(parts.s().to_vec_padded(P256_BYTES)?);
        }
        Ok(input.into_assertion(&signature))
    }
}

impl Answer {
    /// The statement for the server's nonce.
    pub(crate) fn present(&self, nonce: &str) -> Result<String, Failure> {
        Ok(sign_present(&self.presence_key, ISSUER, nonce)?)
    }
}
