//! The receiver of the long poll (RFC 8936).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use cardea_jose::random_base64url;
use reqwest::{Client, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::security_event::{Said, SecurityEvent, TYP};
use super::{StreamState, Told};
use crate::AccessError;
use crate::access_token::TokenRules;
use crate::clock::Clock;
use crate::http_client::exchange;
use crate::introspection::ClientCredentials;
use crate::jwks_source::JwksSource;
use crate::revoked_sessions::RevokedSessions;

/// The server answers within a second; more than this is silence.
const POLL_TIME: Duration = Duration::from_secs(3);
const SETS_MAX: usize = 100;
/// A hundred SETs with RSA signatures have a tenth of that.
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;
const SET_BYTES_MAX: usize = 16 * 1024;
/// A SET that is longer is complained of, but one that nobody can read would end the stream: all
/// that comes in one answer is read.
const LONG_SET_BYTES_MAX: usize = ANSWER_BYTES_MAX;
const TOO_LONG: &str = "invalid_request";
/// Pause after a poll that failed: 3 s of silence are too many already.
const RETRY: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// A poll that brings nothing and comes at once would be asked again without end.
const POLL_LEAST: Duration = Duration::from_millis(20);
/// Beyond the life of a token, for clocks and for what is on its way.
const KEPT_MARGIN_SECONDS: i64 = 60;
/// Signatures that are remembered: many more than a server tells before it hears of the first.
const SIGNATURES_MAX: usize = 1_024;
const NAME_RANDOM_BYTES: usize = 16;

/// Polls as long as the guard runs.
pub(crate) struct Receiver {
    pub(crate) http: Client,
    pub(crate) keys: Arc<JwksSource>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) credentials: Arc<ClientCredentials>,
    pub(crate) rules: Arc<TokenRules>,
    pub(crate) state: Arc<StreamState>,
    pub(crate) revoked: Arc<RevokedSessions>,
    pub(crate) told: Arc<Told>,
}

/// The answer of RFC 8936 section 2.3.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    sets: BTreeMap<String, String>,
    #[serde(default)]
    more_available: bool,
}

/// What this process knows of its stream: a name that nobody used before, since what an older
/// process acknowledged does not come again.
struct Stream {
    name: String,
    highest: u64,
    last_heartbeat: i64,
    ack: Vec<String>,
    /// What was not as it should be, for the issuer (RFC 8936 section 2.4).
    set_errors: Map<String, Value>,
    /// Signatures that were told already: one whose acknowledgement is lost comes again, and must
    /// not answer a question that was asked since.
    signatures: VecDeque<String>,
}

impl Stream {
    fn new() -> Result<Self, AccessError> {
        let random = random_base64url(NAME_RANDOM_BYTES).map_err(AccessError::CryptoFailed)?;
        Ok(Self {
            name: format!("guard-{random}"),
            highest: 0,
            last_heartbeat: i64::MIN,
            ack: Vec::new(),
            set_errors: Map::new(),
            signatures: VecDeque::new(),
        })
    }
}

impl Stream {
    fn is_first_time(&mut self, jti: &str) -> bool {
        if self.signatures.iter().any(|known| known == jti) {
            return false;
        }
        if self.signatures.len() >= SIGNATURES_MAX {
            self.signatures.pop_front();
        }
        self.signatures.push_back(jti.to_owned());
        true
    }
}

impl Receiver {
    pub(crate) async fn run(self) {
        let mut pause = RETRY;
        loop {
            let error = match Stream::new() {
                Ok(mut stream) => self.follow(&mut stream, &mut pause).await,
                Err(error) => error,
            };
            // What cannot be read leaves nobody knowing what it said: another stream begins.
            self.state.distrust(&error);
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(RETRY_MAX);
        }
    }

    /// Polls one stream until something comes that can't be believed.
    async fn follow(&self, stream: &mut Stream, pause: &mut Duration) -> AccessError {
        loop {
            let began = Instant::now();
            match self.poll(stream).await {
                Ok(is_whole) => {
                    *pause = RETRY;
                    let spent = began.elapsed();
                    if is_whole && spent < POLL_LEAST {
                        sleep(POLL_LEAST.saturating_sub(spent)).await;
                    }
                }
                // Nothing was acknowledged that did not arrive: it comes again.
                Err(error @ (AccessError::IssuerUnreachable { .. } | AccessError::NotReady)) => {
                    self.state.lose(&error);
                    sleep(*pause).await;
                    *pause = pause.saturating_mul(2).min(RETRY_MAX);
                }
                Err(error) => return error,
            }
        }
    }

    /// One poll; whether all that there was has come.
    async fn poll(&self, stream: &mut Stream) -> Result<bool, AccessError> {
        let asked_at = Instant::now();
        let answer = self.ask(stream).await?;
        stream.ack.clear();
        stream.set_errors.clear();
        if answer.sets.len() > SETS_MAX {
            return Err(AccessError::SecurityEventInvalid {
                reason: "more came than was asked for",
            });
        }
        let mut heartbeat = None;
        let mut invalid = None;
        for (jti, set) in answer.sets {
            match self.take(stream, &set).await {
                // It is what the issuer has signed, and counts; but the next one may be longer.
                Ok(None) if set.len() > SET_BYTES_MAX => {
                    warn!(bytes = set.len(), "an event of the issuer is too long");
                    let error = json!({"err": TOO_LONG, "description": "it is too long"});
                    stream.set_errors.insert(jti, error);
                }
                Ok(None) => stream.ack.push(jti),
                Ok(Some(beat)) => heartbeat = Some(beat),
                // Of a key that is not known yet, or of no key: the rest is taken in before.
                Err(error) => invalid = Some(error),
            }
        }
        if let Some(error) = invalid {
            return Err(error);
        }
        let Some((event, since)) = heartbeat.filter(|_| !answer.more_available) else {
            return Ok(!answer.more_available);
        };
        self.check_heartbeat(stream, &event)?;
        stream.last_heartbeat = event.iat;
        self.state.hear(since, asked_at);
        Ok(true)
    }

    async fn ask(&self, stream: &Stream) -> Result<Answer, AccessError> {
        let endpoints = self.keys.endpoints().ok_or(AccessError::NotReady)?;
        let url = endpoints.poll_endpoint.clone();
        let url = url.ok_or_else(|| AccessError::IssuerUnreachable {
            reason: "it names no event stream".to_owned(),
        })?;
        let mut body = json!({
            "stream": stream.name,
            "maxEvents": SETS_MAX,
            "returnImmediately": false,
            "ack": stream.ack,
        });
        let now = self.clock.unix_seconds();
        if let Some(members) = body.as_object_mut() {
            for (name, value) in self.credentials.form(&self.rules.issuer, now)? {
                members.insert(name.to_owned(), value.into());
            }
            if !stream.set_errors.is_empty() {
                members.insert("setErrs".to_owned(), stream.set_errors.clone().into());
            }
        }
        let mut request = self.http.post(url).json(&body);
        if let Some(basic) = self.credentials.basic() {
            request = request.header(header::AUTHORIZATION, basic);
        }
        let answer = exchange(request, POLL_TIME, ANSWER_BYTES_MAX).await?;
        if !answer.status.is_success() {
            return Err(AccessError::IssuerUnreachable {
                reason: format!("event stream: {}", answer.status),
            });
        }
        serde_json::from_slice(&answer.body).map_err(|_| AccessError::IssuerAnswerInvalid {
            reason: "it is no answer of an event stream",
        })
    }

    /// Takes one SET in, and gives it back where it is a heartbeat.
    async fn take(
        &self,
        stream: &mut Stream,
        set: &str,
    ) -> Result<Option<(SecurityEvent, i64)>, AccessError> {
        let invalid = |reason| AccessError::SecurityEventInvalid { reason };
        let verified = self
            .keys
            .verify(set, LONG_SET_BYTES_MAX, TYP, &self.rules.algorithms)
            .await?;
        let event: SecurityEvent = verified.claims().map_err(|_| invalid("it lacks a claim"))?;
        if event.iss != self.rules.issuer || event.aud != self.credentials.client_id() {
            return Err(invalid("it is for another"));
        }
        let now = self.clock.unix_seconds();
        match event.said()? {
            Said::Heartbeat { since } => return Ok(Some((event, since))),
            Said::Ended(ended) => {
                let life = self.rules.lifetime_seconds_max;
                let until = now
                    .max(event.iat)
                    .saturating_add(life + KEPT_MARGIN_SECONDS);
                self.revoked.note(ended, until, now);
            }
            Said::FreshSignature {
                subject,
                session,
                signature,
            } => {
                if stream.is_first_time(&event.jti)
                    && let Some(guard) = self.told.get()
                {
                    let heard = guard.hear_signature(&subject, Some(&session), signature);
                    heard.await;
                }
            }
            Said::Stop(news) => self.told.tell(news).await,
            Said::Other => {}
        }
        stream.highest = stream.highest.max(event.sequence);
        Ok(None)
    }

    /// A heartbeat is of now, later than the one before, and speaks of nothing that did not come.
    fn check_heartbeat(&self, stream: &Stream, event: &SecurityEvent) -> Result<(), AccessError> {
        let limit = self.rules.clock_skew_seconds.saturating_add(3);
        let age = self.clock.unix_seconds().saturating_sub(event.iat);
        if age.saturating_abs() > limit || event.iat < stream.last_heartbeat {
            return Err(AccessError::HeartbeatLate);
        }
        if event.sequence > stream.highest {
            return Err(AccessError::EventStreamGap);
        }
        Ok(())
    }
}
