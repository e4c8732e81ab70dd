//! Sessions: when they live, how they end, and whom to tell.

use cardea_jose::random_base64url;
use cardea_oauth2_types::Acr;
use cardea_storage::client_session::ClientSession;
use cardea_storage::event_push::tell_session_over;
use cardea_storage::logout_delivery::{self, LogoutDelivery};
use cardea_storage::session::{Session, SessionState};
use cardea_storage::{
    Transaction, access_grant, authorization_code, client_session, refresh_token, session,
};
use time::{Duration, OffsetDateTime};

use crate::config::Lifetimes;
use crate::event::{Event, EventKind};
use crate::secret::RANDOM_BYTES;
use crate::{Error, Provider};

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The card left the reader, or the agent took presence back.
    Departed,
    /// The person's screen was locked.
    ScreenLocked,
    /// The person's workstation went to sleep.
    WorkstationAsleep,
    /// The agent was silent past the grace period while we could be reached.
    PresenceLost,
    /// Nobody used the session for too long.
    Idle,
    /// The session reached its absolute limit.
    AbsoluteLimit,
    /// The presence key never answered; without an agent, the browser never came back.
    NeverPresent,
    /// The same card was used at another agent instance.
    CardElsewhere,
    /// The person showed the same card again: a newer session carries on.
    Continued,
    /// Another card signed in with the same browser, which holds one person's session at a time.
    BrowserTakenOver,
    /// The card was revoked while the session ran.
    CardRevoked,
    /// The card's certificate expired while the session ran.
    CardExpired,
    /// The card leads to no trust anchor of ours any more.
    CardNotAccepted,
    /// The card was suspended: by its code, or by an operator.
    CardSuspended,
    /// A guard in front of a portal's API stopped it.
    GuardStopped,
    /// The workstation was revoked: by an operator, or by the person.
    WorkstationRevoked,
    /// A client or the person asked for it.
    Logout,
    /// The person said that something in her name was not her doing.
    NotMe,
    /// The operator asked for it.
    Operator,
    /// The database was taken back to an earlier moment.
    Restored,
}

impl EndReason {
    /// Every reason.
    pub const ALL: [Self; 20] = [
        Self::Departed,
        Self::ScreenLocked,
        Self::WorkstationAsleep,
        Self::PresenceLost,
        Self::Idle,
        Self::AbsoluteLimit,
        Self::NeverPresent,
        Self::CardElsewhere,
        Self::Continued,
        Self::BrowserTakenOver,
        Self::CardRevoked,
        Self::CardExpired,
        Self::CardNotAccepted,
        Self::CardSuspended,
        Self::GuardStopped,
        Self::WorkstationRevoked,
        Self::Logout,
        Self::NotMe,
        Self::Operator,
        Self::Restored,
    ];

    /// The reason with a stable word.
    pub(crate) fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// The stable word for logs, events and the agent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Departed => "departed",
            Self::ScreenLocked => "screen_locked",
            Self::WorkstationAsleep => "workstation_asleep",
            Self::PresenceLost => "presence_lost",
            Self::Idle => "idle",
            Self::AbsoluteLimit => "absolute_limit",
            Self::NeverPresent => "never_present",
            Self::CardElsewhere => "card_elsewhere",
            Self::Continued => "continued",
            Self::BrowserTakenOver => "browser_taken_over",
            Self::CardRevoked => "card_revoked",
            Self::CardExpired => "card_expired",
            Self::CardNotAccepted => "card_not_accepted",
            Self::CardSuspended => "card_suspended",
            Self::GuardStopped => "guard_stopped",
            Self::WorkstationRevoked => "workstation_revoked",
            Self::Logout => "logout",
            Self::NotMe => "not_me",
            Self::Operator => "operator",
            Self::Restored => "restored",
        }
    }
}

/// A session that has just ended. Its agent is to be told; the logout tokens for its clients are
/// queued, see [`Provider::take_logouts`].
#[derive(Clone, Debug)]
pub struct EndedSession {
    /// Its id, for the log.
    pub session_id: String,
    /// Its presence key: the agent's connection with this key is told.
    pub presence_jkt: String,
    /// Why.
    pub reason: EndReason,
}

/// A session ended inside a transaction that is not committed yet: nobody may be told so far.
pub(crate) struct EndedInTransaction {
    pub(crate) session: Session,
    pub(crate) reason: EndReason,
}

/// Whether an active session is within its limits, even if the sweep has not come by yet.
pub(crate) fn is_live(session: &Session, lifetimes: &Lifetimes, now: OffsetDateTime) -> bool {
    session.state == SessionState::Active
        && now < session.used_at + lifetimes.session_idle
        && now < session.authenticated_at + absolute_limit(session, lifetimes)
}

/// How long a session lasts, whatever happens in it.
pub(crate) fn absolute_limit(session: &Session, lifetimes: &Lifetimes) -> Duration {
    match is_unwatched(session) {
        true => lifetimes.session_unwatched.min(lifetimes.session_absolute),
        false => lifetimes.session_absolute,
    }
}

/// Whether no agent watches the card of a session.
pub(crate) fn is_unwatched(session: &Session) -> bool {
    reached_acr(session) == Acr::CardUnwatched
}

/// Whether the presence key of an active session has not answered since `cutoff`; see
/// [`Provider::presence_cutoff`].
pub(crate) fn is_silent(session: &Session, cutoff: Option<OffsetDateTime>) -> bool {
    match (session.present_at, cutoff) {
        (Some(present_at), Some(cutoff)) => present_at < cutoff,
        _ => false,
    }
}

/// The level that a session reached. An unreadable one counts as the weakest.
pub(crate) fn reached_acr(session: &Session) -> Acr {
    Acr::find(&session.acr).unwrap_or(Acr::CardUnwatched)
}

impl Provider {
    /// Whether a session is within its limits and its card, as far as we know, in the reader: the
    /// presence key has answered within the grace period, or could not because of us. Nothing new
    /// is given to a session without this lease, on whichever node it is asked.
    pub(crate) fn has_presence_lease(&self, session: &Session, now: OffsetDateTime) -> bool {
        is_live(session, &self.lifetimes, now) && !is_silent(session, self.presence_cutoff(now))
    }

    /// Ends a session by id, at the operator's wish. None when it is unknown or over.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn end_session(&self, session_id: &str) -> Result<Option<EndedSession>, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let Some(session) = session::find(&mut transaction, session_id).await? else {
            return Ok(None);
        };
        let ended = self
            .end_in(&mut transaction, &session, EndReason::Operator, now)
            .await?;
        transaction.commit().await?;
        Ok(ended.map(EndedInTransaction::announce))
    }

    /// Ends every session of a person, by her name with us, at the operator's wish.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn end_sessions_of(&self, sub: &str) -> Result<Vec<EndedSession>, Error> {
        self.end_all(sub, EndReason::Operator, self.now()).await
    }

    pub(crate) async fn end_all(
        &self,
        sub: &str,
        reason: EndReason,
        now: OffsetDateTime,
    ) -> Result<Vec<EndedSession>, Error> {
        let mut transaction = self.store.begin().await?;
        let mut ended = Vec::new();
        for session in &session::list_of_person(&mut transaction, sub).await? {
            ended.extend(self.end_in(&mut transaction, session, reason, now).await?);
        }
        transaction.commit().await?;
        Ok(ended
            .into_iter()
            .map(EndedInTransaction::announce)
            .collect())
    }

    /// Ends a session in the caller's transaction: its codes and tokens die with it. None when it
    /// was over already.
    pub(crate) async fn end_in(
        &self,
        transaction: &mut Transaction,
        session: &Session,
        reason: EndReason,
        now: OffsetDateTime,
    ) -> Result<Option<EndedInTransaction>, Error> {
        let Some(EndedRows { event, clients, .. }) =
            end_rows(transaction, session, reason, now).await?
        else {
            return Ok(None);
        };
        self.record(transaction, event).await?;
        for own in &clients {
            self.queue_logout(transaction, session, own, now).await?;
        }
        Ok(Some(EndedInTransaction {
            session: session.clone(),
            reason,
        }))
    }
}

/// What ended with a session, before it is on record.
pub(crate) struct EndedRows<'a> {
    pub(crate) event: Event,
    pub(crate) clients: Vec<ClientSession>,
    session: &'a Session,
}

/// Ends the rows of a session: its codes and tokens die with it. None when it was over already.
pub(crate) async fn end_rows<'a>(
    transaction: &mut Transaction,
    session: &'a Session,
    reason: EndReason,
    now: OffsetDateTime,
) -> Result<Option<EndedRows<'a>>, Error> {
    // Codes before the session, as where a code is redeemed: transactions that take the same
    // rows in the same order wait for each other instead of locking each other out.
    let codes_revoked = authorization_code::revoke_of_session(transaction, &session.id).await?;
    let families_revoked = refresh_token::revoke_of_session(transaction, &session.id, now).await?;
    let why = reason.as_str();
    let grants_revoked =
        access_grant::revoke_of_session(transaction, &session.id, why, now).await?;
    if !session::end(transaction, &session.id, reason.as_str(), now).await? {
        return Ok(None);
    }
    let kind = EventKind::SessionEnded {
        reason: reason.as_str(),
        codes_revoked,
        grants_revoked,
        families_revoked,
    };
    let clients = client_session::list_of_session(transaction, &session.id).await?;
    let own: Vec<_> = clients
        .iter()
        .map(|it| (it.client_id.as_str(), it.sid.as_str()))
        .collect();
    let tokens_end = now + Lifetimes::default().access_token;
    tell_session_over(transaction, &own, why, (now, tokens_end)).await?;
    Ok(Some(EndedRows {
        event: Event::new(kind, now).of_session(&session.id, &session.sub),
        clients,
        session,
    }))
}

impl EndedRows<'_> {
    /// Queues the session's clients to be told, where nobody knows the registrations: the node that
    /// takes a delivery finds out what the client calls the person, and whether it wants to hear.
    pub(crate) async fn queue_blindly(
        &self,
        transaction: &mut Transaction,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        for own in &self.clients {
            let delivery = LogoutDelivery {
                id: random_base64url(RANDOM_BYTES)?,
                client_id: own.client_id.clone(),
                session_id: self.session.id.clone(),
                sub: self.session.sub.clone(),
                sid: own.sid.clone(),
                client_sub: String::new(),
                attempts: 0,
                created_at: now,
                due_at: now,
                expires_at: now + Lifetimes::default().logout_retry,
            };
            logout_delivery::insert(transaction, &delivery).await?;
        }
        Ok(())
    }
}

impl EndedInTransaction {
    /// What to tell the agent, now that the end is committed.
    pub(crate) fn announce(self) -> EndedSession {
        EndedSession {
            session_id: self.session.id,
            presence_jkt: self.session.presence_jkt,
            reason: self.reason,
        }
    }
}
