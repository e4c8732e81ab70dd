//! The clients that are still to be told that a session is over (OIDC Back-Channel Logout section
//! 2.5): written in the transaction that ends it, so that no restart forgets one.

use std::sync::Arc;

use cardea_jose::random_base64url;
use cardea_storage::logout_delivery::{self, LogoutDelivery as Stored};
use cardea_storage::{Transaction, client_session::ClientSession, session::Session};
use time::OffsetDateTime;

use crate::event::{Event, EventKind};
use crate::retry::{LEASE, wait_after};
use crate::secret::RANDOM_BYTES;
use crate::token::LogoutDelivery;
use crate::{Client, Error, Provider};

/// How often a client that this node does not know is looked for, a minute apart.
const ATTEMPTS_UNKNOWN_MAX: i64 = 3;
/// Deliveries that are given up in one transaction.
const EXPIRED_MAX: u32 = 1000;

/// What came of telling a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// It has ended its session (status 200, or 204 of some frameworks).
    Delivered,
    /// It has refused the token for good (status 400, section 2.8).
    Refused,
    /// Anything else: no answer, a redirect, a fault of its own. It is tried again.
    Failed,
}

impl Provider {
    /// Queues one delivery for a client of a session that ends in this transaction, if the client
    /// wants to hear. One that this node has not read yet may: the node that takes the delivery
    /// knows what it calls the person.
    pub(crate) async fn queue_logout(
        &self,
        transaction: &mut Transaction,
        session: &Session,
        own: &ClientSession,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let client_sub = match self.client_of_login(&own.client_id) {
            Some(client) if client.backchannel_logout_uri.is_none() => return Ok(()),
            Some(client) => {
                self.subject_for(transaction, &client, &session.sub, now)
                    .await?
            }
            None => String::new(),
        };
        let delivery = Stored {
            id: random_base64url(RANDOM_BYTES)?,
            client_id: own.client_id.clone(),
            session_id: session.id.clone(),
            sub: session.sub.clone(),
            sid: own.sid.clone(),
            client_sub,
            attempts: 0,
            created_at: now,
            due_at: now,
            expires_at: now + self.lifetimes.logout_retry,
        };
        Ok(logout_delivery::insert(transaction, &delivery).await?)
    }

    /// Takes the deliveries that are due, each with a fresh token. `places` says how many a client
    /// may have; no client keeps another one's from being taken. They are this node's for a minute.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn take_logouts(
        &self,
        places: impl Fn(&str) -> u32 + Send + Sync,
    ) -> Result<Vec<LogoutDelivery>, Error> {
        let now = self.now();
        // Most of the time nothing is due, and nothing need wait for the writer.
        let mut reading = self.store.begin_read().await?;
        let clients = logout_delivery::list_due_clients(&mut reading, now).await?;
        drop(reading);
        let wanted: Vec<_> = clients
            .iter()
            .map(|client_id| (client_id, places(client_id)))
            .filter(|(_, count_max)| *count_max > 0)
            .collect();
        let mut deliveries = Vec::new();
        if wanted.is_empty() {
            return Ok(deliveries);
        }
        let mut taken = Vec::new();
        let mut transaction = self.store.begin().await?;
        for (client_id, count_max) in wanted {
            let due =
                logout_delivery::take_due(&mut transaction, client_id, now, now + LEASE, count_max);
            for stored in due.await? {
                taken.extend(self.address(&mut transaction, stored, now).await?);
            }
        }
        transaction.commit().await?;
        // Signing takes its time, and the database serves others meanwhile.
        for (client, uri, stored) in taken {
            deliveries.extend(self.prepare(&client, uri, stored, now));
        }
        Ok(deliveries)
    }

    /// Whom a delivery that was taken goes to, if it can go anywhere now.
    async fn address(
        &self,
        transaction: &mut Transaction,
        mut stored: Stored,
        now: OffsetDateTime,
    ) -> Result<Option<(Arc<Client>, String, Stored)>, Error> {
        let is_blind = stored.client_sub.is_empty();
        let client = self.clients.find(&stored.client_id);
        let uri = client
            .as_ref()
            .and_then(|it| it.backchannel_logout_uri.clone());
        match client.zip(uri) {
            Some((client, uri)) => {
                if is_blind {
                    stored.client_sub = self
                        .subject_for(transaction, &client, &stored.sub, now)
                        .await?;
                }
                return Ok(Some((client, uri, stored)));
            }
            // Queued by a node that did not know that it wants to hear nothing.
            None if is_blind && self.clients.find(&stored.client_id).is_some() => {
                logout_delivery::delete(transaction, &stored.id).await?;
            }
            // It is gone, or has no address left; or it is new, and this node has not read its
            // registration yet.
            None if stored.attempts < ATTEMPTS_UNKNOWN_MAX => {}
            None => {
                let why = Error::ClientUnknown;
                self.give_up(transaction, &stored, &why, now).await?;
            }
        }
        Ok(None)
    }

    /// Signs the token of one delivery.
    fn prepare(
        &self,
        client: &Client,
        uri: String,
        stored: Stored,
        now: OffsetDateTime,
    ) -> Option<LogoutDelivery> {
        match self.sign_logout_token(client, &stored.client_sub, &stored.sid, now) {
            Ok(logout_token) => Some(LogoutDelivery {
                client_id: stored.client_id.clone(),
                uri,
                registered_by: client.registered_by,
                logout_token,
                stored,
            }),
            // The others must not wait for the one whose key is missing.
            Err(error) => {
                tracing::error!(
                    code = error.code(),
                    client_id = stored.client_id,
                    "a client cannot be told of the end of a session yet"
                );
                None
            }
        }
    }

    /// Gives up the deliveries whose time is over, up to a bound: a client with more of them than
    /// it can be asked about must not fill the table.
    pub(crate) async fn give_up_expired(&self, now: OffsetDateTime) -> Result<(), Error> {
        let mut transaction = self.store.begin().await?;
        let long_ago = now - self.lifetimes.logout_retry;
        let expired =
            logout_delivery::list_expired(&mut transaction, now, long_ago, EXPIRED_MAX).await?;
        for stored in &expired {
            let why = Error::LogoutUndelivered;
            self.give_up(&mut transaction, stored, &why, now).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Puts on record what came of a delivery, and when it is tried again if it failed.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn finish_logout(
        &self,
        delivery: LogoutDelivery,
        outcome: DeliveryOutcome,
    ) -> Result<(), Error> {
        let now = self.now();
        let stored = delivery.stored;
        let mut transaction = self.store.begin().await?;
        match outcome {
            DeliveryOutcome::Delivered => {
                if logout_delivery::delete(&mut transaction, &stored.id).await? {
                    let kind = EventKind::LogoutDelivered {
                        sid: stored.sid.clone(),
                        attempts: stored.attempts,
                    };
                    self.record(&mut transaction, event_of(kind, &stored, now))
                        .await?;
                }
            }
            DeliveryOutcome::Refused => {
                self.give_up(&mut transaction, &stored, &Error::LogoutRefused, now)
                    .await?;
            }
            DeliveryOutcome::Failed => {
                let due_at = now + wait_after(stored.attempts)?;
                if due_at >= stored.expires_at {
                    self.give_up(&mut transaction, &stored, &Error::LogoutUndelivered, now)
                        .await?;
                } else {
                    let attempts = stored.attempts;
                    logout_delivery::put_off(&mut transaction, &stored.id, attempts, due_at)
                        .await?;
                }
            }
        }
        Ok(transaction.commit().await?)
    }

    async fn give_up(
        &self,
        transaction: &mut Transaction,
        stored: &Stored,
        why: &Error,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        if !logout_delivery::delete(transaction, &stored.id).await? {
            return Ok(());
        }
        let code = why.code();
        let kind = EventKind::LogoutUndelivered {
            code,
            sid: stored.sid.clone(),
            attempts: stored.attempts,
        };
        self.record(transaction, event_of(kind, stored, now))
            .await?;
        let client_id = stored.client_id.clone();
        transaction.after_commit(move || {
            tracing::error!(
                code,
                client_id,
                "a client was not told that a session is over, and will not be"
            );
        });
        Ok(())
    }
}

fn event_of(kind: EventKind, stored: &Stored, now: OffsetDateTime) -> Event {
    Event::new(kind, now)
        .of_session(&stored.session_id, &stored.sub)
        .of_client(&stored.client_id)
}
