//! Whether and when the loopback API opens: not where several users can log on, and later where
//! another program has the port at first.

use std::sync::Arc;
use std::time::Duration;

use super::LocalApi;
use crate::Error;
use crate::agent::Agent;
use crate::config::{Config, Loopback, LoopbackChoice};
use crate::peer_check::PeerOwner;

/// How long a taken port is left alone before it is tried again, at first and at last.
const PAUSE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(300));
/// How long an open port stays open once somebody else can log on, at most. A look costs the
/// reading of a few small files.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The loopback API that is open, or is not, or not yet.
#[derive(Debug)]
pub struct LoopbackDoor {
    port: u16,
    choice: LoopbackChoice,
    several_users: fn() -> bool,
    decided: Loopback,
    look_again: Duration,
}

impl LoopbackDoor {
    /// Decides whether it opens, for this configuration and this machine as it is now.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            port: config.port,
            choice: config.loopback,
            several_users: config.several_users,
            decided: config.loopback.decide(config.several_users),
            look_again: LOOK_AGAIN,
        }
    }

    /// Looks again after another time than a minute.
    #[must_use]
    pub fn look_again_every(self, look_again: Duration) -> Self {
        Self { look_again, ..self }
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
        let serving = async {
            let api = open(self.port, &agent).await;
            note(&agent, self.decided);
            tracing::info!(address = %api.address(), "listening");
            // It ends with the future.
            let never = std::future::pending();
            api.serve(Arc::clone(&agent), peers, never).await
        };
        let shut = tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            served = serving => return served,
            shut = self.others_can_log_on() => shut,
        };
        let why = shut.reason.words();
        tracing::warn!(why, "the loopback API is shut from now on");
        note(&agent, shut);
        stop.await;
        Ok(())
    }

    /// Resolves when somebody else can log on, who could not before. Where one user is left alone
    /// again, the port stays shut until the next start.
    async fn others_can_log_on(&self) -> Loopback {
        loop {
            tokio::time::sleep(self.look_again).await;
            let decided = self.choice.decide(self.several_users);
            if !decided.is_on() {
                return decided;
            }
        }
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
