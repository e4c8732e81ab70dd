//! A session whose agent answers whatever the server asks, until its card is pulled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cardea_assertion::{DepartureReason, sign_departed, sign_present};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::Failure;
use crate::login::SignedIn;
use crate::workstation::{Answer, PresenceConnection};

/// What all agents did.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    answered: AtomicU64,
    lost: AtomicU64,
}

impl Counts {
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Connections that ended although no card was pulled.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// One of them.
pub(crate) struct Watched {
    pub(crate) tokens: Value,
    pull: oneshot::Sender<oneshot::Sender<Instant>>,
}

impl Watched {
    pub(crate) fn begin(signed_in: SignedIn, counts: Arc<Counts>) -> Self {
        let (pull, pulled) = oneshot::channel();
        let (connection, answer) = (signed_in.connection, signed_in.answer);
        tokio::spawn(async move {
            if stay(connection, &answer, pulled, &counts).await.is_err() {
                counts.lost.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self {
            tokens: signed_in.tokens,
            pull,
        }
    }

    /// Pulls the card; tells when the departure went out.
    pub(crate) async fn pull(self) -> Result<Instant, Failure> {
        let (sent, departure) = oneshot::channel();
        self.pull.send(sent).map_err(|_| "the session is over")?;
        Ok(departure.await?)
    }
}

async fn stay(
    mut connection: PresenceConnection,
    answer: &Answer,
    mut pulled: oneshot::Receiver<oneshot::Sender<Instant>>,
    counts: &Counts,
) -> Result<(), Failure> {
    let (key, issuer) = (&answer.presence_key, answer.issuer.as_str());
    loop {
        let frame = tokio::select! {
            frame = connection.next() => frame?.ok_or("the connection was closed")?,
            sent = &mut pulled => {
                let Ok(sent) = sent else {
                    // The bench is over.
                    return Ok(());
                };
                let departed = sign_departed(key, issuer, DepartureReason::CardRemoved)?;
                let _ = sent.send(Instant::now());
                connection.send(&departed).await?;
                while connection.next().await?.is_some() {}
                return Ok(());
            }
        };
        if let Some(nonce) = frame.get("nonce").and_then(Value::as_str) {
            connection.send(&sign_present(key, issuer, nonce)?).await?;
            counts.answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}
