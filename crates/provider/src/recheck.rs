//! The cards of open sessions, looked at again at a set interval: who lost her card this morning
//! does not leave a session behind until the evening.
//!
//! The judgement is that of a login. *Revoked* and *expired* end the session; what could not be
//! found out ends nobody's (design, "Revocation and outages").

use std::sync::Arc;

use cardea_jose::{base64url, parse_base64url};
use cardea_pki::{Certificate, Error as PkiError};
use cardea_storage::session::SessionState;
use cardea_storage::{Transaction, card, session, session_card};
use time::{Duration, OffsetDateTime};

use crate::authentication::{JudgedAgain, judge_again};
use crate::card_trust::CardTrust;
use crate::event::{Event, EventKind};
use crate::secret::random_share;
use crate::session::{EndReason, EndedInTransaction, EndedSession};
use crate::{Error, Provider, RevocationSource};

/// A card that is due, for [`Provider::recheck_card`].
pub struct DueCard {
    session_id: String,
    chain: String,
}

impl Provider {
    /// Keeps what a session's card sent, for as long as the session lasts. It was judged by
    /// `trust`.
    pub(crate) async fn keep_card(
        &self,
        transaction: &mut Transaction,
        (session_id, card_id): (&str, &str),
        certificate: &Certificate,
        extra: &[Certificate],
        trust: &Arc<CardTrust>,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let chain: Vec<String> = std::iter::once(certificate)
            .chain(extra)
            .map(|certificate| base64url(certificate.der()))
            .collect();
        let chain = serde_json::to_string(&chain).map_err(Error::StoredValueUnreadable)?;
        let next = self.next_recheck(certificate, trust, now)?;
        Ok(session_card::insert(transaction, session_id, (card_id, &chain), next).await?)
    }

    /// Takes up to `count_max` cards that are due; no other node gets them meanwhile.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn take_due_cards(&self, count_max: u32) -> Result<Vec<DueCard>, Error> {
        let now = self.now();
        let mut reading = self.store.begin_read().await?;
        let any = session_card::is_due(&mut reading, now).await?;
        drop(reading);
        if !any {
            return Ok(Vec::new());
        }
        let next = now + self.lifetimes.session_recheck;
        let mut transaction = self.store.begin().await?;
        let due = session_card::take_due(&mut transaction, now, next, count_max).await?;
        transaction.commit().await?;
        let due = due.into_iter().map(|due| DueCard {
            session_id: due.session_id,
            chain: due.chain,
        });
        Ok(due.collect())
    }

    /// Judges the card of an open session again, and ends the session if a login with this card
    /// would be refused for what the card has become. Nothing is locked while evidence is fetched.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StoredValueUnreadable`].
    pub async fn recheck_card(
        &self,
        due: &DueCard,
        source: &dyn RevocationSource,
    ) -> Result<Option<EndedSession>, Error> {
        let chain: Vec<String> =
            serde_json::from_str(&due.chain).map_err(Error::StoredValueUnreadable)?;
        let chain = chain
            .iter()
            .map(|der| Ok(Certificate::parse(&parse_base64url(der)?)?))
            .collect::<Result<Vec<_>, Error>>()?;
        let Some((certificate, extra)) = chain.split_first() else {
            return Ok(None);
        };
        // Held to the end of the transaction, see `Provider::look_at_cards_again`.
        let trust = self.card_trust();
        let judged = judge_again(&trust, certificate, extra, source, self.now()).await;
        let now = self.now();
        let reason = reason_to_end(&judged);
        if let (None, JudgedAgain::CertificateRefused(error) | JudgedAgain::StatusRefused(error)) =
            (reason, &judged)
        {
            tracing::warn!(
                code = error.code(),
                "the card of an open session could not be judged; the session goes on"
            );
        }
        let mut transaction = self.store.begin().await?;
        let Some(session) = session::find(&mut transaction, &due.session_id).await? else {
            return Ok(None);
        };
        if session.state == SessionState::Ended {
            return Ok(None);
        }
        // It ended with the suspension; whoever suspends in another way than ours is followed, too.
        let suspended = card::find_of_session(&mut transaction, &session.id).await?;
        let is_suspended = suspended.is_some_and(|card| card.suspension.is_some());
        let reason = reason.or(is_suspended.then_some(EndReason::CardSuspended));
        let ended = match reason {
            Some(reason) => self.end_in(&mut transaction, &session, reason, now).await?,
            None => {
                let next = self.next_recheck(certificate, &trust, now)?;
                session_card::put_off(&mut transaction, &session.id, next).await?;
                None
            }
        };
        if let JudgedAgain::Good(Some(grace)) = judged {
            // Each use of the grace is on record, as at a login.
            let event = Event::new(EventKind::RevocationGraceUsed(grace), now);
            let event = event.of_session(&session.id, &session.sub);
            self.record(&mut transaction, event).await?;
        }
        transaction.commit().await?;
        Ok(ended.map(EndedInTransaction::announce))
    }

    /// After the interval, up to a quarter of it sooner, so that the logins of a morning are not
    /// looked at in one moment again; and as soon as the certificate has expired. At once where it
    /// was judged by rules that have been replaced meanwhile.
    fn next_recheck(
        &self,
        certificate: &Certificate,
        trust: &Arc<CardTrust>,
        now: OffsetDateTime,
    ) -> Result<OffsetDateTime, Error> {
        if !self.is_in_force(trust) {
            return Ok(now);
        }
        let interval = self.lifetimes.session_recheck;
        let sooner: Duration = (interval / 4) * random_share()?;
        let next = now + interval - sooner;
        let expiry = certificate.not_after() + Duration::SECOND;
        Ok(if expiry > now { next.min(expiry) } else { next })
    }
}

/// What a card has become ends its session; what nobody can say does not.
fn reason_to_end(judged: &JudgedAgain) -> Option<EndReason> {
    match judged {
        JudgedAgain::StatusRefused(Error::Pki(PkiError::CertificateRevoked { .. })) => {
            Some(EndReason::CardRevoked)
        }
        JudgedAgain::CertificateRefused(Error::Pki(PkiError::CertificateExpired { .. })) => {
            Some(EndReason::CardExpired)
        }
        // A failure of the library says nothing about the card.
        JudgedAgain::CertificateRefused(Error::Pki(PkiError::Cryptography(_)))
        | JudgedAgain::Good(_)
        | JudgedAgain::StatusRefused(_) => None,
        // The operator trusts other anchors or algorithms than at the login, or accepts other
        // cards.
        JudgedAgain::CertificateRefused(_) => Some(EndReason::CardNotAccepted),
    }
}

impl std::fmt::Debug for DueCard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DueCard(redacted)")
    }
}
