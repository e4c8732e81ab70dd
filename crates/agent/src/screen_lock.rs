//! The person's screen: when it is locked, given to somebody else's session, or about to sleep, the
//! person is no longer taken to be in front of it, and presence ends.
//!
//! logind says so on the system bus (org.freedesktop.login1), and many desktops on the session bus
//! (`ActiveChanged` of their screen saver). Where there is no bus, the agent says so once and goes
//! on without: the card, the reader and the server's limits still end sessions. No PIN is kept
//! there, because its end at the lock is promised (`KnownScreen`).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::pin_policy::PinPolicy;
use crate::{Agent, Error};

mod known_screen;
mod logind;
mod screen_saver;
mod state;

pub(crate) use known_screen::KnownScreen;
use state::{Screen, Told};

/// How long a departure may take before the rest goes on without it: logind lets a machine sleep
/// after five seconds (logind.conf(5), `InhibitDelayMaxSec`).
const DEPARTURE_LIMIT: Duration = Duration::from_secs(3);
/// How long to leave a bus alone that could not be followed.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// A session that is told to lock says so itself within this time, or is not locked: nothing may
/// have been there that locks screens.
const SETTLED_AFTER: Duration = Duration::from_secs(5);
/// What is told and not taken yet.
const TOLD_MAX: usize = 16;

/// Where to listen.
#[derive(Clone, Debug, Default)]
pub struct ScreenLock {
    /// The address of the system bus; the usual one where there is none.
    pub system_bus: Option<String>,
    /// The address of the session bus; the usual one where there is none.
    pub session_bus: Option<String>,
    /// logind's name of the session, as pam_systemd(8) has it in `XDG_SESSION_ID`.
    pub session_id: Option<String>,
}

impl ScreenLock {
    /// As the environment of this process has it.
    #[must_use]
    pub fn of_this_session() -> Self {
        Self {
            session_id: std::env::var("XDG_SESSION_ID")
                .ok()
                .filter(|id| !id.is_empty()),
            ..Self::default()
        }
    }

    /// Ends the agent's sessions, unless the configuration wants them to outlast it, and what the
    /// cards keep whenever the person leaves the screen. Runs until it is dropped; returns at once
    /// where nothing is to be ended.
    pub async fn watch(self, agent: Arc<Agent>) {
        if !agent.end_at_screen_lock && agent.pin_policy == PinPolicy::Strict {
            return;
        }
        let (told, news) = mpsc::channel(TOLD_MAX);
        tokio::join!(
            self.follow_logind(told.clone(), RETRY_AFTER),
            self.follow_screen_savers(told),
            act(&agent, news),
        );
    }

    async fn follow_logind(&self, told: mpsc::Sender<Told>, retry_after: Duration) {
        let mut warned = false;
        loop {
            let failed = match bus(self.system_bus.as_deref(), Bus::System).await {
                Ok(bus) => logind::follow(&bus, self.session_id.as_deref(), &told).await,
                Err(error) => Err(error),
            };
            let _ = told.send(Told::LogindGone).await;
            if let Err(reason) = failed
                && !std::mem::replace(&mut warned, true)
            {
                let error = Error::ScreenLockUnwatched {
                    reason: reason.to_string(),
                };
                tracing::warn!(code = error.code(), %error, "a locked screen is not noticed");
            }
            sleep(retry_after).await;
        }
    }

    async fn follow_screen_savers(&self, told: mpsc::Sender<Told>) {
        loop {
            // Most workstations have logind, so that a missing session bus is worth no warning.
            if let Ok(bus) = bus(self.session_bus.as_deref(), Bus::Session).await {
                let _ = screen_saver::follow(&bus, &told).await;
                let _ = told.send(Told::SaverActive(false)).await;
            }
            sleep(RETRY_AFTER).await;
        }
    }
}

enum Bus {
    System,
    Session,
}

async fn bus(address: Option<&str>, usual: Bus) -> zbus::Result<zbus::Connection> {
    let builder = match (address, usual) {
        (Some(address), _) => zbus::connection::Builder::address(address),
        (None, Bus::System) => zbus::connection::Builder::system(),
        (None, Bus::Session) => zbus::connection::Builder::session(),
    };
    builder
        .method_timeout(Duration::from_secs(10))
        .build()
        .await
}

/// Does what follows from what is told, one after the other.
async fn act(agent: &Agent, mut news: mpsc::Receiver<Told>) {
    let mut screen = Screen::default();
    let mut settles_at: Option<Instant> = None;
    let mut warned = agent.pin_policy == PinPolicy::Strict;
    loop {
        let settled = settles_at;
        let told = tokio::select! {
            told = news.recv() => match told {
                Some(told) => told,
                None => return,
            },
            () = async { sleep_until(settled.unwrap_or_else(Instant::now)).await },
                if settled.is_some() => Told::Settled,
        };
        let is_unseen = matches!(told, Told::LogindGone | Told::NoSession);
        match told {
            Told::Lock => settles_at = Some(Instant::now() + SETTLED_AFTER),
            Told::Settled => settles_at = None,
            _ => {}
        }
        let was_withheld = screen.withheld();
        // What delays the machine's sleep lasts until the departures are told.
        let delay = screen.take(told);
        let withheld = screen.withheld();
        if was_withheld != withheld {
            tracing::info!(?withheld, "the screen changed");
        }
        let lost_sight = agent
            .screen
            .is_now(screen.is_followed(), withheld.is_some());
        if is_unseen && !agent.screen.ends_kept_pins() && !std::mem::replace(&mut warned, true) {
            tracing::warn!(
                "no PIN is kept, because the lock of the screen cannot be followed; \
                 see keep_pin_without_screen_lock in agent.example.toml"
            );
        }
        let left = withheld.filter(|_| was_withheld != withheld);
        let departing = async {
            if agent.end_at_screen_lock {
                agent.presence.withhold(withheld);
                if let Some(reason) = left {
                    agent.presence.depart(reason, DEPARTURE_LIMIT).await;
                }
            }
        };
        let locking = async {
            if left.is_some() || lost_sight {
                // A reader that another program holds must not delay the machine's sleep.
                let _ = timeout(DEPARTURE_LIMIT, agent.lock_cards()).await;
            }
        };
        tokio::join!(departing, locking);
        drop(delay);
    }
}

#[cfg(test)]
mod tests;
