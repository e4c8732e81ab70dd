//! An issuer that signs challenges, publishes its challenge keys, and ends each session as soon as
//! the agent has proven its presence, so that sessions do not pile up, or else keeps them.

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

/// What becomes of a session whose presence was proven.
#[derive(Clone, Copy)]
pub(crate) enum Sessions {
    Ended,
    Kept,
}

pub(crate) struct Issuer {
    pub(crate) url: String,
    root: SigningKey,
    challenge_key: SigningKey,
}

impl Issuer {
    pub(crate) async fn start(sessions: Sessions) -> Result<Self, Failure> {
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
            .with_state((list.sign(&issuer.root)?, sessions));
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

async fn give_key_list(State((list, _)): State<(String, Sessions)>) -> String {
    list
}

async fn presence(
    State((_, sessions)): State<(String, Sessions)>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(move |mut socket| async move {
        // An agent that has gone needs no answer.
        let _ = attend(&mut socket, sessions).await;
    })
}

async fn attend(socket: &mut WebSocket, sessions: Sessions) -> Result<(), Failure> {
    let nonce = json!({ "type": "nonce", "nonce": random_base64url(32)? });
    socket.send(Message::Text(nonce.to_string().into())).await?;
    let _statement = socket.recv().await.ok_or("the agent has gone")??;
    if let Sessions::Kept = sessions {
        let active = json!({ "type": "session", "state": "active" });
        socket
            .send(Message::Text(active.to_string().into()))
            .await?;
        // The next statement is the departure: the card has left.
        while !matches!(
            socket.recv().await.ok_or("the agent has gone")??,
            Message::Text(_)
        ) {}
    }
    let ended = json!({ "type": "session", "state": "ended", "reason": "idle" });
    socket.send(Message::Text(ended.to_string().into())).await?;
    Ok(())
}
