//! The code comes back: in the browser that began the login, or not at all.
//!
//! It is taken first and judged afterwards, in a transaction that is committed whatever the
//! judgement: a code in another browser is spent, and the session that waited for it is over
//! (attacks E17, E18).

use cardea_storage::agentless_code::{self, AgentlessCode};
use cardea_storage::session::{self, Session};
use cardea_storage::{Redemption, SecretDigest, Transaction, authorization_request};
use time::OffsetDateTime;

use crate::agentless::check_waiting;
use crate::authentication::is_id;
use crate::authorization::is_browser_of;
use crate::event::{Event, EventKind};
use crate::session::{EndReason, EndedInTransaction, EndedSession};
use crate::{Error, Provider};

/// Lists every session of a card, whatever its instance.
const ANY_INSTANCE: &str = "";

impl Provider {
    /// Takes the code of an agentless login, at the issuer's own host, where the browser shows the
    /// cookie of its login. From here on the login goes on as with an agent, through
    /// [`Provider::complete_authorization`]. Gives the sessions of the same card elsewhere, which
    /// are over; `session_cookie` is what this browser held before, whose session stays to be
    /// continued.
    ///
    /// # Errors
    /// [`Error::AgentlessCodeUnknown`], [`Error::AgentlessCodeReplayed`],
    /// [`Error::AgentlessCodeForeignBrowser`], [`Error::AgentlessCodeExpired`],
    /// [`Error::AgentlessRefused`], and those of a request that is expired or answered.
    pub async fn redeem_agentless_code(
        &self,
        request_id: &str,
        login_cookie: &str,
        session_cookie: Option<&str>,
        code: &str,
    ) -> Result<Vec<EndedSession>, Error> {
        let now = self.now();
        let redeemed = self
            .take_code(request_id, login_cookie, session_cookie, code, now)
            .await;
        match redeemed {
            Ok(ended) => Ok(ended
                .into_iter()
                .map(EndedInTransaction::announce)
                .collect()),
            Err(error) => Err(self
                .record_refused_agentless(request_id, None, error, now)
                .await),
        }
    }

    async fn take_code(
        &self,
        request_id: &str,
        login_cookie: &str,
        session_cookie: Option<&str>,
        code: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<EndedInTransaction>, Error> {
        if !is_id(code) {
            return Err(Error::AgentlessCodeUnknown);
        }
        let mut transaction = self.store.begin().await?;
        let digest = SecretDigest::of(code);
        let code = match agentless_code::redeem(&mut transaction, &digest, now).await? {
            Redemption::Redeemed(code) => code,
            Redemption::AlreadyRedeemed(_) => return Err(Error::AgentlessCodeReplayed),
            Redemption::Unknown => return Err(Error::AgentlessCodeUnknown),
        };
        let judged = self
            .judge_code(&mut transaction, request_id, login_cookie, &code, now)
            .await;
        let session = match judged {
            Ok(session) => session,
            Err(error) => {
                if let Some(session) = session::find(&mut transaction, &code.session_id).await? {
                    let reason = EndReason::NeverPresent;
                    self.end_in(&mut transaction, &session, reason, now).await?;
                }
                transaction.commit().await?;
                return Err(error);
            }
        };
        let ended = self
            .end_elsewhere_of(&mut transaction, &session, session_cookie, now)
            .await?;
        transaction.commit().await?;
        Ok(ended)
    }

    /// Judges a code that is spent already, and begins its session.
    async fn judge_code(
        &self,
        transaction: &mut Transaction,
        request_id: &str,
        login_cookie: &str,
        code: &AgentlessCode,
        now: OffsetDateTime,
    ) -> Result<Session, Error> {
        // Held, so that no other card answers the request meanwhile.
        let held =
            authorization_request::hold_incomplete(transaction, &code.authorization_request_id)
                .await?;
        let request = held.ok_or(Error::AuthorizationRequestCompleted)?;
        if request.id != request_id || !is_browser_of(&request, login_cookie) {
            return Err(Error::AgentlessCodeForeignBrowser);
        }
        if now >= code.expires_at {
            return Err(Error::AgentlessCodeExpired);
        }
        check_waiting(&request, now)?;
        let client = self.clients.find(&request.client_id);
        let client = client.ok_or(Error::ClientUnknown)?;
        if !self.admits_agentless(&client) {
            return Err(Error::AgentlessRefused);
        }
        if let Some(earlier) = &request.session_id
            && let Some(earlier) = session::find(transaction, earlier).await?
        {
            self.end_in(transaction, &earlier, EndReason::Continued, now)
                .await?;
        }
        authorization_request::attach_session(transaction, &request.id, &code.session_id).await?;
        if !session::activate_unwatched(transaction, &code.session_id).await? {
            return Err(Error::SessionEnded);
        }
        let session = session::find(transaction, &code.session_id).await?;
        let session = session.ok_or(Error::SessionEnded)?;
        let event = Event::new(EventKind::SessionActivated {}, now)
            .of_request(&request.id)
            .of_session(&session.id, &session.sub)
            .of_client(&client.client_id);
        self.record(transaction, event).await?;
        Ok(session)
    }

    /// Ends what the card left behind elsewhere: it is in one reader at a time. What this browser
    /// holds is left to the answer, which continues it or ends it.
    async fn end_elsewhere_of(
        &self,
        transaction: &mut Transaction,
        session: &Session,
        session_cookie: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Vec<EndedInTransaction>, Error> {
        let own_cookie = session_cookie.map(SecretDigest::of);
        let others =
            session::list_of_card_elsewhere(transaction, &session.card_sha256, ANY_INSTANCE)
                .await?;
        let mut ended = Vec::new();
        for other in &others {
            let is_here = own_cookie.is_some() && other.cookie == own_cookie;
            if other.id != session.id && !is_here {
                let reason = EndReason::CardElsewhere;
                ended.extend(self.end_in(transaction, other, reason, now).await?);
            }
        }
        Ok(ended)
    }
}
