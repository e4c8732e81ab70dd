//! The presence of one card for one login, from the signature to the end.

use std::sync::Arc;
use std::time::Duration;

use cardea_assertion::{sign_departed, sign_present};
use cardea_card::Insertion;
use cardea_jose::SigningKey;
use tokio::sync::watch;
use tokio::time::Instant;

use super::back_off::BackOff;
use super::connection::{Connection, Lost};
use super::frame::{ServerFrame, SessionState};
use crate::Error;
use crate::agent::EnrolledIssuer;
use crate::reader_watch::{self, ReaderState};

/// A session that no login has claimed by then never will be: the server closes such connections
/// after 150 seconds.
const CLAIM_LIMIT: Duration = Duration::from_secs(150);
/// No session lasts longer, whatever a server says.
const SESSION_LIMIT: Duration = Duration::from_secs(13 * 3600);
/// How long the departure of a session is told again and again to a server that is away.
const DELIVERY_LIMIT: Duration = Duration::from_secs(600);
/// The same for a session that no login had claimed.
const UNCLAIMED_DELIVERY_LIMIT: Duration = Duration::from_secs(10);
/// How long the server may take to confirm a departure before it is told again.
const CONFIRMATION_LIMIT: Duration = Duration::from_secs(3);

pub(super) struct PresenceSession {
    issuer: Arc<EnrolledIssuer>,
    key: SigningKey,
    insertion: Insertion,
    readers: watch::Receiver<ReaderState>,
    departing: watch::Receiver<bool>,
    begun: Instant,
    claimed: bool,
}

/// How the present part of a session ended.
enum Ending {
    /// The server said so, or nobody claimed it: nothing is left to tell.
    Over,
    /// The card left, or the agent is stopping: the departure is to be told.
    Departing(Option<Box<Connection>>),
}

impl PresenceSession {
    pub(super) fn new(
        issuer: Arc<EnrolledIssuer>,
        key: SigningKey,
        insertion: Insertion,
        readers: watch::Receiver<ReaderState>,
        departing: watch::Receiver<bool>,
    ) -> Self {
        let begun = Instant::now();
        Self {
            issuer,
            key,
            insertion,
            readers,
            departing,
            begun,
            claimed: false,
        }
    }

    pub(super) async fn run(mut self) {
        let session = short_name(self.key.kid());
        tracing::info!(session, "presence begun");
        let Ending::Departing(connection) = self.stay_present().await else {
            tracing::info!(session, "presence over");
            return;
        };
        let departure = sign_departed(&self.key, self.issuer.enrolment.issuer.as_str());
        let Self {
            issuer,
            key,
            claimed,
            ..
        } = self;
        // The departure is the last thing that the key signs.
        drop(key);
        tracing::info!(session, "departed");
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
            DELIVERY_LIMIT
        } else {
            UNCLAIMED_DELIVERY_LIMIT
        };
        match tokio::time::timeout(limit, deliver(&issuer, &departure, connection)).await {
            Ok(()) => tracing::info!(session, "departure delivered"),
            Err(_) => {
                let error = Error::DepartureUndelivered;
                tracing::warn!(session, code = error.code(), %error, "departure given up");
            }
        }
    }

    /// Proves presence, connecting again when need be, until the card leaves or the session ends.
    async fn stay_present(&mut self) -> Ending {
        let mut back_off = BackOff::default();
        loop {
            let (readers, departing) = (self.readers.clone(), self.departing.clone());
            let left = left(readers, departing, &self.insertion);
            tokio::pin!(left);
            let opened = tokio::select! {
                biased;
                () = &mut left => return Ending::Departing(None),
                opened = Connection::open(&self.issuer) => opened,
            };
            if let Ok(mut connection) = opened {
                let conversed = tokio::select! {
                    biased;
                    () = &mut left => None,
                    lost = converse(
                        &mut connection,
                        &self.key,
                        self.issuer.enrolment.issuer.as_str(),
                        &mut self.claimed,
                        &mut back_off,
                    ) => Some(lost),
                };
                match conversed {
                    None => return Ending::Departing(Some(Box::new(connection))),
                    Some(Conversation::Ended) => return Ending::Over,
                    Some(Conversation::Lost(lost)) => {
                        tracing::debug!(?lost, "presence connection lost");
                    }
                }
            }
            let age = self.begun.elapsed();
            if age > SESSION_LIMIT || (!self.claimed && age > CLAIM_LIMIT) {
                return Ending::Over;
            }
            tokio::select! {
                biased;
                () = &mut left => return Ending::Departing(None),
                () = tokio::time::sleep(back_off.next_wait()) => {}
            }
        }
    }
}

enum Conversation {
    Ended,
    Lost(Lost),
}

/// Answers the server's nonces. Cut off between two frames it leaves the connection usable.
async fn converse(
    connection: &mut Connection,
    key: &SigningKey,
    issuer: &str,
    claimed: &mut bool,
    back_off: &mut BackOff,
) -> Conversation {
    loop {
        let answered = match connection.receive().await {
            Ok(ServerFrame::Nonce { nonce }) => match sign_present(key, issuer, &nonce) {
                Ok(statement) => connection.send(&statement).await,
                Err(_) => Err(Lost::Broken),
            },
            Ok(ServerFrame::Session {
                state: SessionState::Ended,
                reason,
            }) => {
                tracing::info!(reason, "the server ended the session");
                return Conversation::Ended;
            }
            Ok(ServerFrame::Session { state, .. }) => {
                tracing::debug!(?state, "the server knows the session");
                *claimed = true;
                back_off.reset();
                Ok(())
            }
            Ok(ServerFrame::Unknown) => Ok(()),
            Err(lost) => Err(lost),
        };
        if let Err(lost) = answered {
            return Conversation::Lost(lost);
        }
    }
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

/// Whether the server took the departure: it says that the session ended, or closes in due form.
async fn confirmation(connection: &mut Connection) -> bool {
    loop {
        match connection.receive().await {
            Ok(ServerFrame::Session {
                state: SessionState::Ended,
                ..
            })
            | Err(Lost::Closed) => {
                return true;
            }
            Ok(_) => {}
            Err(Lost::Broken | Lost::Unreachable) => return false,
        }
    }
}

/// Resolves when the card has left, or the agent is to end the session itself.
async fn left(
    readers: watch::Receiver<ReaderState>,
    mut departing: watch::Receiver<bool>,
    insertion: &Insertion,
) {
    tokio::select! {
        () = reader_watch::ended(readers, insertion) => {}
        // A dropped sender means that the agent is gone.
        _ = departing.wait_for(|departing| *departing) => {}
    }
}

/// Enough of the key's name to follow a session through the log.
fn short_name(jkt: &str) -> String {
    jkt.chars().take(8).collect()
}
