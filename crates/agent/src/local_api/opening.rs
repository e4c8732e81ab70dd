//! Whether and when the loopback API opens: not where several users can log on, and later where
//! another program has the port at first.

use std::sync::Arc;
use std::time::Duration;

use super::LocalApi;
use crate::Error;
use crate::agent::Agent;
use crate::config::{Config, Loopback};
use crate::peer_check::PeerOwner;

/// How long a taken port is left alone before it is tried again, at first and at last.
const PAUSE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(300));

/// The loopback API that is open, or is not, or not yet.
#[derive(Debug)]
pub struct LoopbackDoor {
    port: u16,
    decided: Loopback,
}

impl LoopbackDoor {
    /// Decides whether it opens, for this configuration and this machine as it is now.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            port: config.port,
            decided: config.loopback.decide(),
        }
    }

    /// Serves pages that come by the port until `stop` resolves. An agent whose port is taken, be
    /// it by a squatter (attack D6), goes on without it: pages can still come by the extension.
    ///
    /// # Errors
    /// [`Error::AddressUnavailable`] when an open socket fails.
    pub async fn serve(
        self,
        agent: Arc<Agent>,
        peers: Box<dyn PeerOwner>,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Error> {
        if !self.decided.is_on() {
            let why = self.decided.reason.words();
            tracing::info!(why, "the loopback API stays shut");
            note(&agent, self.decided);
            stop.await;
            return Ok(());
        }
        let mut stop = Box::pin(stop);
        let api = tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            api = open(self.port, &agent) => api,
        };
        note(&agent, self.decided);
        tracing::info!(address = %api.address(), "listening");
        api.serve(agent, peers, stop).await
    }
}

/// Takes the port as soon as it is to be had.
async fn open(port: u16, agent: &Agent) -> LocalApi {
    let (mut pause, longest) = PAUSE;
    let mut told = false;
    loop {
        match LocalApi::bind(port).await {
            Ok(api) => return api,
            Err(error) if !told => {
                tracing::error!(
                    code = error.code(),
                    "another program has the port; pages can come by the extension alone: {error}"
                );
                told = true;
                note(agent, Loopback::TAKEN);
            }
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
        pause = longest.min(pause * 2);
    }
}

/// Keeps for the agent's status whether the API is open, and why.
fn note(agent: &Agent, loopback: Loopback) {
    if let Ok(mut noted) = agent.loopback.lock() {
        *noted = Some(loopback);
    }
}
