//! The event stream: resource servers hear within a second that a session or a token is over.
//!
//! What is to be told is written where tokens are taken back (`storage::security_event`). Here is
//! decided who may listen, and what an event says: a receiver hears of tokens for its own
//! resource servers, by the names that stand in those tokens. A guard hears beside which accounts
//! are stopped at them (`guard_reports`).
//!
//! A stream is whole from its beginning on. Who has come late, or was away, is told from when on
//! (`since`), and asks about whatever is older.

mod request;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;

use cardea_jose::random_base64url;
use cardea_storage::Transaction;
use cardea_storage::security_event::{
    self, SecurityEvent, Stream, acknowledge, backlog, begin, count_streams, find,
    forget_longest_unused, list_pending, note_poll,
};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use self::token::{SECURITY_EVENT_TYP, SecurityEventClaims, events_of, subject_of, verification};
use crate::client_authentication::ClientCredentials;
use crate::event::{Event, EventKind};
use crate::secret::RANDOM_BYTES;
use crate::{Client, Error, Provider, TokenError};

pub use request::EventPoll;

/// How often it is noted that a stream is in use.
const POLL_NOTED_EVERY: Duration = Duration::seconds(10);
/// A stream that was not asked for so long begins anew. Longer than access tokens live and events
/// are kept, and shorter than the time after which the sweep forgets it.
const UNUSED_MAX: Duration = Duration::minutes(10);
/// After so long a stream and what waits for it is forgotten.
pub(crate) const FORGOTTEN_AFTER: Duration = Duration::minutes(15);
/// From when on a stream is whole, counted from its beginning: a session's end that began before
/// did not see the stream, and nodes' clocks differ.
const WHOLE_AFTER: Duration = Duration::seconds(10);
/// Streams of one receiver.
const STREAMS_MAX: i64 = 16;
/// A stream that was not asked for so long makes room for another one.
const MAKES_ROOM_AFTER: Duration = Duration::minutes(1);

/// A receiver's stream that was asked for.
#[derive(Debug)]
pub struct EventStream {
    client: Arc<Client>,
    stream: Stream,
    events_max: u32,
}

/// What is answered (RFC 8936 section 2.3).
#[derive(Debug, Serialize)]
pub struct PolledEvents {
    sets: BTreeMap<String, String>,
    #[serde(rename = "moreAvailable")]
    more_available: bool,
}

/// Events that were read, and not signed yet.
#[derive(Debug)]
pub struct WaitingEvents {
    events: Vec<(SecurityEvent, Option<String>)>,
    more_available: bool,
    sequence: i64,
}

impl WaitingEvents {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

impl EventStream {
    /// Whose it is.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client.client_id
    }
}

impl PolledEvents {
    /// The SETs, by their `jti`.
    #[must_use]
    pub fn sets(&self) -> &BTreeMap<String, String> {
        &self.sets
    }
}

impl Provider {
    /// Lets a receiver in, takes what it acknowledges off its stream, and begins the stream where
    /// there is none, or none that is whole.
    ///
    /// # Errors
    /// [`TokenError`] when the caller does not prove itself or is no receiver,
    /// [`Error::EventStreamsExceeded`].
    pub async fn open_event_stream(
        &self,
        credentials: &ClientCredentials,
        poll: &EventPoll,
    ) -> Result<EventStream, TokenError> {
        let now = self.now();
        let client = self.authenticate_caller(credentials, now).await?;
        if !client.event_stream || !client.is_confidential() {
            let error = Error::EventStreamNotAllowed;
            return Err(self.refuse_lookup(Some(&client), error, now).await);
        }
        let stream = self.take_stream(&client, poll, now).await?;
        Ok(EventStream {
            client,
            stream,
            events_max: poll.events_max,
        })
    }

    /// Reads what waits for a stream.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn waiting_events(&self, open: &EventStream) -> Result<WaitingEvents, Error> {
        let mut transaction = self.store.begin_read().await?;
        let waiting = backlog(&mut transaction, &open.stream.id).await?;
        let listed = if waiting.events == 0 || open.events_max == 0 {
            Vec::new()
        } else {
            list_pending(&mut transaction, &open.stream.id, open.events_max).await?
        };
        let more_available =
            i64::try_from(listed.len()).is_ok_and(|listed| listed < waiting.events);
        let mut events = Vec::with_capacity(listed.len());
        for event in listed {
            let sub = match &event.stop {
                Some(stop) => Some(stop.subject.clone()),
                None => self.name_in_tokens(&mut transaction, &event).await?,
            };
            events.push((event, sub));
        }
        Ok(WaitingEvents {
            events,
            more_available,
            sequence: waiting.sequence.max(open.stream.sequence),
        })
    }

    /// Signs an answer: what waits, and a heartbeat where there is place for it.
    ///
    /// # Errors
    /// [`Error::SignerUnavailable`], [`Error::Jose`].
    pub fn sign_events(
        &self,
        open: &EventStream,
        waiting: &WaitingEvents,
    ) -> Result<PolledEvents, Error> {
        let now = self.now();
        let mut sets = BTreeMap::new();
        for (event, sub) in &waiting.events {
            let set = self.sign_event(&open.client, event, sub.as_deref(), now)?;
            sets.insert(event.jti.clone(), set);
        }
        let has_place = u32::try_from(sets.len()).is_ok_and(|count| count < open.events_max);
        if has_place {
            let jti = random_base64url(RANDOM_BYTES)?;
            let since = open.stream.begun_at + WHOLE_AFTER;
            let claims = SecurityEventClaims {
                sequence: waiting.sequence,
                since: Some(since.unix_timestamp()),
                sub_id: serde_json::json!({"format": "opaque", "id": open.stream.id}),
                events: verification(),
                ..self.claims_of(&open.client, &jti, now)
            };
            sets.insert(jti.clone(), self.sign_set(&open.client, &claims, now)?);
        }
        Ok(PolledEvents {
            sets,
            more_available: waiting.more_available,
        })
    }

    /// The SET of an event, for a receiver that asks or one that is pushed to.
    pub(crate) fn sign_event(
        &self,
        client: &Client,
        event: &SecurityEvent,
        sub: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<String, Error> {
        let claims = SecurityEventClaims {
            sequence: event.sequence,
            since: None,
            txn: event.txn.as_deref(),
            sub_id: subject_of(event, self.issuer.as_str(), sub),
            events: events_of(event),
            ..self.claims_of(client, &event.jti, now)
        };
        self.sign_set(client, &claims, now)
    }

    fn claims_of<'a>(
        &'a self,
        client: &'a Client,
        jti: &'a str,
        now: OffsetDateTime,
    ) -> SecurityEventClaims<'a> {
        SecurityEventClaims {
            iss: self.issuer.as_str(),
            aud: &client.client_id,
            iat: now.unix_timestamp(),
            jti,
            sequence: 0,
            since: None,
            txn: None,
            sub_id: serde_json::Value::Null,
            events: serde_json::Map::new(),
            test: self.test_claim(),
        }
    }

    fn sign_set(
        &self,
        client: &Client,
        claims: &SecurityEventClaims<'_>,
        now: OffsetDateTime,
    ) -> Result<String, Error> {
        let keys = self.keys();
        let registered = client.introspection_signed_response_alg;
        // A portal that is told checks one more token by the algorithm of those that it has.
        let otherwise = match client.event_push {
            Some(_) => client.id_token_signed_response_alg,
            None => self.rules.default_algorithm,
        };
        let key = keys.signing(registered.unwrap_or(otherwise), now)?;
        Ok(key.sign_jwt(SECURITY_EVENT_TYP, claims)?)
    }

    /// The receiver's stream by the name that it asks for, with what it acknowledged taken off.
    async fn take_stream(
        &self,
        client: &Client,
        poll: &EventPoll,
        now: OffsetDateTime,
    ) -> Result<Stream, Error> {
        let resources = self.resources_of(client);
        let mut reading = self.store.begin_brief_read().await?;
        let found = find(&mut reading, &client.client_id, &poll.stream).await?;
        drop(reading);
        let is_whole = |it: &Stream| {
            it.resources == resources
                && it.hears_stops == client.guard
                && now - it.polled_at <= UNUSED_MAX
        };
        let Some(stream) = found.filter(is_whole) else {
            return self.begin_stream(client, poll, resources, now).await;
        };
        let has_acknowledged = !poll.acknowledged.is_empty() || !poll.refused.is_empty();
        if !has_acknowledged && now - stream.polled_at < POLL_NOTED_EVERY {
            return Ok(stream);
        }
        let mut transaction = self.store.begin().await?;
        note_poll(&mut transaction, &stream.id, now).await?;
        for jti in &poll.acknowledged {
            acknowledge(&mut transaction, &stream.id, jti).await?;
        }
        for refused in &poll.refused {
            if acknowledge(&mut transaction, &stream.id, &refused.jti).await? {
                tracing::warn!(
                    client_id = client.client_id,
                    jti = refused.jti,
                    err = refused.err,
                    description = refused.description,
                    "a receiver has refused a security event"
                );
            }
        }
        let own = find(&mut transaction, &client.client_id, &poll.stream).await?;
        // A power cut that takes this back has the events told once more.
        transaction.commit_with_the_next().await?;
        Ok(own.unwrap_or(stream))
    }

    async fn begin_stream(
        &self,
        client: &Client,
        poll: &EventPoll,
        resources: Vec<String>,
        now: OffsetDateTime,
    ) -> Result<Stream, Error> {
        let mut transaction = self.store.begin().await?;
        let own = find(&mut transaction, &client.client_id, &poll.stream).await?;
        let count = count_streams(&mut transaction, &client.client_id).await?;
        if own.is_none() && count >= STREAMS_MAX {
            let unused = now - MAKES_ROOM_AFTER;
            if !forget_longest_unused(&mut transaction, &client.client_id, unused).await? {
                return Err(Error::EventStreamsExceeded);
            }
        }
        let stream = Stream {
            id: random_base64url(RANDOM_BYTES)?,
            client_id: client.client_id.clone(),
            name: poll.stream.clone(),
            resources,
            begun_at: now,
            polled_at: now,
            sequence: 0,
            hears_stops: client.guard,
        };
        begin(&mut transaction, &stream).await?;
        let kind = EventKind::EventStreamBegun {
            stream: stream.name.clone(),
        };
        let event = Event::new(kind, now).of_client(&client.client_id);
        self.record(&mut transaction, event).await?;
        // Durable before the receiver relies on it.
        transaction.commit().await?;
        Ok(stream)
    }

    /// The resource servers of a receiver as tokens have them: one that names no resource is for
    /// the issuer.
    pub(crate) fn resources_of(&self, client: &Client) -> Vec<String> {
        let own = client.resource_server_of.iter();
        let mut resources: Vec<String> = own.cloned().collect();
        if resources.iter().any(|it| it == self.issuer.as_str()) {
            resources.push(String::new());
        }
        resources
    }

    /// What the tokens that an event is about call their subject: the name that their client has
    /// for the person. None where that client is gone.
    pub(crate) async fn name_in_tokens(
        &self,
        transaction: &mut Transaction,
        event: &SecurityEvent,
    ) -> Result<Option<String>, Error> {
        match (self.client_of_login(&event.client_id), &event.sub) {
            (Some(client), Some(sub)) => self.known_subject(transaction, &client, sub).await,
            _ => Ok(None),
        }
    }

    /// What waits for all receivers together, for the metrics.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn event_backlog(&self) -> Result<security_event::Backlog, Error> {
        let mut transaction = self.store.begin_read().await?;
        Ok(security_event::backlog_of_all(&mut transaction).await?)
    }
}
