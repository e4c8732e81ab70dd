//! An issuer in this process: signs challenges, publishes its key list, keeps presence connections.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::{get, post};
use cardea_assertion::{
    ChallengeKeyList, LoginChallenge, PresenceState, Purpose, UserVerification, VerifiedPresence,
    verify_presence,
};
use cardea_jose::{Algorithm, JwkSet, SigningKey, random_base64url};
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc};

pub(crate) mod grants;

use grants::GrantDesk;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Issuer {
    pub(crate) url: String,
    pub(crate) root: SigningKey,
    pub(crate) challenge_key: SigningKey,
    pub(crate) server: Arc<Server>,
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>,
}

pub(crate) struct Server {
    url: Mutex<String>,
    key_list: Mutex<String>,
    events: mpsc::UnboundedSender<Event>,
    orders: broadcast::Sender<Order>,
    confirms: Mutex<bool>,
    answers: Mutex<bool>,
    grants: Mutex<GrantDesk>,
}

/// What happened on a presence connection.
#[derive(Debug)]
pub(crate) enum Event {
    Connected,
    Statement {
        presence: VerifiedPresence,
        nonce: String,
    },
    /// Another frame: an answer to a step-up, or a part of one.
    StepUp(Value),
}

/// What every presence connection is to do.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Send(String),
    /// Close with this code (RFC 6455 section 7.4.1).
    Close(u16),
    Drop,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, events) = mpsc::unbounded_channel();
        let server = Arc::new(Server {
            url: Mutex::new(url.clone()),
            key_list: Mutex::default(),
            events: sender,
            orders: broadcast::channel(16).0,
            confirms: Mutex::new(true),
            answers: Mutex::new(true),
            grants: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/cardea-challenge-keys", get(key_list))
            .route("/presence", get(presence))
            .route("/card-grant/challenge", post(grants::challenge))
            .route("/token", post(grants::token))
            .with_state(Arc::clone(&server));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let root = SigningKey::generate(Algorithm::Es256).unwrap();
        let challenge_key = SigningKey::generate(Algorithm::Es256).unwrap();
        let events = tokio::sync::Mutex::new(events);
        let issuer = Self {
            url,
            root,
            challenge_key,
            server,
            events,
        };
        issuer.publish_keys(1, &issuer.root);
        issuer
    }

    /// Publishes the challenge key in a list of this version, signed by this root.
    pub(crate) fn publish_keys(&self, version: u64, root: &SigningKey) {
        self.publish(&self.url, version, root);
    }

    /// Publishes its list for an address that it is reached by through somebody else.
    pub(crate) fn publish_keys_as(&self, address: &str) {
        self.publish(address, 1, &self.root);
    }

    fn publish(&self, address: &str, version: u64, root: &SigningKey) {
        let keys = JwkSet {
            keys: vec![self.challenge_key.public_jwk().clone()],
        };
        let list = ChallengeKeyList {
            iss: address.to_owned(),
            version,
            iat: 0,
            keys,
        };
        *self.server.key_list.lock().unwrap() = list.sign(root).unwrap();
    }

    /// Good claims for a challenge; tests change one and sign.
    pub(crate) fn claims(&self) -> LoginChallenge {
        LoginChallenge {
            device: None,
            host_account: None,
            iss: self.url.clone(),
            purpose: Purpose::Login,
            nonce: random_base64url(32).unwrap(),
            jti: random_base64url(16).unwrap(),
            iat: 1_000_000,
            exp: 1_000_120,
            client_id: "portal".to_owned(),
            client_name: "Portail de démonstration".to_owned(),
            scope: "openid".to_owned(),
            acr: None,
            uv: UserVerification::Now,
            browser: random_base64url(32).unwrap(),
        }
    }

    pub(crate) fn challenge(&self) -> String {
        self.claims().sign(&self.challenge_key).unwrap()
    }

    /// The next thing that happens on a presence connection.
    pub(crate) async fn event(&self) -> Event {
        let mut events = self.events.lock().await;
        tokio::time::timeout(PATIENCE, events.recv())
            .await
            .expect("an event in time")
            .unwrap()
    }

    /// The next statement on a presence connection.
    pub(crate) async fn statement(&self) -> VerifiedPresence {
        loop {
            if let Event::Statement { presence, nonce } = self.event().await {
                if presence.state() == PresenceState::Present {
                    assert_eq!(presence.nonce(), Some(nonce.as_str()));
                }
                return presence;
            }
        }
    }

    /// Waits until a statement of departure comes in.
    pub(crate) async fn departure(&self) -> VerifiedPresence {
        loop {
            let presence = self.statement().await;
            if presence.state() == PresenceState::Departed {
                return presence;
            }
        }
    }

    /// Whether nothing more comes in for a while.
    pub(crate) async fn is_quiet(&self, time: Duration) -> bool {
        tokio::time::timeout(time, self.events.lock().await.recv())
            .await
            .is_err()
    }

    /// Whether nobody makes a statement for a while. The doctor of the state page may connect, to
    /// look at the log.
    pub(crate) async fn is_told_nothing(&self, time: Duration) -> bool {
        let mut events = self.events.lock().await;
        let told = async { while matches!(events.recv().await, Some(Event::Connected)) {} };
        tokio::time::timeout(time, told).await.is_err()
    }

    pub(crate) fn order(&self, order: Order) {
        // Without a connection nobody takes the order.
        let _ = self.server.orders.send(order);
    }

    pub(crate) fn send(&self, frame: &Value) {
        self.order(Order::Send(frame.to_string()));
    }

    /// Whether a departure is answered with the end of the session.
    pub(crate) fn confirm_departures(&self, confirms: bool) {
        *self.server.confirms.lock().unwrap() = confirms;
    }

    /// Lets requests for a presence connection wait for ever.
    pub(crate) fn leave_presence_unanswered(&self) {
        *self.server.answers.lock().unwrap() = false;
    }
}

async fn key_list(State(server): State<Arc<Server>>) -> String {
    server.key_list.lock().unwrap().clone()
}

async fn presence(State(server): State<Arc<Server>>, upgrade: WebSocketUpgrade) -> Response {
    let answers = *server.answers.lock().unwrap();
    if !answers {
        std::future::pending::<()>().await;
    }
    upgrade.on_upgrade(|socket| attend(socket, server))
}

async fn attend(mut socket: WebSocket, server: Arc<Server>) {
    let mut orders = server.orders.subscribe();
    let _ = server.events.send(Event::Connected);
    let nonce = random_base64url(32).unwrap();
    let hello = json!({"type": "nonce", "nonce": nonce}).to_string();
    if socket.send(Message::Text(hello.into())).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            order = orders.recv() => match order.unwrap() {
                Order::Send(frame) => socket.send(Message::Text(frame.into())).await.unwrap(),
                Order::Close(code) => {
                    let frame = CloseFrame { code, reason: "".into() };
                    let _ = socket.send(Message::Close(Some(frame))).await;
                    return;
                }
                Order::Drop => return,
            },
            message = socket.recv() => {
                let Some(Ok(message)) = message else { return };
                let Message::Text(text) = message else { continue };
                let frame: Value = serde_json::from_str(&text).unwrap();
                if frame["type"] != "presence" {
                    let _ = server.events.send(Event::StepUp(frame));
                    continue;
                }
                let url = server.url.lock().unwrap().clone();
                let presence = verify_presence(frame["statement"].as_str().unwrap(), &url).unwrap();
                let departed = presence.state() == PresenceState::Departed;
                let _ = server.events.send(Event::Statement { presence, nonce: nonce.clone() });
                if departed && *server.confirms.lock().unwrap() {
                    let ended = json!({"type": "session", "state": "ended", "reason": "departed"});
                    let _ = socket.send(Message::Text(ended.to_string().into())).await;
                } else if !departed {
                    let active = json!({"type": "session", "state": "active"});
                    let _ = socket.send(Message::Text(active.to_string().into())).await;
                }
            }
        }
    }
}
