//! Security events that are pushed (RFC 8935): the portals and resource servers with an
//! `event_push_uri`, what waits for each, and what came of telling it.
//!
//! What is told is written where sessions and tokens end, as for receivers that ask
//! ([`crate::security_events`]). A pushed stream is kept as long as any node knows that its client
//! wants it; who is told what and by which names is decided as for a poll.

use std::sync::Arc;

use cardea_jose::random_base64url;
use cardea_storage::Transaction;
use cardea_storage::event_push::{
    LatePush, PushStream, PushedEvent, STREAM_NAME, WaitingPushes, begin_stream, count_waiting,
    drop_oldest, list_due_streams, list_late, list_streams, put_off, take_due,
};
use cardea_storage::security_event::acknowledge;
use time::OffsetDateTime;

use crate::client::EventPush;
use crate::event::{Event, EventKind, EventsOutEvent};
use crate::retry::{LEASE, wait_after};
use crate::secret::RANDOM_BYTES;
use crate::{Client, Error, Provider, RegisteredBy};

/// Events that wait for one receiver; beyond, the oldest give way.
const WAITING_MAX: u32 = 10_000;
/// Events that are given up in one transaction.
const LATE_MAX: u32 = 1000;
/// Longest word of a receiver's that is put on record.
const ERR_BYTES_MAX: usize = 64;

/// One security event to post to a receiver.
#[derive(Clone, Debug)]
pub struct PushDelivery {
    /// The receiver.
    pub client_id: String,
    /// Where, and with which header.
    pub push: EventPush,
    /// Whether it may lead into networks of the operator's (attack H4).
    pub registered_by: RegisteredBy,
    /// The SET, the whole body.
    pub set: String,
    stored: PushedEvent,
}

/// What came of telling a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// It has taken the event (status 202).
    Acknowledged,
    /// It has refused it for good (status 400 with an error code, section 2.3).
    Refused {
        /// Its error code.
        err: String,
        /// What it says beside.
        description: String,
    },
    /// Anything else: no answer, a redirect, a fault of its own. It is tried again.
    Failed,
}

impl Provider {
    /// Begins the streams of clients that want to be told, has those that there are hear of what
    /// their clients are now, and notes that somebody knows them: a stream that nobody knows is
    /// forgotten by the sweep. Call it before the first session ends, and every few seconds.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::Jose`].
    pub async fn follow_push_streams(&self) -> Result<(), Error> {
        let clients = self.clients.all();
        let wanting: Vec<_> = clients
            .values()
            .filter(|it| it.event_push.is_some())
            .collect();
        if wanting.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        for client in wanting {
            let stream = PushStream {
                id: random_base64url(RANDOM_BYTES)?,
                client_id: client.client_id.clone(),
                resources: match client.event_stream {
                    true => self.resources_of(client),
                    false => Vec::new(),
                },
            };
            if begin_stream(&mut transaction, &stream, now).await? {
                let kind = EventKind::EventStreamBegun {
                    stream: STREAM_NAME.to_owned(),
                };
                let event = Event::new(kind, now).of_client(&client.client_id);
                self.record(&mut transaction, event).await?;
            }
        }
        Ok(transaction.commit().await?)
    }

    /// What waits to be pushed, on all nodes.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn waiting_pushes(&self) -> Result<WaitingPushes, Error> {
        let mut reading = self.store.begin_read().await?;
        Ok(count_waiting(&mut reading).await?)
    }

    /// Takes the events that are due, each as a signed SET. `places` says how many a receiver may
    /// have; no receiver keeps another one's from being taken. They are this node's for a minute.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn take_pushes(
        &self,
        places: impl Fn(&str) -> u32 + Send + Sync,
    ) -> Result<Vec<PushDelivery>, Error> {
        let now = self.now();
        // Most of the time nothing is due, and nothing need wait for the writer.
        let mut reading = self.store.begin_read().await?;
        let streams = list_due_streams(&mut reading, now).await?;
        drop(reading);
        let mut wanted = Vec::new();
        for stream in streams {
            let client = self.clients.find(&stream.client_id);
            // This node may not have read its registration yet; what is late is given up.
            let Some(client) = client.filter(|it| it.event_push.is_some()) else {
                continue;
            };
            let count_max = places(&stream.client_id);
            if count_max > 0 {
                wanted.push((stream, client, count_max));
            }
        }
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut taken = Vec::new();
        let mut transaction = self.store.begin().await?;
        for (stream, client, count_max) in wanted {
            let until = (now, now + LEASE);
            for stored in take_due(&mut transaction, &stream.id, until, count_max).await? {
                let sub = self.name_in_tokens(&mut transaction, &stored.event).await?;
                taken.push((Arc::clone(&client), stored, sub));
            }
        }
        transaction.commit().await?;
        // Signing takes its time, and the database serves others meanwhile.
        let prepared = taken
            .into_iter()
            .filter_map(|(client, stored, sub)| self.prepare_push(&client, stored, sub, now));
        Ok(prepared.collect())
    }

    fn prepare_push(
        &self,
        client: &Client,
        stored: PushedEvent,
        sub: Option<String>,
        now: OffsetDateTime,
    ) -> Option<PushDelivery> {
        match self.sign_event(client, &stored.event, sub.as_deref(), now) {
            Ok(set) => Some(PushDelivery {
                client_id: client.client_id.clone(),
                push: client.event_push.clone()?,
                registered_by: client.registered_by,
                set,
                stored,
            }),
            // The others must not wait for the one whose key is missing.
            Err(error) => {
                tracing::error!(
                    code = error.code(),
                    client_id = client.client_id,
                    "a receiver cannot be told of a security event yet"
                );
                None
            }
        }
    }

    /// Puts on record what came of an event, and when it is tried again if it failed.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn finish_push(
        &self,
        delivery: PushDelivery,
        outcome: PushOutcome,
    ) -> Result<(), Error> {
        let now = self.now();
        let PushedEvent {
            event,
            stream_id,
            attempts,
            give_up_at,
        } = delivery.stored;
        let late = LatePush {
            jti: event.jti,
            stream_id,
            client_id: delivery.client_id,
            attempts,
        };
        let mut transaction = self.store.begin().await?;
        match outcome {
            PushOutcome::Acknowledged => {
                acknowledge(&mut transaction, &late.stream_id, &late.jti).await?;
                // A power cut that takes this back has the event told once more.
                return Ok(transaction.commit_with_the_next().await?);
            }
            PushOutcome::Refused { err, description } => {
                tracing::warn!(
                    client_id = late.client_id,
                    jti = late.jti,
                    err,
                    description,
                    "a receiver has refused a security event"
                );
                let kind = EventsOutEvent::PushRefused {
                    code: Error::EventPushRefused.code(),
                    jti: late.jti.clone(),
                    err: bounded_word(&err),
                    attempts,
                };
                self.end_push(&mut transaction, &late, kind, now).await?;
            }
            PushOutcome::Failed => {
                let due_at = now + wait_after(attempts)?;
                if due_at >= give_up_at {
                    let kind = undelivered(&late);
                    self.end_push(&mut transaction, &late, kind, now).await?;
                } else {
                    put_off(&mut transaction, &late.jti, attempts, due_at).await?;
                }
            }
        }
        Ok(transaction.commit().await?)
    }

    /// Gives up the events whose time is over, and the oldest where too many wait for one receiver.
    pub(crate) async fn give_up_pushes(&self, now: OffsetDateTime) -> Result<(), Error> {
        let mut reading = self.store.begin_read().await?;
        let streams = list_streams(&mut reading).await?;
        drop(reading);
        if streams.is_empty() {
            return Ok(());
        }
        let mut transaction = self.store.begin().await?;
        for late in list_late(&mut transaction, now, LATE_MAX).await? {
            self.end_push(&mut transaction, &late, undelivered(&late), now)
                .await?;
        }
        for stream in streams {
            let events = drop_oldest(&mut transaction, &stream.id, WAITING_MAX).await?;
            if events > 0 {
                let code = Error::EventPushesExceeded.code();
                let client_id = stream.client_id;
                let kind = EventsOutEvent::PushDropped { code, events };
                let event = Event::new(kind, now).of_client(&client_id);
                self.record(&mut transaction, event).await?;
                transaction.after_commit(move || {
                    tracing::error!(code, client_id, events, "a receiver is not told any more");
                });
            }
        }
        Ok(transaction.commit().await?)
    }

    /// Takes an event off its stream for good, on record.
    async fn end_push(
        &self,
        transaction: &mut Transaction,
        late: &LatePush,
        kind: EventsOutEvent,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        if !acknowledge(transaction, &late.stream_id, &late.jti).await? {
            return Ok(());
        }
        let event = Event::new(kind, now).of_client(&late.client_id);
        let code = event.kind.code();
        self.record(transaction, event).await?;
        let client_id = late.client_id.clone();
        transaction.after_commit(move || {
            tracing::error!(
                code,
                client_id,
                "a receiver was not told of a security event, and will not be"
            );
        });
        Ok(())
    }
}

fn undelivered(late: &LatePush) -> EventsOutEvent {
    EventsOutEvent::PushUndelivered {
        code: Error::EventPushUndelivered.code(),
        jti: late.jti.clone(),
        attempts: late.attempts,
    }
}

/// A receiver's word, as far as it is one.
fn bounded_word(err: &str) -> String {
    let is_word =
        |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.' | ':' | '/');
    let word: String = err
        .chars()
        .filter(|it| is_word(*it))
        .take(ERR_BYTES_MAX)
        .collect();
    match word.is_empty() {
        true => "unnamed".to_owned(),
        false => word,
    }
}

#[cfg(test)]
mod tests {
    use super::bounded_word;

    #[test]
    fn what_a_receiver_says_stands_on_record_as_a_short_word() {
        assert_eq!(bounded_word("invalid_key"), "invalid_key");
        assert_eq!(bounded_word("<b>Mme\u{a0}X</b>\n"), "bMmeX/b");
        assert_eq!(bounded_word("\n"), "unnamed");
        assert_eq!(bounded_word(&"x".repeat(1000)).len(), 64);
    }
}
