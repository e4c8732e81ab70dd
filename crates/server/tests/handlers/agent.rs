//! An agent that behaves as the real one when its connection is lost: it comes back, and shows the
//! same key again.

use std::time::Duration;

use cardea_assertion::sign_present;
use cardea_jose::SigningKey;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::card::Card;
use crate::test_app::TestApp;

/// The real one waits longer between two tries.
const PAUSE: Duration = Duration::from_millis(100);
/// What a condition may take on a busy machine.
const WAIT: Duration = Duration::from_secs(60);

/// What the agent was last told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing yet, or nothing on this connection.
    Nothing,
    Pending,
    Active,
    Ended(String),
}

pub(crate) struct Agent {
    told: watch::Receiver<Told>,
    has_network: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Agent {
    /// Connects to where `app` is asked.
    pub(crate) fn start(app: &TestApp, card: &Card) -> Self {
        let url = app.url("/presence").replacen("http", "ws", 1);
        let (has_network, network) = watch::channel(true);
        let (tell, told) = watch::channel(Told::Nothing);
        let key = card.presence_key.clone();
        let issuer = app.issuer.clone();
        let task = tokio::spawn(run(url, issuer, key, network, tell));
        Self {
            told,
            has_network,
            task,
        }
    }

    /// Takes its network away, or gives it back.
    pub(crate) fn set_network(&self, is_there: bool) {
        self.has_network.send_replace(is_there);
    }

    pub(crate) fn told(&self) -> Told {
        self.told.borrow().clone()
    }

    /// Waits until it is told this.
    pub(crate) async fn until(&self, wanted: &Told) {
        let mut told = self.told.clone();
        let wait = tokio::time::timeout(WAIT, told.wait_for(|it| it == wanted));
        let seen = wait.await.map(|it| it.map(|it| it.clone()));
        assert!(
            matches!(seen, Ok(Ok(_))),
            "{:?}, not {wanted:?}",
            self.told()
        );
    }
}

async fn run(
    url: String,
    issuer: String,
    key: SigningKey,
    mut network: watch::Receiver<bool>,
    tell: watch::Sender<Told>,
) {
    while network.wait_for(|is_there| *is_there).await.is_ok() {
        let ended = tokio::select! {
            ended = connection(&url, &issuer, &key, &tell) => ended,
            _ = network.wait_for(|is_there| !*is_there) => false,
        };
        if ended {
            return;
        }
        tell.send_replace(Told::Nothing);
        tokio::time::sleep(PAUSE).await;
    }
}

/// One connection; whether the session is over.
async fn connection(url: &str, issuer: &str, key: &SigningKey, tell: &watch::Sender<Told>) -> bool {
    let Ok((mut socket, _)) = connect_async(url).await else {
        return false;
    };
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        let frame: Value = serde_json::from_str(&text).unwrap();
        if let Some(nonce) = frame["nonce"].as_str() {
            let statement = sign_present(key, issuer, nonce).unwrap();
            let frame = json!({ "type": "presence", "statement": statement });
            if socket.send(Message::text(frame.to_string())).await.is_err() {
                return false;
            }
            continue;
        }
        let told = match frame["state"].as_str() {
            Some("active") => Told::Active,
            Some("ended") => Told::Ended(frame["reason"].as_str().unwrap().to_owned()),
            _ => Told::Pending,
        };
        let ended = matches!(told, Told::Ended(_));
        tell.send_replace(told);
        if ended {
            return true;
        }
    }
    false
}
