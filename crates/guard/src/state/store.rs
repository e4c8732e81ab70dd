//! The accounts' journals in Redis: for each subject a checkpoint, and what was done since.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, ProtocolVersion, RedisConnectionInfo, RedisError, RedisResult, Value,
    cmd,
};
use zeroize::Zeroizing;

use super::config::RedisConfig;
use super::reach::Reach;
use crate::Error;

const SCRIPTS: [&str; 3] = [
    include_str!("append.lua"),
    include_str!("checkpoint.lua"),
    include_str!("replace.lua"),
];

const GREET: &str = include_str!("greet.lua");

/// How often an account that acts has its time renewed, in milliseconds.
pub(super) const RENEWED_MS: u64 = 3_600_000;

/// A place in a journal. The tag tells it from the same place of another past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) epoch: Vec<u8>,
    pub(super) sequence: u64,
    pub(super) tag: Vec<u8>,
}

/// For how long an append has the journal kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeping {
    /// As the last append has said.
    AsItIs,
    /// From now on; that of an account that is stopped for longer.
    Renewed { is_held: bool },
}

/// Until when accounts of which nothing is known are doubted, and for how long the store says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    pub(super) until: i64,
    pub(super) lasts_ms: i64,
}

/// What the store says to a guard that comes to it.
#[derive(Debug)]
pub(super) struct Greeting {
    /// The form of states that was noted before, by whichever guard.
    pub(super) before: Option<String>,
    /// Until when they doubt what is not here.
    pub(super) doubted_until: Option<i64>,
}

/// What the store has of a subject.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) epoch: Vec<u8>,
    /// Where the checkpoint stands.
    pub(super) base: u64,
    /// The last entry before what was appended now.
    pub(super) last: u64,
    pub(super) checkpoint: Vec<u8>,
    /// After the checkpoint; of another past also those that its state has of one guard alone.
    pub(super) entries: Vec<Vec<u8>>,
}

/// What takes the place of the entries that it has.
pub(super) struct Checkpoint<'a> {
    /// Where the state stands.
    pub(super) place: &'a Place,
    pub(super) is_held: bool,
    pub(super) state: &'a [u8],
    /// How many entries since a state was put into the store are kept.
    pub(super) since_put_max: usize,
}

/// What takes the place of everything that the store has of a subject.
pub(super) struct Replaced<'a> {
    /// Where the state stands, after the entries of one.
    pub(super) place: &'a Place,
    pub(super) is_held: bool,
    pub(super) state: &'a [u8],
    /// Entries that the state has, and that no other guard may know.
    pub(super) of_one: &'a [&'a Vec<u8>],
}

/// What the store says to an append.
#[derive(Debug)]
pub(super) enum Appended {
    /// It is done; the journal has what this guard doesn't know yet.
    Done(Journal),
    /// The store has nothing of the subject, and this guard does.
    Gone,
    /// The store's past is not this guard's: nothing was appended.
    Other(Journal),
}

/// The connections.
pub(super) struct Store {
    reach: Reach,
    who: RedisConnectionInfo,
    config: AsyncConnectionConfig,
    timeout: Duration,
    prefix: String,
    /// Who names the subjects: another's are others, also where they have one name.
    issuer: String,
    kept_ms: u64,
    connections: Vec<Mutex<Option<Connected>>>,
}

#[derive(Clone)]
struct Connected {
    connection: MultiplexedConnection,
    hashes: [String; 3],
}

impl Store {
    pub(super) fn new(config: &RedisConfig, folder: &Path) -> Result<Self, Error> {
        let read = |file: &Path| {
            let file = folder.join(file);
            std::fs::read(&file).map_err(|source| Error::FileUnreadable { file, source })
        };
        let password = match &config.password_file {
            Some(file) => {
                let bytes = Zeroizing::new(read(file)?);
                Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
            }
            None => None,
        };
        let timeout = config.timeout();
        let mut connections = Vec::new();
        connections.resize_with(config.connections(), Mutex::default);
        Ok(Self {
            reach: Reach::new(config, folder)?,
            who: RedisConnectionInfo {
                db: config.database.into(),
                username: config.user.clone(),
                password,
                protocol: ProtocolVersion::RESP2,
            },
            config: AsyncConnectionConfig::new().set_response_timeout(timeout),
            timeout,
            prefix: config.prefix.clone(),
            issuer: String::new(),
            kept_ms: config.kept_ms(),
            connections,
        })
    }

    /// The same for the subjects of an issuer.
    pub(super) fn of(mut self, issuer: &str) -> Self {
        issuer.clone_into(&mut self.issuer);
        self
    }

    /// How long an account that does nothing is kept; one that is stopped ten times as long.
    fn kept(&self, is_held: bool) -> u64 {
        if is_held {
            self.kept_ms * 10
        } else {
            self.kept_ms
        }
    }

    /// Subjects are not told to who reads the store's keys.
    fn key(&self, subject: &str) -> String {
        let name = format!("{}\n{subject}", self.issuer);
        let digest = cardea_jose::sha256_base64url(name.as_bytes());
        format!("{}{digest}", self.prefix)
    }

    /// Connections of before an outage are not used again.
    pub(super) fn forget_connections(&self) {
        for slot in &self.connections {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Notes which form states have here: tells the form that was noted before, and until when
    /// accounts that are not here are doubted: to `doubt` where the form was another.
    pub(super) async fn greet(&self, layout: &str, doubt: Doubt) -> RedisResult<Greeting> {
        let mut greet = cmd("EVAL");
        greet.arg(GREET).arg(2);
        greet.arg(format!("{}layout", self.prefix));
        greet.arg(format!("{}doubted", self.prefix));
        greet.arg(layout).arg(doubt.until).arg(doubt.lasts_ms);
        let exchange = async {
            let mut connected = self.connected("").await?;
            let (before, doubted_until) = greet.query_async(&mut connected.connection).await?;
            Ok(Greeting {
                before,
                doubted_until,
            })
        };
        let outcome = tokio::time::timeout(self.timeout * 5, exchange).await;
        outcome.unwrap_or_else(|_| Err(failed("the store is slow")))
    }

    /// Writes names of a kind down that are not there yet, for so long; `false` where one of them
    /// is there. Whoever reads the store's keys learns no name.
    pub(super) async fn take_once(
        &self,
        kind: &str,
        names: &[String],
        kept: Duration,
    ) -> RedisResult<bool> {
        let milliseconds = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX).max(1);
        let (mut set, mut key) = (redis::pipe(), String::new());
        for name in names {
            let digest = cardea_jose::sha256_base64url(name.as_bytes());
            key = format!("{}{kind}:{digest}", self.prefix);
            set.cmd("SET").arg(&key).arg(1);
            set.arg("NX").arg("PX").arg(milliseconds);
        }
        let take = async {
            let mut connected = self.connected(&key).await?;
            let said: Vec<Option<String>> = set.query_async(&mut connected.connection).await?;
            Ok(said.len() == names.len() && said.iter().all(Option::is_some))
        };
        let outcome = tokio::time::timeout(self.timeout * 5, take).await;
        let outcome = outcome.unwrap_or_else(|_| Err(failed("the store is slow")));
        if outcome.is_err() {
            *self.slot(&key) = None;
        }
        outcome
    }

    /// Appends, and tells what was appended by others since `known`, or everything.
    pub(super) async fn append(
        &self,
        subject: &str,
        known: Option<&Place>,
        wants_all: bool,
        keeping: Keeping,
        entries: &[Vec<u8>],
    ) -> RedisResult<Appended> {
        // A journal that is known has an epoch.
        let epoch = known.map_or_else(fresh_number, |_| [0; 8]);
        let keep = match keeping {
            // Renewed once an hour: what is renewed lasts an hour more.
            Keeping::Renewed { is_held } => self.kept(is_held) + RENEWED_MS,
            Keeping::AsItIs if known.is_some() => 0,
            Keeping::AsItIs => self.kept(false),
        };
        let answer: Value = self
            .run(0, subject, |script| {
                let place = known.map(|it| (&it.epoch, it.sequence, &it.tag));
                let (old, sequence, tag) = match place {
                    Some((epoch, sequence, tag)) => (epoch.as_slice(), sequence, tag.as_slice()),
                    None => (&[][..], 0, &[][..]),
                };
                script.arg(old).arg(sequence).arg(tag);
                script.arg(u8::from(wants_all)).arg(keep);
                script.arg(epoch.as_slice());
                for entry in entries {
                    script.arg(entry);
                }
            })
            .await?;
        read_answer(answer)
    }

    /// Puts a state in the place of the entries up to its own.
    pub(super) async fn checkpoint(&self, subject: &str, new: Checkpoint<'_>) -> RedisResult<bool> {
        let place = new.place;
        self.run(1, subject, |script| {
            script.arg(&place.epoch).arg(place.sequence).arg(&place.tag);
            script.arg(self.kept(new.is_held)).arg(new.state);
            script.arg(new.since_put_max);
        })
        .await
    }

    /// Puts a state in the place of everything, where `expected` is all that is there.
    pub(super) async fn replace(
        &self,
        subject: &str,
        expected: Option<(&[u8], u64)>,
        new: Replaced<'_>,
    ) -> RedisResult<bool> {
        let place = new.place;
        self.run(2, subject, |script| {
            let (epoch, last) = expected.unwrap_or((&[], 0));
            script.arg(epoch).arg(last);
            script.arg(&place.epoch).arg(place.sequence).arg(&place.tag);
            script.arg(self.kept(new.is_held)).arg(new.state);
            for entry in new.of_one {
                script.arg(entry);
            }
        })
        .await
    }

    async fn run<T: redis::FromRedisValue>(
        &self,
        script: usize,
        subject: &str,
        arguments: impl FnOnce(&mut redis::Cmd) + Send,
    ) -> RedisResult<T> {
        let key = self.key(subject);
        let run = async {
            let mut connected = self.connected(&key).await?;
            let mut evaluate = cmd("EVALSHA");
            evaluate.arg(connected.hashes.get(script)).arg(1).arg(&key);
            arguments(&mut evaluate);
            evaluate.query_async(&mut connected.connection).await
        };
        let limit = self.timeout * 5;
        let outcome = tokio::time::timeout(limit, run).await;
        let outcome = outcome.unwrap_or_else(|_| Err(failed("the store is slow")));
        if outcome.is_err() {
            *self.slot(&key) = None;
        }
        outcome
    }

    fn slot(&self, key: &str) -> std::sync::MutexGuard<'_, Option<Connected>> {
        let number = crate::act::number_of(key.as_bytes());
        let count = u64::try_from(self.connections.len()).unwrap_or(1).max(1);
        let index = usize::try_from(number % count).unwrap_or(0);
        match self.connections.get(index) {
            Some(slot) => slot.lock().unwrap_or_else(PoisonError::into_inner),
            None => unreachable!("there is at least one connection, and the index is below"),
        }
    }

    async fn connected(&self, key: &str) -> RedisResult<Connected> {
        if let Some(connected) = self.slot(key).clone() {
            return Ok(connected);
        }
        let mut connection = self.reach.connect(&self.who, &self.config).await?;
        let mut hashes = [String::new(), String::new(), String::new()];
        for (hash, script) in hashes.iter_mut().zip(SCRIPTS) {
            let mut load = cmd("SCRIPT");
            load.arg("LOAD").arg(script);
            *hash = load.query_async(&mut connection).await?;
        }
        let connected = Connected { connection, hashes };
        *self.slot(key) = Some(connected.clone());
        Ok(connected)
    }
}

/// Eight random bytes.
pub(super) fn fresh_number() -> [u8; 8] {
    let mut bytes = [0; 8];
    // Without randomness a number that is used twice makes a state be sent once too often.
    if openssl::rand::rand_bytes(&mut bytes).is_err() {
        tracing::warn!("OpenSSL has no randomness");
    }
    bytes
}

fn failed(what: &'static str) -> RedisError {
    RedisError::from((redis::ErrorKind::TypeError, what))
}

fn read_answer(answer: Value) -> RedisResult<Appended> {
    let (word, epoch, base, last, checkpoint, entries): (String, _, _, _, _, _) =
        redis::from_owned_redis_value(answer)?;
    let journal = Journal {
        epoch,
        base,
        last,
        checkpoint,
        entries,
    };
    match word.as_str() {
        "done" => Ok(Appended::Done(journal)),
        "gone" => Ok(Appended::Gone),
        "other" => Ok(Appended::Other(journal)),
        _ => Err(failed("the store's script answers something else")),
    }
}
