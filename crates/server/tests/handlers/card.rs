//! A card and its agent, reduced to what the server sees of them.

use cardea_assertion::{
    AssertionClaims, AttestationClaims, Confirmation, DepartureReason, LoginChallenge,
    SigningInput, UserVerification, sign_departed, sign_present,
};
use cardea_jose::{Algorithm, SigningKey, UnverifiedJws, sha256_base64url};
use cardea_test_pki::{CardProfile, IssuedCard, IssuedCertificate, KeyKind};
use futures_util::{SinkExt, StreamExt};
use openssl::ecdsa::EcdsaSig;
use openssl::sha::sha256;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::test_app::TestApp;

pub(crate) struct Card {
    pub(crate) issued: IssuedCard,
    pub(crate) instance_key: SigningKey,
    pub(crate) presence_key: SigningKey,
}

/// What an agent states, changed by tests of refusals.
pub(crate) struct Statement {
    pub(crate) claims: AssertionClaims,
    pub(crate) certificate: IssuedCertificate,
    pub(crate) signer: IssuedCertificate,
}

pub(crate) struct PresenceConnection {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Card {
    pub(crate) fn pharmacist(app: &TestApp) -> Self {
        Self::new(app, &CardProfile::pharmacist().with_key(KeyKind::P256))
    }

    pub(crate) fn new(app: &TestApp, profile: &CardProfile) -> Self {
        Self::of(app.host.pki.issue_card(profile).unwrap(), app)
    }

    pub(crate) fn of(issued: IssuedCard, app: &TestApp) -> Self {
        app.host.know(&issued.authentication);
        Self {
            issued,
            instance_key: SigningKey::generate(Algorithm::Es256).unwrap(),
            presence_key: SigningKey::generate(Algorithm::Es256).unwrap(),
        }
    }

    /// The same card in the reader of another workstation.
    pub(crate) fn at_another_workstation(&self) -> Self {
        Self {
            issued: self.issued.clone(),
            instance_key: SigningKey::generate(Algorithm::Es256).unwrap(),
            presence_key: SigningKey::generate(Algorithm::Es256).unwrap(),
        }
    }

    /// The same card in the same reader, for another login.
    pub(crate) fn shown_again(&self) -> Self {
        Self {
            instance_key: self.instance_key.clone(),
            ..self.at_another_workstation()
        }
    }

    /// The body that the login page posts for `challenge`.
    pub(crate) fn answer(&self, app: &TestApp, challenge: &str) -> Value {
        self.answer_with(app, challenge, |_| {})
    }

    pub(crate) fn answer_with(
        &self,
        app: &TestApp,
        challenge: &str,
        change: impl FnOnce(&mut Statement),
    ) -> Value {
        let asked: LoginChallenge = UnverifiedJws::parse(challenge, 4096)
            .unwrap()
            .unverified_claims()
            .unwrap();
        let mut statement = Statement {
            claims: AssertionClaims {
                aud: app.issuer.clone(),
                origin: app.issuer.clone(),
                client_id: asked.client_id,
                challenge: sha256_base64url(challenge.as_bytes()),
                nonce: asked.nonce,
                jti: asked.jti,
                iat: asked.iat,
                card_serial: "00112233".to_owned(),
                uv: UserVerification::Now,
                cnf: Confirmation {
                    jkt: self.presence_key.kid().to_owned(),
                },
                instance_jkt: self.instance_key.kid().to_owned(),
            },
            certificate: self.issued.authentication.clone(),
            signer: self.issued.authentication.clone(),
        };
        change(&mut statement);
        let Statement {
            claims,
            certificate,
            signer,
        } = statement;
        let input =
            SigningInput::new(Algorithm::Es256, &[certificate.der.as_slice()], &claims).unwrap();
        let key = signer.key.ec_key().unwrap();
        let signature = EcdsaSig::sign(&sha256(input.as_bytes()), &key).unwrap();
        let mut bytes = signature.r().to_vec_padded(32).unwrap();
        bytes.extend(signature.s().to_vec_padded(32).unwrap());
        let assertion = input.into_assertion(&bytes);
        let attestation = AttestationClaims::new(&assertion, &claims.origin, claims.uv)
            .sign(&self.instance_key)
            .unwrap();
        json!({ "assertion": assertion, "attestation": attestation })
    }

    pub(crate) fn present(&self, app: &TestApp, nonce: &str) -> String {
        sign_present(&self.presence_key, &app.issuer, nonce).unwrap()
    }

    pub(crate) fn departed(&self, app: &TestApp) -> String {
        sign_departed(
            &self.presence_key,
            &app.issuer,
            DepartureReason::CardRemoved,
        )
        .unwrap()
    }

    /// Keeps a presence connection alive in the background until the card is pulled.
    pub(crate) async fn connect(&self, app: &TestApp) -> PresenceConnection {
        PresenceConnection::open(app).await
    }
}

impl PresenceConnection {
    pub(crate) async fn open(app: &TestApp) -> Self {
        let url = app.url("/presence").replacen("http", "ws", 1);
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        Self { socket }
    }

    pub(crate) async fn send(&mut self, statement: &str) {
        let frame = json!({ "type": "presence", "statement": statement });
        self.send_text(&frame.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Echoes what nobody said, or said before.
    pub(crate) async fn echo(&mut self, text: &str) {
        let echo = Message::Pong(text.as_bytes().to_vec().into());
        self.socket.send(echo).await.unwrap();
    }

    /// The next frame, or none when the connection is closed.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let wait = std::time::Duration::from_secs(60);
        loop {
            match tokio::time::timeout(wait, self.socket.next())
                .await
                .expect("a frame in time")
            {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_) | Err(_)) | None => return None,
            }
        }
    }

    pub(crate) async fn nonce(&mut self) -> String {
        let frame = self.next().await.expect("a nonce");
        assert_eq!(frame["type"], "nonce");
        frame["nonce"].as_str().unwrap().to_owned()
    }

    /// Answers nonces until the session is active.
    pub(crate) async fn prove(&mut self, app: &TestApp, card: &Card) {
        loop {
            let frame = self.next().await.expect("open until the session is active");
            match frame["type"].as_str().unwrap() {
                "nonce" => {
                    self.send(&card.present(app, frame["nonce"].as_str().unwrap()))
                        .await
                }
                "session" if frame["state"] == "active" => return,
                "session" => assert_eq!(frame["state"], "pending"),
                other => panic!("unexpected frame {other}"),
            }
        }
    }

    /// Answers nonces until the session is active, or until `answered` is there.
    pub(crate) async fn proving_until<T>(
        &mut self,
        app: &TestApp,
        card: &Card,
        answered: impl Future<Output = T>,
    ) -> T {
        let mut answered = std::pin::pin!(answered);
        tokio::select! {
            answer = &mut answered => return answer,
            () = self.prove(app, card) => {}
        }
        answered.await
    }
}
