//! A card and an agent, reduced to the statements that the server sees.

use cardea_assertion::{
    AssertionClaims, AttestationClaims, Confirmation, DepartureReason, LoginChallenge,
    SigningInput, UserVerification, sign_departed, sign_present,
};
use cardea_jose::{Algorithm, SigningKey, UnverifiedJws, sha256_base64url};
use cardea_test_pki::IssuedCertificate;
use futures_util::{SinkExt as _, StreamExt as _};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::pkey::Id;
use openssl::sign::Signer;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::Failure;

/// Longest challenge, in bytes.
const CHALLENGE_BYTES_MAX: usize = 4096;
const P256_BYTES: i32 = 32;

pub(crate) struct Workstation {
    card: IssuedCertificate,
    instance_key: SigningKey,
}

/// What a page posts, and the key that proves presence for it.
pub(crate) struct Answer {
    pub(crate) body: Value,
    pub(crate) presence_key: SigningKey,
    pub(crate) issuer: String,
}

impl Workstation {
    pub(crate) fn new(card: IssuedCertificate) -> Result<Self, Failure> {
        let instance_key = SigningKey::generate(Algorithm::Es256)?;
        Ok(Self { card, instance_key })
    }

    pub(crate) fn answer(&self, challenge: &str) -> Result<Answer, Failure> {
        let jws = UnverifiedJws::parse(challenge, CHALLENGE_BYTES_MAX)?;
        let asked: LoginChallenge = jws.unverified_claims()?;
        let presence_key = SigningKey::generate(Algorithm::Es256)?;
        let claims = AssertionClaims {
            aud: asked.iss.clone(),
            origin: asked.iss.clone(),
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
        let attestation = AttestationClaims::new(&assertion, &asked.iss, UserVerification::Now)
            .sign(&self.instance_key)?;
        Ok(Answer {
            body: json!({ "assertion": assertion, "attestation": attestation }),
            presence_key,
            issuer: asked.iss,
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

/// The agent's own connection to the server.
pub(crate) struct PresenceConnection(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl PresenceConnection {
    pub(crate) async fn open(issuer: &str) -> Result<Self, Failure> {
        let url = format!("{}/presence", issuer.replacen("http", "ws", 1));
        // As the agent does: without Nagle's algorithm.
        let (socket, _) = connect_async_with_config(url, None, true).await?;
        Ok(Self(socket))
    }

    /// Answers nonces until the session is active.
    pub(crate) async fn prove(&mut self, answer: &Answer) -> Result<(), Failure> {
        loop {
            let frame = self.next().await?.ok_or("the connection was closed")?;
            if let Some(nonce) = frame.get("nonce").and_then(Value::as_str) {
                let statement = sign_present(&answer.presence_key, &answer.issuer, nonce)?;
                self.send(&statement).await?;
            } else if frame.get("state").and_then(Value::as_str) == Some("active") {
                return Ok(());
            }
        }
    }

    /// Pulls the card, and waits until the server has ended the session.
    pub(crate) async fn depart(mut self, answer: &Answer) -> Result<(), Failure> {
        let departed = sign_departed(
            &answer.presence_key,
            &answer.issuer,
            DepartureReason::CardRemoved,
        )?;
        self.send(&departed).await?;
        while self.next().await?.is_some() {}
        Ok(())
    }

    pub(crate) async fn send(&mut self, statement: &str) -> Result<(), Failure> {
        let frame = json!({ "type": "presence", "statement": statement });
        Ok(self.0.send(Message::text(frame.to_string())).await?)
    }

    /// The next frame; none when the connection is closed. Nothing is lost when this is dropped.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>, Failure> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(Some(serde_json::from_str(&text)?)),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_) | Err(_)) | None => return Ok(None),
            }
        }
    }
}
