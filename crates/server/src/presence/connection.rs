//! One presence connection: nonces out, statements in, until card, session or server are gone.

mod log;
mod notice;
mod step_up;

use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as WsMessage, WebSocket, close_code};
use cardea_provider::PresenceOutcome;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use self::notice::Told;
use self::step_up::Asked;
use super::frame::{AgentFrame, FRAME_BYTES_MAX, Head, ServerFrame};
use super::mailbox::Mailbox;
use super::place::Place;
use super::registry::{Message, Registration};
use crate::request_log::short_login_id;
use crate::state::AppState;

/// How long a connection may stand without a session that names its key: a person looks for the
/// card and types the PIN meanwhile.
const UNCLAIMED_MAX: Duration = Duration::from_secs(150);
/// How long a connection may stand without any valid statement: an agent answers the first nonce.
const FIRST_STATEMENT_MAX: Duration = Duration::from_secs(10);
/// An agent that does not take a frame for this long is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Agents that may come back in one second, each with a handshake.
const CONNECTIONS_A_SECOND: usize = 200;
/// The longest wait of an agent; half of the default grace period.
const SPREAD_SECONDS_MAX: usize = 15;
/// How long a proof by the presence key serves for its connection: between two, an echo shows that
/// the agent is there. The key spoke on this very connection, whose end is seen at once.
const PROOF_SERVES: Duration = Duration::from_secs(300);
/// Looks of all connections fall on this grid: one waking of the program serves many of them.
const GRID: Duration = Duration::from_millis(250);
/// The grid's first point.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
/// Statements between two nonces: an honest agent sends one, and a departure.
const STATEMENTS_PER_NONCE_MAX: u32 = 4;

/// Why a connection closes.
enum Close {
    /// The other side is gone.
    Gone,
    /// The session is over.
    Ended(&'static str),
    /// The server stops; the agent is to come back.
    ServerStops,
    /// No session named this key in time.
    Unclaimed,
    /// The other side does not keep to the protocol, or too many speak for its key.
    Refused(&'static str),
    /// The database does not answer: the agent is to come back.
    Unavailable(&'static str),
}

struct Connection<'a> {
    state: &'a AppState,
    /// Boxed: what a task is made of has room for each part twice, once before it begins.
    socket: Box<WebSocket>,
    nonce: Option<String>,
    statements: u32,
    /// The session of this connection's key, once there is one.
    session_id: Option<String>,
    /// Until when an echo is enough, as the key has proven itself.
    proven_until: Option<Instant>,
    /// What the agent is to echo.
    echo: Option<String>,
    claimed: bool,
    /// Whether this agent has asked for the log's checkpoint, which it may once.
    log_shown: bool,
    /// The last question for a fresh signature.
    asked: Asked,
    /// What the agent was told of other uses of the card.
    told: Told,
    place: Place,
    registered: Option<(Registration<'a>, Arc<Mailbox>)>,
    jkt: Option<String>,
}

/// Runs a connection to its end.
pub(crate) async fn serve_connection(state: AppState, socket: Box<WebSocket>, place: Place) {
    let mut connection = Connection {
        state: &state,
        socket,
        nonce: None,
        statements: 0,
        session_id: None,
        proven_until: None,
        echo: None,
        claimed: false,
        log_shown: false,
        asked: Asked::default(),
        told: Told::default(),
        place,
        registered: None,
        jkt: None,
    };
    let close = match connection.run().await {
        Ok(never) => match never {},
        Err(close) => close,
    };
    Box::pin(connection.finish(close)).await;
}

/// A run only ends by a reason to close.
enum Never {}

impl Connection<'_> {
    async fn run(&mut self) -> Result<Never, Close> {
        let seconds = self.state.presence_config().interval_seconds;
        let every = Duration::from_secs(u64::from(seconds.max(1)));
        let mut looks = interval_at(first_look(Instant::now(), every), every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let state = self.state;
        let mut stopped = pin!(state.stopped());
        let silent_until = Instant::now() + FIRST_STATEMENT_MAX;
        let unclaimed_until = Instant::now() + UNCLAIMED_MAX;
        let displaced = self.place.displaced();
        Box::pin(self.ask()).await?;
        loop {
            tokio::select! {
                // Boxed, as all that follows: a connection waits nearly all the time, without the
                // room for it.
                _ = looks.tick() => Box::pin(self.look()).await?,
                () = sleep_until(silent_until), if self.jkt.is_none() => {
                    return Err(Close::Unclaimed);
                }
                () = sleep_until(unclaimed_until), if !self.claimed => {
                    return Err(Close::Unclaimed);
                }
                () = displaced.notified(), if !self.claimed => {
                    return Err(Close::Refused("server.too_many_requests"));
                }
                () = &mut stopped => return Err(Close::ServerStops),
                message = next_message(self.registered.as_ref()) => match message {
                    Message::Ask => Box::pin(self.ask()).await?,
                    Message::Ended(reason) => {
                        let jkt = self.jkt.clone().unwrap_or_default();
                        Box::pin(self.tell_before_the_end(&jkt, reason)).await?;
                        return Err(Close::Ended(reason));
                    }
                    Message::StepUp(challenge) => Box::pin(self.ask_step_up(&challenge)).await?,
                    Message::Notice(notice) => Box::pin(self.tell(&notice)).await?,
                },
                judged = self.asked.judged() => Box::pin(self.answer_step_up(judged)).await?,
                received = self.socket.recv() => match received {
                    Some(Ok(WsMessage::Text(text))) => {
                        Box::pin(self.accept(text.as_str())).await?;
                    }
                    Some(Ok(WsMessage::Pong(echo))) => self.hear_echo(&echo),
                    // Pings are answered by the library.
                    Some(Ok(WsMessage::Ping(_))) => {}
                    Some(Ok(WsMessage::Binary(_))) => {
                        return Err(Close::Refused("server.request_malformed"));
                    }
                    Some(Ok(WsMessage::Close(_)) | Err(_)) | None => return Err(Close::Gone),
                },
            }
        }
    }

    /// Looks whether the agent is there: by a proof of its key now and then, else by an echo, which
    /// costs neither side a signature (docs/adr/0019).
    async fn look(&mut self) -> Result<(), Close> {
        match self.proven_until {
            Some(until) if Instant::now() < until => {}
            _ => return self.ask().await,
        }
        let echo = self.random()?;
        let ping = WsMessage::Ping(echo.clone().into());
        self.echo = Some(echo);
        match timeout(SEND_TIMEOUT, self.socket.send(ping)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Close::Gone),
        }
    }

    /// An echo counts once, and only of what was sent last.
    fn hear_echo(&mut self, heard: &[u8]) {
        let fresh = self.echo.take_if(|echo| echo.as_bytes() == heard).is_some();
        if let (true, Some(session_id), Some(jkt)) = (fresh, &self.session_id, &self.jkt) {
            self.state.presence_leases().note(session_id, jkt);
        }
    }

    fn random(&self) -> Result<String, Close> {
        let nonce = self.state.provider().new_presence_nonce();
        nonce.map_err(|error| Close::Unavailable(error.code()))
    }

    /// The session of this connection's key goes on from a proof made now.
    fn proven(&mut self, session_id: String) {
        self.session_id = Some(session_id);
        self.proven_until = Some(Instant::now() + PROOF_SERVES);
    }

    async fn ask(&mut self) -> Result<(), Close> {
        let nonce = self.random()?;
        self.statements = 0;
        let log = !self.log_shown;
        let frame = ServerFrame::Nonce {
            nonce: &nonce,
            log,
            newest: log,
            witnesses: log,
        };
        let sent = self.send(&frame).await;
        self.nonce = Some(nonce);
        sent
    }

    async fn accept(&mut self, text: &str) -> Result<(), Close> {
        const MALFORMED: Close = Close::Refused("server.request_malformed");
        if text.len() > FRAME_BYTES_MAX {
            return Err(MALFORMED);
        }
        let statement = match serde_json::from_str(text).map_err(|_| MALFORMED)? {
            AgentFrame::Presence { statement } => statement,
            AgentFrame::Log {
                size,
                root,
                newest,
                quorum,
                witnesses,
            } => {
                let heads = (&Head { size, root }, newest.as_ref());
                return self.show_log(heads, (quorum, witnesses)).await;
            }
            AgentFrame::StepUp { part, last } => return self.take_step_up(&part, last),
            AgentFrame::StepUpDeclined { jti, reason } => {
                return self.decline_step_up(&jti, &reason).await;
            }
        };
        self.statements = self.statements.saturating_add(1);
        if self.statements > STATEMENTS_PER_NONCE_MAX {
            return Err(MALFORMED);
        }
        let outcome = self
            .state
            .provider()
            .accept_presence(&statement, self.nonce.as_deref())
            .await;
        match outcome {
            Ok(outcome) => self.act_on(outcome).await,
            Err(error) if error.is_internal() => Err(Close::Unavailable(error.code())),
            // The answer to a nonce that was replaced while it was under way; the next one follows.
            Err(cardea_provider::Error::PresenceNonceMismatch) => Ok(()),
            Err(error) => Err(Close::Refused(error.code())),
        }
    }

    async fn act_on(&mut self, outcome: PresenceOutcome) -> Result<(), Close> {
        // Each nonce counts once: an answer to an older one proves nothing about now.
        self.nonce = None;
        match outcome {
            PresenceOutcome::Unclaimed { jkt } => {
                let awaited = self.enter(&jkt)?;
                self.send(&ServerFrame::Session {
                    state: "pending",
                    reason: None,
                })
                .await?;
                if awaited { self.ask().await } else { Ok(()) }
            }
            PresenceOutcome::Activated {
                jkt,
                session_id,
                ended,
            } => {
                self.state.announce(ended);
                self.enter(&jkt)?;
                self.claim()?;
                self.state.presence().activated(&jkt);
                tracing::info!(
                    session = short_login_id(&session_id),
                    "a card's presence is proven"
                );
                self.proven(session_id);
                // The browser's code goes out by a commit of its own; the agent has time.
                let settled = self.state.provider().settle_soon().await;
                settled.map_err(|error| Close::Unavailable(error.code()))?;
                self.send(&ServerFrame::Session {
                    state: "active",
                    reason: None,
                })
                .await
            }
            PresenceOutcome::Renewed { jkt, session_id } => {
                self.enter(&jkt)?;
                let session = short_login_id(&session_id).to_owned();
                self.proven(session_id);
                if !self.claimed {
                    self.claim()?;
                    tracing::info!(session, "an agent came back");
                    // The login may wait on this node while another one activated the session.
                    self.state.presence().activated(&jkt);
                    self.send(&ServerFrame::Session {
                        state: "active",
                        reason: None,
                    })
                    .await?;
                }
                Ok(())
            }
            PresenceOutcome::Ended { jkt, ended, reason } => {
                let reason = reason.map_or("ended", |reason| reason.as_str());
                self.state.announce(ended);
                Box::pin(self.tell_before_the_end(&jkt, reason)).await?;
                Err(Close::Ended(reason))
            }
        }
    }

    /// Enters this connection under its key; a connection has one key for its whole life.
    fn enter(&mut self, jkt: &str) -> Result<bool, Close> {
        match &self.jkt {
            Some(known) if known == jkt => return Ok(false),
            Some(_) => return Err(Close::Refused("server.presence_key_changed")),
            None => {}
        }
        let Some((registration, messages, awaited)) = self.state.presence().register(jkt) else {
            return Err(Close::Refused("server.too_many_requests"));
        };
        self.registered = Some((registration, messages));
        self.jkt = Some(jkt.to_owned());
        Ok(awaited)
    }

    /// Moves this connection among those of open sessions.
    fn claim(&mut self) -> Result<(), Close> {
        self.claimed = self.place.claim();
        if self.claimed {
            Ok(())
        } else {
            Err(Close::Refused("server.too_many_requests"))
        }
    }

    async fn send(&mut self, frame: &ServerFrame<'_>) -> Result<(), Close> {
        let text =
            serde_json::to_string(frame).map_err(|_| Close::Unavailable("server.internal"))?;
        match timeout(SEND_TIMEOUT, self.socket.send(WsMessage::text(text))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Close::Gone),
        }
    }

    async fn finish(mut self, close: Close) {
        let spread = spread_of(self.state.presence().count());
        let (code, reason) = match close {
            Close::Gone => {
                tracing::info!("an agent is gone");
                return;
            }
            Close::Ended(reason) => {
                let ended = ServerFrame::Session {
                    state: "ended",
                    reason: Some(reason),
                };
                let _ = self.send(&ended).await;
                tracing::info!(reason, "a presence connection ends with its session");
                (close_code::NORMAL, "")
            }
            Close::ServerStops => (close_code::RESTART, spread.as_str()),
            Close::Unclaimed => {
                tracing::info!("a presence connection ends that no login named");
                (close_code::POLICY, "unclaimed")
            }
            Close::Refused(code) => {
                tracing::warn!(code, "a presence connection is refused");
                (close_code::POLICY, "refused")
            }
            Close::Unavailable(code) => {
                tracing::error!(code, "a presence connection cannot be served");
                (close_code::AGAIN, spread.as_str())
            }
        };
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        let closing = self.socket.send(WsMessage::Close(Some(frame)));
        let _ = timeout(SEND_TIMEOUT, closing).await;
    }
}

/// The next message from the registry; never ends while the connection is not entered.
async fn next_message(registered: Option<&(Registration<'_>, Arc<Mailbox>)>) -> Message {
    match registered {
        Some((_, messages)) => messages.take().await,
        None => std::future::pending().await,
    }
}

/// The last point of the grid that is at most `every` away.
fn first_look(now: Instant, every: Duration) -> Instant {
    let latest = now.saturating_duration_since(*ORIGIN) + every;
    let beyond = latest.as_nanos() % GRID.as_nanos();
    let beyond = u64::try_from(beyond).map_or(Duration::ZERO, Duration::from_nanos);
    now + every.saturating_sub(beyond)
}

/// Tells the agents over how many seconds to spread when they come back: all of them are lost at
/// once, and each has a handshake to make.
fn spread_of(connections: usize) -> String {
    let seconds = (connections / CONNECTIONS_A_SECOND).min(SPREAD_SECONDS_MAX);
    format!("spread={seconds}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{GRID, ORIGIN, first_look, spread_of};

    #[test]
    fn looks_of_all_connections_fall_together_and_never_late() {
        let every = Duration::from_secs(10);
        let begun = *ORIGIN + Duration::from_micros(1_234);
        for milliseconds in [0, 1, 249, 250, 251, 12_345] {
            let now = begun + Duration::from_millis(milliseconds);
            let first = first_look(now, every);
            assert!(first <= now + every && first + GRID > now + every);
            let since = first.duration_since(*ORIGIN);
            assert_eq!(since.as_nanos() % GRID.as_nanos(), 0);
        }
    }

    #[test]
    fn the_more_agents_are_lost_the_longer_they_spread() {
        for (connections, hint) in [
            (0, "spread=0"),
            (399, "spread=1"),
            (2_000, "spread=10"),
            (20_000, "spread=15"),
        ] {
            assert_eq!(spread_of(connections), hint);
        }
    }
}
