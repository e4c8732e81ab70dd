//! What card and agent answer to a challenge: a valid answer, of which cases change one part.

use cardea_assertion::{
    AssertionClaims, AttestationClaims, Confirmation, DepartureReason, SigningInput,
    UserVerification, sign_departed, sign_present,
};
use cardea_jose::{Algorithm, SigningKey, UnverifiedJws, sha256_base64url};
use cardea_provider::{
    AuthenticationError, CompletedAuthorization, LoginAttempt, PendingSession, PresenceOutcome,
    Secret,
};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer};

use super::{Begun, ISSUER, World};

/// An agent instance with its key.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(crate) key: SigningKey,
}

impl Instance {
    pub(crate) fn new() -> Self {
        Self {
            key: SigningKey::generate(Algorithm::Es256).unwrap(),
        }
    }
}

/// Everything that goes into an answer.
pub(crate) struct Answer {
    pub(crate) claims: AssertionClaims,
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) card_key: PKey<Private>,
    /// What the header names and the card does; by the card's key unless a test says otherwise.
    pub(crate) algorithm: Algorithm,
    pub(crate) instance: Instance,
    pub(crate) presence_key: SigningKey,
}

impl World {
    /// The valid answer to a fresh challenge of a begun login.
    pub(crate) async fn answer(&self, begun: &Begun) -> Answer {
        let challenge = self
            .provider
            .issue_challenge(&begun.request_id, begun.cookie())
            .await
            .unwrap();
        self.answer_to(&challenge)
    }

    pub(crate) fn answer_to(&self, challenge: &str) -> Answer {
        let jws = UnverifiedJws::parse(challenge, 4096).unwrap();
        let asked: serde_json::Value = jws.unverified_claims().unwrap();
        let text = |name: &str| asked[name].as_str().unwrap().to_owned();
        let presence_key = SigningKey::generate(Algorithm::Es256).unwrap();
        let claims = AssertionClaims {
            aud: text("iss"),
            origin: ISSUER.to_owned(),
            client_id: text("client_id"),
            challenge: sha256_base64url(challenge.as_bytes()),
            nonce: text("nonce"),
            jti: text("jti"),
            iat: asked["iat"].as_i64().unwrap(),
            card_serial: "0000000001".to_owned(),
            uv: UserVerification::Now,
            cnf: Confirmation {
                jkt: presence_key.kid().to_owned(),
            },
            instance_jkt: self.instance.key.kid().to_owned(),
        };
        Answer {
            claims,
            certificates: vec![self.card.der.clone()],
            card_key: self.card.key.clone(),
            algorithm: algorithm_of(&self.card.key),
            instance: self.instance.clone(),
            presence_key,
        }
    }

    /// Posts an answer as the browser that began the login.
    pub(crate) async fn post(
        &self,
        begun: &Begun,
        answer: &Answer,
    ) -> Result<PendingSession, AuthenticationError> {
        let (assertion, attestation) = answer.sign();
        self.post_texts(begun, &assertion, &attestation).await
    }

    pub(crate) async fn post_texts(
        &self,
        begun: &Begun,
        assertion: &str,
        attestation: &str,
    ) -> Result<PendingSession, AuthenticationError> {
        let attempt = LoginAttempt {
            request_id: &begun.request_id,
            login_cookie: begun.cookie(),
            assertion,
            attestation,
        };
        self.provider.authenticate(attempt, &self.evidence).await
    }

    /// The refusal of an answer of which one part was changed: the precise code, and the browser's.
    pub(crate) async fn refusal_of(
        &self,
        change: impl FnOnce(&mut Answer),
    ) -> (&'static str, &'static str) {
        let begun = self.begin(super::PORTAL).await;
        let mut answer = self.answer(&begun).await;
        change(&mut answer);
        let error = self.post(&begun, &answer).await.unwrap_err();
        let event = self.event("login.refused").await;
        assert_eq!(
            event.code.as_deref(),
            Some(error.code()),
            "the precise code is on record"
        );
        assert_eq!(event.authorization_request_id, Some(begun.request_id));
        (error.code(), error.public.code())
    }

    /// The agent's connection answers a fresh nonce with the presence key.
    pub(crate) async fn present(&self, key: &SigningKey) -> PresenceOutcome {
        let nonce = self.provider.new_presence_nonce().unwrap();
        let statement = sign_present(key, self.provider.issuer().as_str(), &nonce).unwrap();
        self.provider
            .accept_presence(&statement, Some(&nonce))
            .await
            .unwrap()
    }

    /// The card leaves the reader.
    pub(crate) async fn depart(&self, key: &SigningKey) -> PresenceOutcome {
        let statement = sign_departed(
            key,
            self.provider.issuer().as_str(),
            DepartureReason::CardRemoved,
        )
        .unwrap();
        self.provider
            .accept_presence(&statement, None)
            .await
            .unwrap()
    }

    /// A whole login up to the redirect with the code, in a browser that may have a session.
    pub(crate) async fn log_in(
        &self,
        client_id: &str,
        session_cookie: Option<&str>,
    ) -> (LoggedIn, SigningKey) {
        let begun = self.begin(client_id).await;
        let answer = self.answer(&begun).await;
        self.post(&begun, &answer).await.unwrap();
        let outcome = self.present(&answer.presence_key).await;
        assert!(matches!(outcome, PresenceOutcome::Activated { .. }));
        let completed = self
            .provider
            .complete_authorization(&begun.request_id, begun.cookie(), session_cookie)
            .await
            .unwrap();
        (LoggedIn::from(completed), answer.presence_key)
    }
}

/// A login that went all the way, as the browser and the portal see it.
pub(crate) struct LoggedIn {
    /// The redirect with the code.
    pub(crate) location: String,
    /// The browser's session cookie.
    pub(crate) session_cookie: Secret,
}

impl From<CompletedAuthorization> for LoggedIn {
    fn from(completed: CompletedAuthorization) -> Self {
        Self {
            location: completed.response.location(),
            session_cookie: completed.session_cookie,
        }
    }
}

impl Answer {
    /// The compact assertion and attestation.
    pub(crate) fn sign(&self) -> (String, String) {
        let certificates: Vec<&[u8]> = self.certificates.iter().map(Vec::as_slice).collect();
        let input = SigningInput::new(self.algorithm, &certificates, &self.claims).unwrap();
        let signature = sign_by_card(&self.card_key, self.algorithm, input.as_bytes());
        let assertion = input.into_assertion(&signature);
        let attestation = self.attest(&assertion);
        (assertion, attestation)
    }

    pub(crate) fn attest(&self, assertion: &str) -> String {
        let claims = AttestationClaims::new(assertion, &self.claims.origin, self.claims.uv);
        claims.sign(&self.instance.key).unwrap()
    }
}

/// What a card's key makes of a message, in the form of a JWS.
pub(crate) fn sign_by_card(
    card_key: &PKey<Private>,
    algorithm: Algorithm,
    message: &[u8],
) -> Vec<u8> {
    let hash = match algorithm {
        Algorithm::Es384 => MessageDigest::sha384(),
        _ => MessageDigest::sha256(),
    };
    let mut signer = Signer::new(hash, card_key).unwrap();
    let is_rsa = matches!(card_key.id(), Id::RSA | Id::RSA_PSS);
    if algorithm == Algorithm::Ps256 && is_rsa {
        signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        signer
            .set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)
            .unwrap();
    }
    let signature = signer.sign_oneshot_to_vec(message).unwrap();
    let Ok(key) = card_key.ec_key() else {
        return signature;
    };
    let bytes = i32::try_from(key.group().degree() / 8).unwrap();
    let parts = EcdsaSig::from_der(&signature).unwrap();
    let joined = [parts.r(), parts.s()].map(|part| part.to_vec_padded(bytes).unwrap());
    joined.concat()
}

pub(crate) fn algorithm_of(key: &PKey<Private>) -> Algorithm {
    match key.id() {
        Id::RSA => Algorithm::Rs256,
        Id::RSA_PSS => Algorithm::Ps256,
        _ => match key.ec_key().unwrap().group().curve_name() {
            Some(Nid::SECP384R1) => Algorithm::Es384,
            Some(Nid::BRAINPOOL_P256R1) => Algorithm::Bp256r1,
            _ => Algorithm::Es256,
        },
    }
}
