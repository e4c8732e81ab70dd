//! The presence of one card for one login, from the signature to the end.

use std::sync::{Arc, Weak};
use std::time::Duration;

use cardea_assertion::{DepartureReason, sign_departed, sign_present};
use cardea_card::Insertion;
use cardea_jose::SigningKey;
use tokio::sync::watch;
use tokio::time::Instant;

use super::asked::{Asked, AskedSession};
use super::back_off::BackOff;
use super::connection::{Connection, Lost};
use super::frame::{ServerFrame, SessionState};
use super::log_check::{
    Announced, LogCheck, Step, Stop, tell_of_doubt, tell_of_refusal, tell_of_restore,
};
use crate::Error;
use crate::agent::Agent;
use crate::enrolled_issuers::EnrolledIssuer;
use crate::notice;
use crate::reader_watch::{self, ReaderState};

/// How long the parts of a session may last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// A session that no login has claimed by then never will be: the server closes such
    /// connections after 150 seconds.
    pub(super) claim: Duration,
    /// No session lasts longer, whatever a server says.
    pub(super) session: Duration,
    /// How long the departure of a session is told again and again to a server that is away.
    pub(super) delivery: Duration,
    /// The same for a session that no login had claimed.
    pub(super) unclaimed_delivery: Duration,
    /// How long the server may take to show its log, on one connection.
    pub(super) log_answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            claim: Duration::from_secs(150),
            session: Duration::from_secs(13 * 3600),
            delivery: Duration::from_secs(600),
            unclaimed_delivery: Duration::from_secs(10),
            log_answer: Duration::from_secs(8),
        }
    }
}

/// How long the server may take to confirm a departure before it is told again.
const CONFIRMATION_LIMIT: Duration = Duration::from_secs(3);
/// A server may be slow, and somebody on the way may swallow what it says: so often it is asked for
/// its log, each time on another connection, before it is taken for one that hides it.
const SILENCES_MAX: u32 = 3;

pub(super) struct PresenceSession {
    issuer: Arc<EnrolledIssuer>,
    key: SigningKey,
    insertion: Insertion,
    readers: watch::Receiver<ReaderState>,
    departing: watch::Receiver<Option<DepartureReason>>,
    limits: Limits,
    begun: Instant,
    /// Whether a login named this key: the server has said that the session is active.
    claimed: bool,
    /// Whether the issuer's log goes on from what is kept here: before that, nothing is proven.
    log_check: LogCheck,
    /// How often that was not shown in time.
    silences: u32,
    /// Who can ask the person.
    agent: Weak<Agent>,
    asked: Asked,
}

/// How the present part of a session ended.
enum Ending {
    /// The server said so, or nobody claimed it: nothing is left to tell.
    Over,
    /// The card left, or the agent takes presence back: the departure is to be told.
    Departing(DepartureReason, Option<Box<Connection>>),
}

impl PresenceSession {
    pub(super) fn new(
        issuer: Arc<EnrolledIssuer>,
        key: SigningKey,
        insertion: Insertion,
        readers: watch::Receiver<ReaderState>,
        departing: watch::Receiver<Option<DepartureReason>>,
    ) -> Self {
        Self {
            issuer,
            key,
            insertion,
            readers,
            departing,
            limits: Limits::default(),
            begun: Instant::now(),
            claimed: false,
            log_check: LogCheck::default(),
            silences: 0,
            agent: Weak::new(),
            asked: Asked::default(),
        }
    }

    /// The same, whose person this agent asks where the server wants a fresh signature.
    pub(super) fn asking(self, agent: Weak<Agent>) -> Self {
        Self { agent, ..self }
    }

    pub(super) async fn run(mut self) {
        let session = short_name(self.key.kid());
        tracing::info!(session, "presence begun");
        let Ending::Departing(reason, connection) = self.stay_present().await else {
            tracing::info!(session, "presence over");
            return;
        };
        let departure = sign_departed(&self.key, self.issuer.enrolment.issuer.as_str(), reason);
        let Self {
            issuer,
            key,
            limits,
            claimed,
            asked,
            ..
        } = self;
        // Whatever is shown for this session goes.
        drop(asked);
        // The departure is the last thing that the key signs.
        drop(key);
        tracing::info!(session, ?reason, "departed");
        let Ok(departure) = departure else {
            // The server notices the silence instead.
            tracing::error!(
                session,
                code = "agent.internal",
                "the departure could not be signed"
            );
            return;
        };
        let limit = if claimed {
            limits.delivery
        } else {
            limits.unclaimed_delivery
        };
        match tokio::time::timeout(limit, deliver(&issuer, &departure, connection)).await {
            Ok(()) => tracing::info!(session, "departure delivered"),
            // Of a session that never was, the server has nothing to end and nothing to confirm.
            Err(_) if !claimed => tracing::info!(session, "nobody waited for the departure"),
            Err(_) => {
                let error = Error::DepartureUndelivered;
                tracing::warn!(session, code = error.code(), %error, "departure given up");
            }
        }
    }

    /// Proves presence, connecting again when need be, until the card leaves or the session ends.
    async fn stay_present(&mut self) -> Ending {
        let mut back_off = BackOff::default();
        let (readers, departing) = (self.readers.clone(), self.departing.clone());
        let insertion = self.insertion.clone();
        let left = left(readers, departing, &insertion);
        tokio::pin!(left);
        loop {
            let opened = tokio::select! {
                biased;
                reason = &mut left => return Ending::Departing(reason, None),
                opened = Connection::open(&self.issuer) => opened,
            };
            if let Ok(mut connection) = opened {
                let conversed = tokio::select! {
                    biased;
                    reason = &mut left => Err(reason),
                    lost = self.converse(&mut connection, &mut back_off) => Ok(lost),
                };
                match conversed {
                    Err(reason) => {
                        return Ending::Departing(reason, Some(Box::new(connection)));
                    }
                    Ok(Conversation::Ended) => return Ending::Over,
                    Ok(Conversation::Refused(error)) => {
                        tell_of_refusal(&self.agent, &self.issuer, &error);
                        return Ending::Over;
                    }
                    Ok(Conversation::Lost(lost)) => {
                        tracing::debug!(?lost, "presence connection lost");
                        if let Lost::Closed { spread } = lost {
                            back_off.spread(spread);
                        }
                    }
                }
            }
            if Instant::now() >= self.over_at() {
                return Ending::Over;
            }
            tokio::select! {
                biased;
                reason = &mut left => return Ending::Departing(reason, None),
                () = tokio::time::sleep(back_off.next_wait()) => {}
            }
        }
    }

    /// When the session is over although nobody said so.
    fn over_at(&self) -> Instant {
        let limit = if self.claimed {
            self.limits.session
        } else {
            self.limits.claim
        };
        self.begun + limit
    }

    /// Answers the server's nonces. Cut off between two frames it leaves the connection usable.
    async fn converse(
        &mut self,
        connection: &mut Connection,
        back_off: &mut BackOff,
    ) -> Conversation {
        self.log_check.begin_connection();
        loop {
            let over_at = self.log_check.limit(self.over_at());
            let received = tokio::select! {
                received = tokio::time::timeout_at(over_at, connection.receive()) => received,
                answer = self.asked.answered() => {
                    if let Err(lost) = connection.answer_step_up(&answer).await {
                        return Conversation::Lost(lost);
                    }
                    continue;
                }
            };
            let taken = match received {
                Ok(Ok(frame)) => self.take(frame, connection, back_off).await,
                Ok(Err(lost)) => Err(Stop::Lost(lost)),
                Err(_) if self.log_check.is_waiting() => Err(self.log_unseen().await),
                Err(_) => return Conversation::Ended,
            };
            match taken {
                Ok(GoesOn::Yes) => {}
                Ok(GoesOn::No) => return Conversation::Ended,
                Err(Stop::Lost(lost)) => return Conversation::Lost(lost),
                Err(Stop::Refused(error)) => return Conversation::Refused(error),
            }
        }
    }

    /// The server has announced its log, and has not shown it in time.
    async fn log_unseen(&mut self) -> Stop {
        self.silences = self.silences.saturating_add(1);
        if self.silences < SILENCES_MAX {
            return Stop::Lost(Lost::Broken);
        }
        self.log_check.unanswered(&self.issuer).await
    }

    async fn take(
        &mut self,
        frame: ServerFrame,
        connection: &mut Connection,
        back_off: &mut BackOff,
    ) -> Result<GoesOn, Stop> {
        match frame {
            ServerFrame::Nonce {
                nonce,
                log,
                newest,
                witnesses,
            } => {
                let announced = Announced::of(log, newest, witnesses);
                let asked = (nonce, announced, self.limits.log_answer);
                let step = self.log_check.take_nonce(&self.issuer, asked).await?;
                self.go_on(step, connection).await?;
            }
            ServerFrame::Checkpoint { part, last } => {
                self.take_checkpoint(&part, last, connection).await?;
            }
            ServerFrame::Session { state, reason } => match state {
                SessionState::Ended => {
                    tracing::info!(reason, "the server ended the session");
                    return Ok(GoesOn::No);
                }
                SessionState::Active => {
                    tracing::debug!("a login claimed the session");
                    self.claimed = true;
                    self.log_check.note_sign_in(&self.issuer).await;
                    back_off.reset();
                }
                // The server says so of every key that no login has named: it claims nothing.
                SessionState::Pending => {}
            },
            ServerFrame::StepUp { challenge } => {
                let session = AskedSession {
                    agent: &self.agent,
                    issuer: &self.issuer,
                    presence_jkt: self.key.kid(),
                    insertion: &self.insertion,
                };
                self.asked.ask(challenge, session, connection).await?;
            }
            ServerFrame::StepUpAnswered { outcome, code } => {
                tracing::info!(outcome, code, "the server has judged the fresh signature");
            }
            ServerFrame::Notice(notice) => {
                if let Some(agent) = self.agent.upgrade() {
                    notice::tell(&agent, &self.issuer.enrolment, &notice);
                }
            }
            ServerFrame::Unknown => {}
        }
        Ok(GoesOn::Yes)
    }

    /// Takes a part of what is shown of the log, and tells the person where there is anything to
    /// tell.
    async fn take_checkpoint(
        &mut self,
        part: &str,
        is_last: bool,
        connection: &mut Connection,
    ) -> Result<(), Stop> {
        let taken = self.log_check.take_part(&self.issuer, part, is_last);
        let taken = taken.await?;
        match &taken {
            Step::Restored { why, .. } => tell_of_restore(&self.agent, &self.issuer, why),
            Step::Doubtful { why, .. } => tell_of_doubt(&self.agent, &self.issuer, why),
            Step::Wait | Step::Ask { .. } | Step::Answer { .. } => {}
        }
        // A server that has said so too early owes the entry all the same.
        if self.claimed {
            self.log_check.note_sign_in(&self.issuer).await;
        }
        self.go_on(taken, connection).await
    }

    /// Asks for the log, waits for more of it, or proves that the card is there.
    async fn go_on(&self, step: Step, connection: &mut Connection) -> Result<(), Stop> {
        match step {
            Step::Wait => {}
            Step::Ask {
                question,
                announced,
            } => connection.ask_for_log(&question, announced).await?,
            Step::Answer { nonce }
            | Step::Restored { nonce, .. }
            | Step::Doubtful { nonce, .. } => {
                let issuer = self.issuer.enrolment.issuer.as_str();
                let statement = sign_present(&self.key, issuer, &nonce);
                let statement = statement.map_err(|_| Lost::Broken)?;
                connection.send(&statement).await?;
            }
        }
        Ok(())
    }
}

/// Whether the session does.
enum GoesOn {
    Yes,
    No,
}

enum Conversation {
    /// The server ended the session, or its time is over.
    Ended,
    Lost(Lost),
    /// What the server shows of its log cannot be.
    Refused(Error),
}

/// Tells a departure until the server has confirmed it. The caller limits how long.
async fn deliver(issuer: &EnrolledIssuer, departure: &str, mut at_hand: Option<Box<Connection>>) {
    let mut back_off = BackOff::default();
    loop {
        let connection = match at_hand.take() {
            Some(connection) => Ok(*connection),
            None => Connection::open(issuer).await,
        };
        if let Ok(mut connection) = connection
            && connection.send(departure).await.is_ok()
            && tokio::time::timeout(CONFIRMATION_LIMIT, confirmation(&mut connection)).await
                == Ok(true)
        {
            return;
        }
        tokio::time::sleep(back_off.next_wait()).await;
    }
}

/// Whether the server took the departure: it says that the session ended, or closes as done. One
/// that closes because it stops may not have read the departure.
async fn confirmation(connection: &mut Connection) -> bool {
    loop {
        match connection.receive().await {
            Ok(ServerFrame::Session {
                state: SessionState::Ended,
                ..
            })
            | Err(Lost::Finished) => {
                return true;
            }
            Ok(_) => {}
            Err(Lost::Closed { .. } | Lost::Broken | Lost::Unreachable) => return false,
        }
    }
}

/// Resolves when the card has left, or the agent is to end the session itself.
async fn left(
    readers: watch::Receiver<ReaderState>,
    mut departing: watch::Receiver<Option<DepartureReason>>,
    insertion: &Insertion,
) -> DepartureReason {
    tokio::select! {
        () = reader_watch::ended(readers, insertion) => DepartureReason::CardRemoved,
        taken_back = departing.wait_for(Option::is_some) => match taken_back {
            Ok(reason) => reason.unwrap_or(DepartureReason::AgentStopped),
            // A dropped sender means that the agent is gone.
            Err(_) => DepartureReason::AgentStopped,
        }
    }
}

/// Enough of the key's name to follow a session through the log.
fn short_name(jkt: &str) -> String {
    jkt.chars().take(8).collect()
}

#[cfg(test)]
mod tests;
