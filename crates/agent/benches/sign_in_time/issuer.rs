//! An issuer that signs challenges, publishes its challenge keys, and ends each session a given
//! time after the agent has proven its presence: at once, where sessions are not to pile up.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use cardea_assertion::{ChallengeKeyList, LoginChallenge, Purpose, UserVerification};
use cardea_jose::{Algorithm, JwkSet, SigningKey, random_base64url};
use serde_json::json;

use crate::Failure;

/// When all challenges are issued, in Unix seconds; the agent goes by their lifetime alone.
const ISSUED_AT: i64 = 1_000_000;
const LIFETIME_SECONDS: i64 = 120;

pub(crate) struct Issuer {
    pub(crate) url: String,
    root: SigningKey,
    challenge_key: SigningKey,
}

impl Issuer {
    pub(crate) async fn start(sessions_last: Duration) -> Result<Self, Failure> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let issuer = Self {
            url: format!("http://{}", listener.local_addr()?),
            root: SigningKey::generate(Algorithm::Es256)?,
            challenge_key: SigningKey::generate(Algorithm::Es256)?,
        };
        let list = ChallengeKeyList {
            iss: issuer.url.clone(),
            version: 1,
            iat: 0,
            keys: JwkSet {
                keys: vec![issuer.challenge_key.public_jwk().clone()],
            },
        };
        let router = Router::new()
            .route("/.well-known/cardea-challenge-keys", get(give_key_list))
            .route("/presence", get(presence))
            .with_state((list.sign(&issuer.root)?, sessions_last));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(issuer)
    }

    /// An `[[issuer]]` table of the agent's configuration.
    pub(crate) fn enrolment(&self) -> Result<String, Failure> {
        let jwk = serde_json::to_value(self.root.public_jwk())?;
        let member = |name: &str| jwk.get(name).ok_or("the root's JWK lacks a member");
        let (x, y) = (member("x")?, member("y")?);
        Ok(format!(
            "[[issuer]]\nissuer = \"{}\"\nname = \"An invented issuer\"\n\
             roots = [ {{ kty = \"EC\", crv = \"P-256\", x = {x}, y = {y} }} ]\n",
            self.url
        ))
    }

    pub(crate) fn challenge(&self) -> Result<String, Failure> {
        let challenge = LoginChallenge {
            device: None,
            host_account: None,
            iss: self.url.clone(),
            purpose: Purpose::Login,
            nonce: random_base64url(32)?,
            jti: random_base64url(32)?,
            iat: ISSUED_AT,
            exp: ISSUED_AT + LIFETIME_SECONDS,
            client_id: "portal".to_owned(),
            client_name: "Portail de démonstration".to_owned(),
            scope: "openid profile professional".to_owned(),
            acr: None,
            uv: UserVerification::Now,
            browser: random_base64url(32)?,
        };
        Ok(challenge.sign(&self.challenge_key)?)
    }
}

async fn give_key_list(State((list, _)): State<(String, Duration)>) -> String {
    list
}

async fn presence(
    State((_, sessions_last)): State<(String, Duration)>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(move |mut socket| async move {
        // An agent that has gone needs no answer.
        let _ = attend(&mut socket, sessions_last).await;
    })
}

async fn attend(socket: &mut WebSocket, lasts: Duration) -> Result<(), Failure> {
    let nonce = json!({ "type": "nonce", "nonce": random_base64url(32)? });
    socket.send(Message::Text(nonce.to_string().into())).await?;
    let _statement = socket.recv().await.ok_or("the agent has gone")??;
    if !lasts.is_zero() {
        let active = json!({ "type": "session", "state": "active" });
        socket
            .send(Message::Text(active.to_string().into()))
            .await?;
        // The next statement is the departure: the card has left.
        let departed = async {
            while !matches!(
                socket.recv().await,
                None | Some(Err(_) | Ok(Message::Text(_)))
            ) {}
        };
        let _ = tokio::time::timeout(lasts, departed).await;
    }
    let ended = json!({ "type": "session", "state": "ended", "reason": "idle" });
    socket.send(Message::Text(ended.to_string().into())).await?;
    Ok(())
}
