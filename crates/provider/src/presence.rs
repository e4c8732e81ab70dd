//! Presence: the agent proves with the presence key that it is alive and the card in the reader.

use cardea_assertion::{DepartureReason, PresenceState, verify_presence};
use cardea_jose::{constant_time_eq, random_base64url};
use cardea_storage::session::{Session, SessionState};
use cardea_storage::{Transaction, session};
use time::OffsetDateTime;

use crate::event::{Event, EventKind};
use crate::secret::RANDOM_BYTES;
use crate::session::{EndReason, EndedInTransaction, EndedSession};
use crate::{Error, Provider};

/// What a statement of presence led to.
#[derive(Debug)]
pub enum PresenceOutcome {
    /// No session names this key yet: the agent connects before the page posts the assertion.
    Unclaimed {
        /// The presence key's thumbprint.
        jkt: String,
    },
    /// The pending session of this key is active now. Who tells the agent waits for
    /// [`Provider::settle_soon`] first; the login that waits for it may go on at once.
    Activated {
        /// The presence key's thumbprint.
        jkt: String,
        /// The session.
        session_id: String,
        /// Sessions of the same card at other agent instances, which ended.
        ended: Vec<EndedSession>,
    },
    /// The active session of this key goes on.
    Renewed {
        /// The presence key's thumbprint.
        jkt: String,
        /// The session.
        session_id: String,
    },
    /// The session of this key is over: by this departure, or since before.
    Ended {
        /// The presence key's thumbprint.
        jkt: String,
        /// The session, when it ended now.
        ended: Option<EndedSession>,
        /// Why; none when it was forgotten since.
        reason: Option<EndReason>,
    },
}

impl Provider {
    /// A nonce for one connection to answer once; the caller keeps it with the connection.
    ///
    /// # Errors
    /// [`Error::Jose`] when there is no randomness.
    pub fn new_presence_nonce(&self) -> Result<String, Error> {
        Ok(random_base64url(RANDOM_BYTES)?)
    }

    /// Where a session stands; none when it is unknown.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn find_session_state(
        &self,
        session_id: &str,
    ) -> Result<Option<SessionState>, Error> {
        let mut transaction = self.store.begin_brief_read().await?;
        Ok(session::find(&mut transaction, session_id)
            .await?
            .map(|session| session.state))
    }

    /// Acts on a statement of presence. `nonce` is the last one sent on this connection; only a
    /// departure does without.
    ///
    /// # Errors
    /// [`Error::Assertion`] when the statement is not one for us, or not signed by its key;
    /// [`Error::PresenceNonceMismatch`]; [`Error::Storage`].
    pub async fn accept_presence(
        &self,
        statement: &str,
        nonce: Option<&str>,
    ) -> Result<PresenceOutcome, Error> {
        let presence = verify_presence(statement, self.issuer.as_str())?;
        let now = self.now();
        match presence.state() {
            PresenceState::Departed => {
                let reason = end_reason(presence.reason());
                self.accept_departure(presence.jkt(), reason, now).await
            }
            PresenceState::Present => {
                let answered = presence.nonce().unwrap_or_default();
                let fresh = nonce
                    .is_some_and(|nonce| constant_time_eq(answered.as_bytes(), nonce.as_bytes()));
                if !fresh {
                    return Err(Error::PresenceNonceMismatch);
                }
                self.accept_present(presence.jkt(), now).await
            }
        }
    }

    async fn accept_present(
        &self,
        jkt: &str,
        now: OffsetDateTime,
    ) -> Result<PresenceOutcome, Error> {
        let mut transaction = self.store.begin().await?;
        let found = session::find_by_presence_key(&mut transaction, jkt).await?;
        let Some(session) = found else {
            let jkt = jkt.to_owned();
            return Ok(PresenceOutcome::Unclaimed { jkt });
        };
        self.activate_or_renew(transaction, session, now).await
    }

    /// Renews the presence of sessions whose agents answered on connections that their presence
    /// keys have proven before. Gives those that are over, with why.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn renew_presences(
        &self,
        session_ids: &[String],
    ) -> Result<Vec<(String, Option<EndReason>)>, Error> {
        let now = self.now();
        let mut over = Vec::new();
        for ids in session_ids.chunks(session::PRESENCES_MAX) {
            let mut transaction = self.store.begin().await?;
            let renewed = session::record_presences(&mut transaction, ids, now).await?;
            if usize::try_from(renewed).unwrap_or(usize::MAX) < ids.len() {
                for id in ids {
                    let found = session::find(&mut transaction, id).await?;
                    if found.is_none_or(|session| session.state != SessionState::Active) {
                        let reason = why_ended(&mut transaction, id).await?;
                        over.push((id.clone(), reason));
                    }
                }
            }
            if over.is_empty() {
                // A presence that is lost with a power cut is one that the agent shows again.
                transaction.commit_with_the_next().await?;
            } else {
                transaction.commit().await?;
            }
        }
        Ok(over)
    }

    /// `session` is what was read of it: it may have been activated or ended since, so that only
    /// the statements that change it decide.
    async fn activate_or_renew(
        &self,
        mut transaction: Transaction,
        session: Session,
        now: OffsetDateTime,
    ) -> Result<PresenceOutcome, Error> {
        if session.state == SessionState::Pending
            && session::activate(&mut transaction, &session.id, now).await?
        {
            if self.is_revoked_for_all(&mut transaction, &session).await? {
                let reason = EndReason::WorkstationRevoked;
                let ended = self.end_in(&mut transaction, &session, reason, now).await?;
                transaction.commit().await?;
                return Ok(PresenceOutcome::Ended {
                    jkt: session.presence_jkt,
                    ended: ended.map(EndedInTransaction::announce),
                    reason: Some(reason),
                });
            }
            let ended = self.end_elsewhere(&mut transaction, &session, now).await?;
            if ended.is_empty() {
                // The browser's code is a later commit, and the agent is told once all is settled
                // (see `PresenceOutcome::Activated`).
                transaction.commit_with_the_next().await?;
            } else {
                transaction.commit().await?;
            }
            let ended = ended
                .into_iter()
                .map(EndedInTransaction::announce)
                .collect();
            return Ok(PresenceOutcome::Activated {
                jkt: session.presence_jkt,
                session_id: session.id,
                ended,
            });
        }
        // Two statements may arrive together: the one that comes second renews.
        let renewed = session::record_presence(&mut transaction, &session.id, now).await?;
        // It may have ended at another node, which does not know this connection.
        let reason = match renewed {
            true => None,
            false => why_ended(&mut transaction, &session.id).await?,
        };
        transaction.commit().await?;
        let jkt = session.presence_jkt;
        Ok(if renewed {
            PresenceOutcome::Renewed {
                jkt,
                session_id: session.id,
            }
        } else {
            let ended = None;
            PresenceOutcome::Ended { jkt, ended, reason }
        })
    }

    /// Puts an activation on record, and ends the sessions that the same card left behind
    /// elsewhere: a card is in one reader at a time.
    async fn end_elsewhere(
        &self,
        transaction: &mut Transaction,
        session: &Session,
        now: OffsetDateTime,
    ) -> Result<Vec<EndedInTransaction>, Error> {
        let event =
            Event::new(EventKind::SessionActivated {}, now).of_session(&session.id, &session.sub);
        self.record(transaction, event).await?;
        let elsewhere = session::list_of_card_elsewhere(
            transaction,
            &session.card_sha256,
            &session.instance_jkt,
        )
        .await?;
        let mut ended = Vec::new();
        for older in &elsewhere {
            ended.extend(
                self.end_in(transaction, older, EndReason::CardElsewhere, now)
                    .await?,
            );
        }
        Ok(ended)
    }

    async fn accept_departure(
        &self,
        jkt: &str,
        reason: EndReason,
        now: OffsetDateTime,
    ) -> Result<PresenceOutcome, Error> {
        let jkt = jkt.to_owned();
        let mut transaction = self.store.begin().await?;
        let found = session::find_by_presence_key(&mut transaction, &jkt).await?;
        let Some(session) = found else {
            return Ok(PresenceOutcome::Unclaimed { jkt });
        };
        let ended = self.end_in(&mut transaction, &session, reason, now).await?;
        let reason = match &ended {
            Some(ended) => Some(ended.reason),
            None => why_ended(&mut transaction, &session.id).await?,
        };
        transaction.commit().await?;
        let ended = ended.map(EndedInTransaction::announce);
        Ok(PresenceOutcome::Ended { jkt, ended, reason })
    }
}

/// What the agent's reason for a departure means for the session.
fn end_reason(reason: Option<DepartureReason>) -> EndReason {
    match reason {
        Some(DepartureReason::ScreenLocked) => EndReason::ScreenLocked,
        Some(DepartureReason::Sleep) => EndReason::WorkstationAsleep,
        Some(DepartureReason::PersonEnded) => EndReason::Logout,
        // A removed card, an agent that stops, and whatever a later agent may say.
        Some(_) | None => EndReason::Departed,
    }
}

/// Why a session is over; none when it is forgotten.
async fn why_ended(
    transaction: &mut Transaction,
    session_id: &str,
) -> Result<Option<EndReason>, Error> {
    let word = session::find_end_reason(transaction, session_id).await?;
    Ok(word.as_deref().and_then(EndReason::find))
}

#[cfg(test)]
mod tests {
    use super::{PresenceOutcome, session};
    use crate::bare_provider::{bare_provider, now, with_active_session};
    use cardea_storage::session::SessionState;

    #[tokio::test]
    async fn a_session_that_ended_after_it_was_read_is_not_renewed() {
        let (provider, store) = bare_provider().await;
        let mut session = with_active_session(&store, "session").await;
        let mut transaction = store.begin().await.unwrap();
        session::end(&mut transaction, "session", "logout", now())
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        for as_read in [SessionState::Pending, SessionState::Active] {
            session.state = as_read;
            let transaction = store.begin().await.unwrap();
            let outcome = provider
                .activate_or_renew(transaction, session.clone(), now())
                .await
                .unwrap();
            assert!(
                matches!(outcome, PresenceOutcome::Ended { ended: None, .. }),
                "{outcome:?}"
            );
        }
    }
}
