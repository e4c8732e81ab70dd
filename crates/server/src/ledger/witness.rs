//! One witness: a program of others that remembers how far the log had grown, and cosigns only
//! what goes on from there (C2SP tlog-witness).

use std::time::Duration;

use cardea_ledger::consistency;
use cardea_storage::Store;
use cardea_transparency::{AddCheckpoint, Note, NoteSignature, VerifierKey};
use reqwest::{StatusCode, Url};
use tokio::time::Instant;

use crate::config::LedgerWitnessConfig;
use crate::http_client::{Budget, HttpClient};

const BUDGET: Budget = Budget {
    time: Duration::from_secs(5),
    bytes_max: 16 * 1024,
};
/// Questions about one checkpoint: one more where the witness knows the log at another size.
const QUESTIONS_MAX: usize = 2;
/// The first wait after a failure; each further one is twice as long.
const WAIT: Duration = Duration::from_secs(5);
const WAIT_MAX: Duration = Duration::from_secs(5 * 60);
/// A log in which nothing happens is cosigned anew so often: agents take the time of a cosignature
/// for the time at which its witness last saw the log.
pub(super) const RENEWED_EVERY: Duration = Duration::from_secs(3600);
/// A witness's clock that is off by more is told of.
const CLOCK_OFF_SECONDS: u64 = 600;

/// A witness, and how it last went with it.
pub(super) struct Witness {
    url: Url,
    key: VerifierKey,
    /// The size that it cosigned last, as far as this node knows; it says so where it is another.
    known: u64,
    /// When this node had a cosignature of it.
    cosigned_at: Option<Instant>,
    failures: u32,
    not_before: Option<Instant>,
    failed: Option<&'static str>,
    is_clock_off: bool,
}

/// Why a witness has not cosigned. Each has a code of its own, which stands in the log alone.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// There is no answer, or one that says to come again.
    #[error("it cannot be asked: {reason}")]
    Unreachable { reason: String },
    /// It does not know the log, or this is not the log that it knows.
    #[error("it refuses the checkpoint: {reason}")]
    Refused { reason: String },
    /// It knows more of the log than there is.
    #[error("it knows {known} entries, and there are {size}: the database was put back")]
    Ahead { known: u64, size: u64 },
    /// The proof cannot be made.
    #[error("this log gives no proof for it")]
    Unproven(#[source] cardea_ledger::Error),
}

impl Refusal {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "server.witness_unreachable",
            Self::Refused { .. } => "server.witness_refused",
            Self::Ahead { .. } => "server.witness_ahead",
            Self::Unproven(source) => source.code(),
        }
    }
}

/// What a witness answers.
enum Answered {
    /// The line, and the time in it.
    Cosigned(NoteSignature, u64),
    KnownAt(u64),
}

impl Witness {
    pub(super) fn new(config: &LedgerWitnessConfig) -> Self {
        Self {
            url: config.url.add_checkpoint(),
            key: config.verifier_key.key().clone(),
            known: 0,
            cosigned_at: None,
            failures: 0,
            not_before: None,
            failed: None,
            is_clock_off: false,
        }
    }

    pub(super) fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Whether it is asked now: after failures it is left alone for a while.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|it| it <= now)
    }

    /// Whether what it cosigned last, as far as this node knows, is long ago.
    pub(super) fn is_to_renew(&self, now: Instant) -> bool {
        let renewed = self.cosigned_at;
        renewed.is_none_or(|it| now.saturating_duration_since(it) >= RENEWED_EVERY)
    }

    /// Whether it says that this is not the log that it knows.
    pub(super) fn has_refused(&self) -> bool {
        let grave = ["server.witness_refused", "server.witness_ahead"];
        self.failed.is_some_and(|it| grave.contains(&it))
    }

    /// Notes how it went, and tells an operator once of each kind of failure.
    pub(super) fn note(&mut self, outcome: Result<(), &Refusal>, now: Instant) {
        let Err(refusal) = outcome else {
            if self.failed.take().is_some() {
                tracing::info!(witness = %self.key.name(), "a witness cosigns again");
            }
            self.failures = 0;
            self.not_before = None;
            self.cosigned_at = Some(now);
            return;
        };
        let wait = WAIT
            .saturating_mul(1 << self.failures.min(10))
            .min(WAIT_MAX);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + wait);
        let code = refusal.code();
        if self.failed.replace(code) == Some(code) {
            return;
        }
        let witness = self.key.name();
        match self.has_refused() {
            true => tracing::error!(code, %witness, reason = %refusal, "a witness refuses the log"),
            false => tracing::warn!(code, %witness, reason = %refusal, "a witness is silent"),
        }
    }

    /// Tells an operator once that what it takes for the time is something else here.
    pub(super) fn note_clock(&mut self, at: u64, now: i64) {
        let at = i64::try_from(at).unwrap_or(i64::MAX);
        let was_off = self.is_clock_off;
        self.is_clock_off = at.abs_diff(now) > CLOCK_OFF_SECONDS;
        if self.is_clock_off && !was_off {
            tracing::warn!(
                witness = %self.key.name(),
                ahead_seconds = at.saturating_sub(now),
                "a witness's clock is off, and agents go by it"
            );
        }
    }

    /// Has it cosign a note of so many entries; the line, verified, and its time.
    pub(super) async fn cosign(
        &mut self,
        (http, store): (&HttpClient, &Store),
        size: u64,
        note: &Note,
    ) -> Result<(NoteSignature, u64), Refusal> {
        let mut old = self.known.min(size);
        for _ in 0..QUESTIONS_MAX {
            match self.ask((http, store), (old, size), note).await? {
                Answered::Cosigned(signature, at) => {
                    self.known = size;
                    return Ok((signature, at));
                }
                Answered::KnownAt(known) if known > size => {
                    return Err(Refusal::Ahead { known, size });
                }
                Answered::KnownAt(known) => {
                    self.known = known;
                    old = known;
                }
            }
        }
        refused("it knows another log of this size")
    }

    async fn ask(
        &self,
        (http, store): (&HttpClient, &Store),
        (old, size): (u64, u64),
        note: &Note,
    ) -> Result<Answered, Refusal> {
        let request = request_of(store, (old, size), note).await;
        let request = request.map_err(Refusal::Unproven)?;
        let body = request.to_string().into_bytes();
        let answer = http
            .post(self.url.clone(), "text/plain; charset=utf-8", body, BUDGET)
            .await
            .map_err(|error| Refusal::Unreachable {
                reason: error.to_string(),
            })?;
        let text = std::str::from_utf8(&answer.body).unwrap_or_default();
        match answer.status {
            StatusCode::OK => self.verified(text, note),
            StatusCode::CONFLICT => match text.trim_end().parse() {
                Ok(known) => Ok(Answered::KnownAt(known)),
                Err(_) => refused("it does not say which size it knows"),
            },
            StatusCode::BAD_REQUEST => refused("it does not understand the request"),
            StatusCode::FORBIDDEN => refused("it knows the log by another key"),
            StatusCode::NOT_FOUND => refused("it does not watch this log"),
            StatusCode::UNPROCESSABLE_ENTITY => {
                refused("what it knows is not the beginning of this log")
            }
            status => Err(Refusal::Unreachable {
                reason: format!("it answers with status {}", status.as_u16()),
            }),
        }
    }

    /// The line of its key out of an answer, if it signs this very note.
    fn verified(&self, lines: &str, note: &Note) -> Result<Answered, Refusal> {
        let mut lines = lines.lines().filter_map(|it| NoteSignature::parse(it).ok());
        let Some(signature) = lines.find(|it| it.is_of(&self.key)) else {
            return refused("its answer bears no signature of its key");
        };
        let mut signed = note.only(&[]);
        let keys = std::slice::from_ref(&self.key);
        let added = signed.add(signature.clone());
        let verified = added.and_then(|()| signed.verify(keys));
        let at = verified.ok().and_then(|it| it.first()?.timestamp);
        match at {
            Some(at) => Ok(Answered::Cosigned(signature, at)),
            None => refused("its signature is wrong"),
        }
    }
}

async fn request_of(
    store: &Store,
    (old, size): (u64, u64),
    note: &Note,
) -> Result<AddCheckpoint, cardea_ledger::Error> {
    let mut reading = store.begin_read().await?;
    let proof = consistency(&mut reading, old, size).await?;
    Ok(AddCheckpoint::new(old, proof, note.clone())?)
}

fn refused<T>(reason: &str) -> Result<T, Refusal> {
    Err(Refusal::Refused {
        reason: reason.to_owned(),
    })
}
